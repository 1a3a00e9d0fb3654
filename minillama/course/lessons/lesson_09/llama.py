"""The check of Llama, against the whole model in float64, text by text."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call, fill, refusal
from minillama.course.checking.check import Check
from minillama.course.checking.spies import Elsewhere, tensors
from minillama.course.complaint import Known

llama = Check("Llama", "model")

AXES = "batch time vocab_size"


def shape(**fields: Any) -> ModelConfig:
    small = dict(
        dim=8, n_heads=2, n_kv_heads=1, hidden_dim=12, n_layers=2, vocab_size=11, max_seq_len=8,
        norm_eps=0.1, rope_theta=5.0, tie_embeddings=False,
    )  # fmt: skip
    return ModelConfig.preset("tiny", **(small | fields))


def made(Llama: Any, config: ModelConfig) -> tuple[Any, dict[str, Tensor]]:
    """A model with random weights, and the weights."""
    w = oracles.draw(oracles.llama_shapes(config))
    return fill(call(Llama, config), w), w


def moved(model: Any, method: str, *args: Any) -> Any:
    """What the model's `float`, say, gives back, which is what its `_apply` does."""
    (got,) = call(lambda: (getattr(model, method)(*args),))
    if got is None:
        raise Known("apply-returns-nothing")
    return got


def words(config: ModelConfig, time: int) -> Tensor:
    return torch.randint(config.vocab_size, (2, time))


@llama.probe("one token and blocks that add nothing, by hand")
def by_hand(Llama: Any) -> Iterator[Case]:
    config = shape(dim=2, n_heads=1, n_layers=1, hidden_dim=2, vocab_size=2, norm_eps=1e-6)
    w = {name: torch.zeros(shape) for name, shape in oracles.llama_shapes(config).items()}
    w |= {name: torch.ones(2) for name, tensor in w.items() if tensor.dim() == 1}
    w["tok_embeddings.weight"] = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    w["output.weight"] = torch.tensor([[1.0, 0.0], [0.0, 10.0]])
    got = call(fill(call(Llama, config), w), torch.tensor([[0]]))
    # The root mean square of 3 and 4 is 3.5355.
    example = (
        "tokens = [[0]], whose embedding is [3, 4], all matrices of the block 0, "
        "and output.weight = [[1, 0], [0, 10]]"
    )
    yield Case(got, torch.tensor([[[0.8485, 11.314]]]), example, AXES, rtol=1e-3)


@llama.probe("whole texts give the right logits")
def whole(Llama: Any) -> Iterator[Case]:
    for n_layers, n_kv_heads in ((1, 2), (3, 1)):
        config = shape(n_layers=n_layers, n_kv_heads=n_kv_heads)
        (model, w), tokens = made(Llama, config), words(config, 6)
        right = oracles.llama(tokens, w, config).float()
        example = f"{n_layers} layers, 2 heads and {n_kv_heads} key-value heads"
        yield Case(call(model, tokens), right, example, AXES, atol=1e-4)
        if n_layers == 1:
            yield from elsewhere(model, [tokens[:, :2]])


def elsewhere(model: Any, pieces: list[Tensor], cached: bool = False) -> Iterator[Case]:
    """With weights and tokens taken for ones on a GPU, which nothing on the CPU may meet there."""
    before = held(model)
    with Elsewhere(*model.parameters(), *pieces) as mode:
        mode.leave(*before)
        # As `.cuda()` does: what it is given comes back as a tensor that is there.
        moved(model, "_apply", lambda tensor: tensor.to(tensor.device, copy=True))
        cache = KVCache(shape(), batch_size=2, device=pieces[0].device) if cached else None
        for piece in pieces:
            call(model, piece, cache)
    example = "weights and tokens on a GPU, for whether they meet something on the CPU"
    yield Case(mode.mixed, False, example + " (with a cache)" * cached)
    left = any(now is then for now in held(model) for then in before)
    yield Case(mode.mixed and left, False, f"{example}, a tensor that was not moved with them")


def held(model: Any) -> list[Tensor]:
    """The tensors that a model keeps beside its parameters."""
    plain = (tensor for module in model.modules() for tensor in tensors([*vars(module).values()]))
    return [*model.buffers(), *(t for t in plain if not isinstance(t, nn.Parameter))]


