"""The check of Llama, against the whole model in float64, text by text."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call, fill, refusal
from minillama.course.checking.check import Check
from minillama.course.checking.spies import Elsewhere, tensors

llama = Check("Llama", "model")

AXES = "batch time vocab_size"
NAMES = ("tok_embeddings", "layers", "norm", "output")


def shape(**fields: Any) -> ModelConfig:
    small = dict(
        dim=8, n_heads=2, n_kv_heads=1, hidden_dim=12, n_layers=2, vocab_size=11, max_seq_len=8,
        norm_eps=0.1, rope_theta=5.0, tie_embeddings=False,
    )  # fmt: skip
    return ModelConfig.preset("tiny", **(small | fields))


def made(
    Llama: Any, time: int, documents: list[list[int]] | None = None, **fields: Any
) -> tuple[Any, dict[str, Tensor], Tensor, Tensor]:
    """A model with random weights, the weights, two texts, and their logits in float64."""
    config = shape(**fields)
    w = oracles.draw(oracles.llama_shapes(config), requires_grad=True)
    model, tokens = fill(call(Llama, config), w), torch.randint(config.vocab_size, (2, time))
    return model, w, tokens, oracles.llama(tokens, w, config, documents)


@llama.probe("one token and blocks that add nothing, by hand")
def by_hand(Llama: Any) -> Iterator[Case]:
    config = shape(dim=2, n_heads=1, n_layers=1, hidden_dim=2, vocab_size=2, norm_eps=1e-6)
    w = {name: torch.zeros(shape) for name, shape in oracles.llama_shapes(config).items()}
    w |= {name: torch.ones(2) for name, tensor in w.items() if tensor.dim() == 1}
    w["tok_embeddings.weight"] = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    w["output.weight"] = torch.tensor([[1.0, 0.0], [0.0, 10.0]])
    got = call(fill(call(Llama, config), w), torch.tensor([[0]]))
    # The root mean square of 3 and 4 is 3.5355.
    example = "an embedding of [3, 4], blocks of 0 and output.weight = [[1, 0], [0, 10]]"
    yield Case(got, torch.tensor([[[0.8485, 11.314]]]), example, AXES, rtol=1e-3)


@llama.probe("whole texts give the right logits, with a tied output too")
def whole(Llama: Any) -> Iterator[Case]:
    for n_layers, n_kv_heads, tie in ((1, 2, False), (3, 1, False), (2, 1, True)):
        fields: dict[str, Any] = dict(n_layers=n_layers, n_kv_heads=n_kv_heads, tie_embeddings=tie)
        model, _, tokens, right = made(Llama, 6, **fields)
        example = f"2 heads, {', '.join(f'{name} = {value}' for name, value in fields.items())}"
        yield Case(call(model, tokens), right.float(), example, AXES, atol=1e-4)


@llama.probe("no position sees the future")
def future(Llama: Any) -> Iterator[Case]:
    model, _, tokens, right = made(Llama, 6)
    for t in (1, 3, 5):
        changed = torch.cat((tokens[:, :t], (tokens[:, t:] + 1) % 11), dim=1)
        example = f"other tokens from position {t} on, for the logits before it"
        yield Case(call(model, changed)[:, :t], right[:, :t].float(), example, AXES, atol=1e-4)


def in_pieces(Llama: Any, cuts: list[int]) -> Iterator[Case]:
    """Read some tokens piece by piece, with a cache; the logits are those of the whole."""
    (model, _, tokens, right), cache = made(Llama, cuts[-1]), KVCache(shape(), batch_size=2)
    sizes = [b - a for a, b in pairwise(cuts)]
    for start, end in pairwise(cuts):
        example = f"pieces of {sizes} tokens with a cache, for positions {start} to {end - 1}"
        got = call(model, tokens[:, start:end], cache)
        kept = bool(cache.keys.any())
        yield Case(kept, True, f"{example}, for whether anything is written into the cache")
        yield Case(got, right[:, start:end].float(), example, AXES, atol=1e-4)
        yield Case(cache.position, end, f"{example}, for the cache's position afterwards")


@llama.probe("with a cache, token by token, it gives the same")
def cached(Llama: Any) -> Iterator[Case]:
    yield from in_pieces(Llama, [0, 1, 2, 3, 4])


@llama.probe("with a cache, in two pieces of any size, it gives the same")
def two_pieces(Llama: Any) -> Iterator[Case]:
    for cuts in ([0, 1, 6], [0, 3, 6], [0, 5, 6], [0, 2, 3, 6]):
        yield from in_pieces(Llama, cuts)


@llama.probe("weights and tokens on a GPU meet nothing on the CPU")
def elsewhere(Llama: Any) -> Iterator[Case]:
    masks = [oracles.may_look(2, [[0] * keys] * 2)[:, None] for keys in (2, 4)]
    for met, left, given in (
        ("a table made on the CPU", False, masks),
        ("a tensor of the model that was not moved with them", True, masks),
        ("a mask made on the CPU", True, [None, None]),
    ):
        model, _, tokens, _ = made(Llama, 4)
        beside = [x for m in model.modules() for x in tensors([*vars(m).values()])]
        kept = [x for x in (*model.buffers(), *beside) if not isinstance(x, nn.Parameter)]
        pieces = tokens.split(2, dim=1)
        with Elsewhere(*model.parameters(), *pieces, *masks) as mode:
            mode.leave(*(kept if left else []))
            # As `.cuda()` does: what it is given comes back as a tensor that is there.
            call(model._apply, lambda tensor: tensor.to(tensor.device, copy=True))
            call(model, pieces[0], None, given[0])
            cache = KVCache(shape(), batch_size=2, device=tokens.device)
            for piece, mask in zip(pieces, given, strict=True):
                call(model, piece, cache, mask)
        yield Case(mode.mixed, False, f"weights and tokens on a GPU, for whether they meet {met}")


@llama.probe("as many tokens as max_seq_len fit")
def full(Llama: Any) -> Iterator[Case]:
    model, _, tokens, right = made(Llama, 8)
    yield Case(call(model, tokens), right.float(), "8 tokens, all that fit", AXES, atol=1e-4)
    how = refusal(model, torch.zeros(2, 9, dtype=torch.long))
    yield Case(how, "a ValueError", "9 tokens and max_seq_len = 8")


@llama.probe("a mask hides texts that are packed in one row from one another")
def packed(Llama: Any) -> Iterator[Case]:
    for documents in ([[0, 0, 1, 1, 1, 2], [5, 5, 5, 5, 5, 5]], [[-1, -1, 0, 0, 0, 0], [0, 3] * 3]):
        model, _, tokens, right = made(Llama, 6, documents)
        got = call(model, tokens, mask=oracles.may_look(6, documents)[:, None])
        example = f"a mask for texts of which each token's number is {documents}"
        yield Case(got, right.float(), example, AXES, atol=1e-4)


@llama.probe("a mask hides padding on the left as the text goes on in a cache")
def padded(Llama: Any) -> Iterator[Case]:
    documents, cache = [[0] * 6, [-1, -1, 0, 0, 0, 0]], KVCache(shape(), batch_size=2)
    model, _, tokens, right = made(Llama, 6, documents)
    for start, end in pairwise((0, 3, 4, 5, 6)):
        mask = oracles.may_look(end - start, [row[:end] for row in documents])[:, None]
        got = call(model, tokens[:, start:end], cache, mask)
        example = f"a text with 2 tokens of padding before it, for positions {start} to {end - 1}"
        yield Case(got, right[:, start:end].float(), example, AXES, atol=1e-4)


@llama.probe("the gradients of the weights are right")
def gradients(Llama: Any) -> Iterator[Case]:
    for tie in (False, True):
        model, w, tokens, right = made(Llama, 4, tie_embeddings=tie)
        target = torch.randn(2, 4, 11)
        (call(model, tokens) * target).sum().backward()
        grads = torch.autograd.grad((right * target).sum(), list(w.values()))
        expected = dict(zip(w, grads, strict=True))
        for name, parameter in model.named_parameters():
            example = f"tie_embeddings = {tie}, for the gradient of {name}"
            yield Case(parameter.grad, expected[name], example, rtol=1e-3, atol=1e-3)


@llama.probe("in bfloat16 and back its positions are as exact as before")
def half(Llama: Any) -> Iterator[Case]:
    model, w, tokens, right = made(Llama, 6)
    model, given = call(model.bfloat16), list[Tensor]()
    model.layers[0].register_forward_pre_hook(
        lambda _, args, kwargs: given.extend(tensors([*args, *kwargs.values()])), with_kwargs=True
    )
    yield Case(call(model, tokens), right.bfloat16(), "weights in bfloat16", AXES, 0.2, 0.5)
    rounded = any(t.ndim == 2 and t.dtype == torch.bfloat16 for t in given)
    example = "weights in bfloat16, for whether the blocks get cos and sin in bfloat16 too"
    yield Case(rounded, False, example)
    model = fill(call(model.float), w)
    example = "weights in bfloat16, back in float32, and put in again"
    yield Case(call(model, tokens), right.float(), example, AXES, atol=1e-4)


@llama.probe("what is saved are the weights, and the rest of the package finds all parts by name")
def named(Llama: Any) -> Iterator[Case]:
    for tie in (False, True):
        config = shape(tie_embeddings=tie)
        model, given = call(Llama, config), f"tie_embeddings = {tie}, for"
        names, right = call(model.state_dict).keys(), oracles.llama_shapes(config).keys()
        more = sorted(names - right - {"output.weight"})
        yield Case(more, [], f"{given} what is saved beside the weights")
        yield Case(sorted(right - names), [], f"{given} the weights that are not saved")
        example = f"{given} whether model.config is the config that it was made with"
        yield Case(getattr(model, "config", None) == config, True, example)
        missing = " and no ".join(name for name in NAMES if not hasattr(model, name))
        example = f"{given} whether the package misses a part by its name"
        example += f" (it has no {missing})" * bool(missing)
        yield Case(bool(missing), False, example)


@llama.probe("a new model's weights are drawn as init_weights says")
def drawn(Llama: Any) -> Iterator[Case]:
    model = call(Llama, shape(dim=64, hidden_dim=64, vocab_size=256, tie_embeddings=True))
    weights = dict(model.named_parameters())
    # A block's wo gets less by 2, the root of twice 2 layers.
    for name, std in (("tok_embeddings.weight", 0.02), ("layers.0.attention.wo.weight", 0.01)):
        example = f"a new model of 2 layers, for the standard deviation of {name}"
        yield Case(weights[name].std(), std, example, rtol=0.15)
    logits = call(model, torch.randint(256, (2, 8)))
    loss = F.cross_entropy(logits.flatten(0, 1), torch.randint(256, (16,))).item()
    example = f"a new model of 256 tokens, whose loss is {loss:.2f}, for whether that is ln(256)"
    yield Case(abs(loss - math.log(256)) < 0.1, True, example)


@llama.probe("n_parameters counts every number once")
def counted(Llama: Any) -> Iterator[Case]:
    for tie in (True, False):
        config = shape(tie_embeddings=tie)
        right = sum(math.prod(shape) for shape in oracles.llama_shapes(config).values())
        got = call(getattr, call(Llama, config), "n_parameters")
        yield Case(got, right, f"tie_embeddings = {tie}, for n_parameters")
