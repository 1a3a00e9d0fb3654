"""The check of Attention, against slices of its weights in float64, and PyTorch's own layer."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call, fill
from minillama.course.checking.check import Check
from minillama.course.lessons.shared.scores import REPEATED, family, mistakes

attention = Check(
    "Attention",
    "attention",
    mistakes=mistakes(
        "        return self.wo(",
        REPEATED,
        'self.wo(rearrange(weights @ v, "b h t d -> b t (h d)"))',
        (*family("weights"), *family("values")[:2], *family("groups"), *family("of_attention")),
    ),
)

AXES = "batch time dim"
PADDED = [[0] * 6, [-1, -1, 0, 0, 0, 0]]


def shape(n_kv_heads: int, n_heads: int = 4, **fields: Any) -> ModelConfig:
    """Heads of 4 numbers, and angles that differ at once."""
    return ModelConfig.preset(
        "tiny", dim=4 * n_heads, n_heads=n_heads, n_kv_heads=n_kv_heads, rope_theta=5.0, **fields
    )


def made(Attention: Any, config: ModelConfig, w: dict[str, Tensor], layer: int = 0) -> Any:
    return fill(call(Attention, config, layer), w)


def tables(config: ModelConfig, time: int, start: int = 0) -> tuple[Tensor, Tensor]:
    angles = oracles.angles(config, time, start)
    return angles.cos().float(), angles.sin().float()


def right(
    x: Tensor, w: dict[str, Tensor], config: ModelConfig, seen: Tensor | None = None
) -> Tensor:
    return oracles.attention(x, w, config, oracles.angles(config, x.shape[1]), seen)


def case(
    Attention: Any, config: ModelConfig, time: int = 5, example: str = "", size: float = 1.0
) -> Case:
    w, x = oracles.draw(oracles.attention_shapes(config)), size * torch.randn(2, time, config.dim)
    got = call(made(Attention, config, w), x, *tables(config, time))
    return Case(got, right(x, w, config).float(), example, AXES, atol=1e-5 * size)


@attention.probe("two positions and two heads, by hand")
def by_hand(Attention: Any) -> Iterator[Case]:
    config = ModelConfig.preset("tiny", dim=4, n_heads=2, n_kv_heads=2)
    w = {name: torch.eye(4) for name in oracles.attention_shapes(config)}
    x, still = torch.tensor([[[1.0, 0, 1, 0], [0, 1, 0, 2]]]), (torch.ones(2, 1), torch.zeros(2, 1))
    # Position 1 scores 0 and 1 / sqrt(2) in the first head, and 0 and 4 / sqrt(2) in the second.
    # So its shares are 0.3302 and 0.6698, and 0.0558 and 0.9442.
    right = torch.tensor([[[1.0, 0, 1, 0], [0.3302, 0.6698, 0.0558, 1.8884]]])
    example = "x = [[[1, 0, 1, 0], [0, 1, 0, 2]]], wq = wk = wv = wo = torch.eye(4), all angles 0"
    yield Case(call(made(Attention, config, w), x, *still), right, example, AXES, atol=1e-3)


@attention.probe("without rotation it is PyTorch's MultiheadAttention")
def pytorchs(Attention: Any) -> Iterator[Case]:
    config = shape(4)
    w, x = oracles.draw(oracles.attention_shapes(config)), torch.randn(2, 5, 16)
    theirs = torch.nn.MultiheadAttention(16, 4, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([w[f"w{x}.weight"] for x in "qkv"]))
        theirs.out_proj.weight.copy_(w["wo.weight"])
    hidden = torch.ones(5, 5, dtype=torch.bool).triu(1)
    expected, _ = theirs(x, x, x, attn_mask=hidden, need_weights=False)
    got = call(made(Attention, config, w), x, torch.ones(5, 2), torch.zeros(5, 2))
    yield Case(got, expected, "4 heads and all angles 0", AXES)


@attention.probe("queries and keys are turned by their positions")
def turned(Attention: Any) -> Iterator[Case]:
    yield case(Attention, shape(4), example="4 heads of 4 numbers")
    yield case(Attention, shape(1, n_heads=1), example="1 head of 4 numbers")


@attention.probe("neighbouring query heads share a key-value head")
def shared(Attention: Any) -> Iterator[Case]:
    yield case(Attention, shape(2), example="4 query heads and 2 key-value heads")
    yield case(Attention, shape(1), example="4 query heads and 1 key-value head")
    yield case(Attention, shape(3, 6), 3, "6 query heads and 3 key-value heads")


@attention.probe("no position sees the future")
def future(Attention: Any) -> Iterator[Case]:
    config = shape(2)
    w, x = oracles.draw(oracles.attention_shapes(config)), torch.randn(1, 5, 16)
    module, expected = made(Attention, config, w), right(x, w, config).float()
    for t in (1, 2, 4):
        changed = torch.cat((x[:, :t], 3 * torch.randn(1, 5 - t, 16)), dim=1)
        got = call(module, changed, *tables(config, 5))
        example = f"other vectors from position {t} on, for the results before it"
        whole = isinstance(got, Tensor) and got.shape == expected.shape
        yield Case(got[:, :t] if whole else got, expected[:, :t], example, AXES)


@attention.probe("a mask says where to look")
def masked(Attention: Any) -> Iterator[Case]:
    config = shape(2)
    w, x = oracles.draw(oracles.attention_shapes(config)), torch.randn(2, 5, 16)
    seen = oracles.may_look(5, [[-1, -1, 0, 0, 0], [0, 0, 3, 3, 3]])
    got = call(made(Attention, config, w), x, *tables(config, 5), seen[:, None])
    yield Case(got, right(x, w, config, seen).float(), "a mask of documents", AXES)


@attention.probe("a mask is the whole rule, even where it shows the future")
def everything(Attention: Any) -> Iterator[Case]:
    config = shape(2)
    w, x = oracles.draw(oracles.attention_shapes(config)), torch.randn(2, 3, 16)
    seen = torch.ones(2, 3, 3).bool()
    got = call(made(Attention, config, w), x, *tables(config, 3), seen[:, None])
    yield Case(got, right(x, w, config, seen).float(), "a mask that is True everywhere", AXES)


def in_pieces(
    Attention: Any, cuts: list[int], documents: list[list[int]] | None = None
) -> Iterator[Case]:
    """Read some tokens piece by piece, with a cache; the results are those of the whole."""
    config = shape(2, n_layers=3, max_seq_len=6)
    w, x = oracles.draw(oracles.attention_shapes(config)), torch.randn(2, 6, 16)
    seen = oracles.may_look(6, documents).expand(2, -1, -1) if documents else None
    expected, cache = right(x, w, config, seen).float(), KVCache(config, batch_size=2)
    module = made(Attention, config, w, 1)
    for start, end in pairwise(cuts):
        ids = [row[:end] for row in documents or ()]
        mask = oracles.may_look(end - start, ids)[:, None] if ids else None
        got = call(module, x[:, start:end], *tables(config, end - start, start), mask, cache)
        sizes = [b - a for a, b in pairwise(cuts)]
        example = f"6 tokens in pieces of {sizes} with a cache, for positions {start} to {end - 1}"
        if documents == PADDED:
            example += ", and a mask that hides the padding at the beginning of one of two texts"
        yield Case(got, expected[:, start:end], example, AXES)
        yield Case(cache.position, start, f"{example}, for the cache's position before advance")
        cache.position = end
    k = (x.double() @ w["wk.weight"].double().T).view(2, 6, 2, 4).transpose(1, 2)
    k = oracles.rotate(k, oracles.angles(config, 6)).float()
    example = "6 tokens read by the second of three layers, for the keys in the cache"
    axes = "layers batch kv_heads keys head_dim"
    nothing = torch.zeros_like(k)
    yield Case(cache.keys, torch.stack((nothing, k, nothing)), example, axes)


@attention.probe("with a cache, token by token, it gives the same")
def cached(Attention: Any) -> Iterator[Case]:
    yield from in_pieces(Attention, [0, 1, 2, 3, 4, 5, 6])


@attention.probe("with a cache, first the beginning and then the rest, it gives the same")
def cached_after_start(Attention: Any) -> Iterator[Case]:
    yield from in_pieces(Attention, [0, 4, 5, 6])


@attention.probe("with a cache, in pieces of any size and with masks, it gives the same")
def cached_pieces(Attention: Any) -> Iterator[Case]:
    for cuts in ([0, 1, 6], [0, 3, 6], [0, 2, 5, 6]):
        yield from in_pieces(Attention, cuts, [[0] * 6])
    yield from in_pieces(Attention, [0, 3, 4, 5, 6], PADDED)


@attention.probe("without a mask, later pieces are causal too")
def causal_pieces(Attention: Any) -> Iterator[Case]:
    for cuts in ([0, 3, 6], [0, 2, 5, 6]):
        yield from in_pieces(Attention, cuts)


@attention.probe("large scores do not overflow")
def large(Attention: Any) -> Iterator[Case]:
    yield case(Attention, shape(2), 4, "x twelve times as large", 12.0)


@attention.probe("bfloat16 goes in and comes out")
def half(Attention: Any) -> Iterator[Case]:
    config = shape(2)
    w, x = oracles.draw(oracles.attention_shapes(config)), torch.randn(2, 5, 16).bfloat16()
    got = call(made(Attention, config, w).bfloat16(), x, *tables(config, 5))
    expected = right(x, {name: t.bfloat16() for name, t in w.items()}, config).bfloat16()
    yield Case(got, expected, "x and weights in bfloat16", AXES, 0.1, 0.1)


@attention.probe("the gradients of x and of the weights are right")
def gradients(Attention: Any) -> Iterator[Case]:
    config = shape(2)
    w = oracles.draw(oracles.attention_shapes(config), requires_grad=True)
    x, target = torch.randn(1, 4, 16, requires_grad=True), torch.randn(1, 4, 16)
    module = made(Attention, config, w)
    (call(module, x, *tables(config, 4)) * target).sum().backward()
    loss = (right(x, w, config) * target).sum()
    expected = torch.autograd.grad(loss, [x, *w.values()])
    given = {"x": x, **dict(module.named_parameters())}
    for name, grad in zip(["x", *w], expected, strict=True):
        yield Case(given[name].grad, grad, f"a random x, for the gradient of {name}")