@llama.probe("no position sees the future")
def future(Llama: Any) -> Iterator[Case]:
    config = shape()
    (model, w), tokens = made(Llama, config), words(config, 6)
    right = oracles.llama(tokens, w, config).float()
    for t in (1, 3, 5):
        changed = torch.cat((tokens[:, :t], (tokens[:, t:] + 1) % 11), dim=1)
        got = call(model, changed)
        example = f"other tokens from position {t} on, for the logits before it"
        complete = isinstance(got, Tensor) and got.shape == right.shape
        yield Case(got[:, :t] if complete else got, right[:, :t], example, AXES, atol=1e-4)


@llama.probe("a tied output is the embedding")
def tied(Llama: Any) -> Iterator[Case]:
    config = shape(tie_embeddings=True)
    (model, w), tokens = made(Llama, config), words(config, 5)
    right = oracles.llama(tokens, w, config).float()
    yield Case(call(model, tokens), right, "tie_embeddings = True", AXES, atol=1e-4)


def in_pieces(model: Any, tokens: Tensor, right: Tensor, cuts: list[int]) -> Iterator[Case]:
    """Read some tokens piece by piece, with a cache; the logits are those of the whole."""
    cache = KVCache(shape(), batch_size=2)
    sizes = [b - a for a, b in pairwise(cuts)]
    for start, end in pairwise(cuts):
        example = f"pieces of {sizes} tokens with a cache, for positions {start} to {end - 1}"
        got = call(model, tokens[:, start:end], cache)
        kept = bool(cache.keys.any())
        yield Case(kept, True, f"{example}, for whether anything is written into the cache")
        yield Case(got, right[:, start:end], example, AXES, atol=1e-4)
        yield Case(cache.position, end, f"{example}, for the cache's position afterwards")


@llama.probe("with a cache, token by token, it gives the same")
def cached(Llama: Any) -> Iterator[Case]:
    config = shape()
    (model, w), tokens = made(Llama, config), words(config, 4)
    right = oracles.llama(tokens, w, config).float()
    yield from in_pieces(model, tokens, right, [0, 1, 2, 3, 4])


@llama.probe("with a cache, in two pieces of any size, it gives the same")
def two_pieces(Llama: Any) -> Iterator[Case]:
    config = shape()
    (model, w), tokens = made(Llama, config), words(config, 6)
    right = oracles.llama(tokens, w, config).float()
    for cut in (1, 3, 5):
        yield from in_pieces(model, tokens, right, [0, cut, 6])
    yield from in_pieces(model, tokens, right, [0, 2, 3, 6])
    yield from elsewhere(model, [tokens[:, :2], tokens[:, 2:4]], cached=True)


@llama.probe("as many tokens as max_seq_len fit")
def full(Llama: Any) -> Iterator[Case]:
    config = shape()
    (model, w), tokens = made(Llama, config), words(config, 8)
    right = oracles.llama(tokens, w, config).float()
    example = "8 tokens and max_seq_len = 8"
    yield Case(call(model, tokens), right, example, AXES, atol=1e-4)
    example = "9 tokens and max_seq_len = 8"
    yield Case(refusal(model, words(config, 9)), "a ValueError", example)


@llama.probe("documents packed in a row do not see one another")
def packed(Llama: Any) -> Iterator[Case]:
    config = shape()
    (model, w), tokens = made(Llama, config), words(config, 6)
    for documents in ([[0, 0, 1, 1, 1, 2], [5, 5, 5, 5, 5, 5]], [[-1, -1, 0, 0, 0, 0], [0, 3] * 3]):
        got = call(model, tokens, documents=torch.tensor(documents))
        right = oracles.llama(tokens, w, config, documents).float()
        yield Case(got, right, f"documents = {documents}", AXES, atol=1e-4)


@llama.probe("padding on the left stays unseen as the text goes on in a cache")
def padded(Llama: Any) -> Iterator[Case]:
    config = shape()
    (model, w), tokens = made(Llama, config), words(config, 6)
    documents, cache = [[0] * 6, [-1, -1, 0, 0, 0, 0]], KVCache(config, batch_size=2)
    right = oracles.llama(tokens, w, config, documents).float()
    start = torch.tensor(documents)
    for at, end, given in ((0, 3, start[:, :3]), (3, 4, start[:, 3:4]), (4, 5, None), (5, 6, None)):
        got = call(model, tokens[:, at:end], cache, given)
        example = f"a prompt of which one has 2 tokens of padding, for positions {at} to {end - 1}"
        yield Case(got, right[:, at:end], example, AXES, atol=1e-4)
