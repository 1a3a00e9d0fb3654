"""The check of Block, against norms, attention and feed-forward put together in float64."""

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

block = Check("Block", "model")

AXES = "batch time dim"
CONFIG = ModelConfig.preset(
    "tiny", dim=8, n_heads=2, n_kv_heads=1, hidden_dim=12, n_layers=3, max_seq_len=6,
    norm_eps=0.1, rope_theta=5.0,
)  # fmt: skip


def made(Block: Any, w: dict[str, Tensor], layer: int = 0) -> Any:
    return fill(call(Block, CONFIG, layer), w)


def tables(time: int, start: int = 0) -> tuple[Tensor, Tensor]:
    angles = oracles.angles(CONFIG, time, start)
    return angles.cos().float(), angles.sin().float()


def right(x: Tensor, w: dict[str, Tensor], seen: Tensor | None = None) -> Tensor:
    return oracles.block(x, w, CONFIG, oracles.angles(CONFIG, x.shape[1]), seen)


@block.probe("one position, by hand")
def by_hand(Block: Any) -> Iterator[Case]:
    config = ModelConfig.preset("tiny", dim=2, n_heads=1, n_kv_heads=1, hidden_dim=2, norm_eps=1e-6)
    shapes = oracles.block_shapes(config)
    w = {name: torch.eye(2) if len(shape) > 1 else torch.ones(2) for name, shape in shapes.items()}
    x, still = torch.tensor([[[3.0, 4.0]]]), (torch.ones(1, 1), torch.zeros(1, 1))
    # The norm of x is [0.8485, 1.1314], which alone is seen, so attention adds just that. The sum
    # has the same direction and so the same norm, n; the feed-forward adds silu(n) * n.
    expected = torch.tensor([[[3 + 0.8485 + 0.5042, 4 + 1.1314 + 0.9678]]])
    example = "x = [[[3, 4]]], all matrices [[1, 0], [0, 1]] and the norms' weights 1"
    yield Case(call(fill(call(Block, config, 0), w), x, *still), expected, example, AXES, atol=1e-3)


@block.probe("attention and feed-forward add to the stream, each from a normalised copy")
def added(Block: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.block_shapes(CONFIG)), 3 * torch.randn(2, 5, 8)
    yield Case(call(made(Block, w), x, *tables(5)), right(x, w).float(), "", AXES)


@block.probe("if both add nothing, the stream stays as it is")
def nothing_added(Block: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.block_shapes(CONFIG)), 3 * torch.randn(1, 5, 8)
    for name in ("attention.wo.weight", "feed_forward.w_down.weight"):
        w[name] = torch.zeros_like(w[name])
    yield Case(call(made(Block, w), x, *tables(5)), x, "wo and w_down all zeros", AXES)


@block.probe("no position sees the future")
def future(Block: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.block_shapes(CONFIG)), torch.randn(1, 5, 8)
    module, expected = made(Block, w), right(x, w).float()
    for t in (1, 3):
        changed = torch.cat((x[:, :t], 3 * torch.randn(1, 5 - t, 8)), dim=1)
        got = call(module, changed, *tables(5))
        example = f"other vectors from position {t} on, for the results before it"
        whole = isinstance(got, Tensor) and got.shape == expected.shape
        yield Case(got[:, :t] if whole else got, expected[:, :t], example, AXES)


@block.probe("the mask reaches attention")
def masked(Block: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.block_shapes(CONFIG)), torch.randn(2, 5, 8)
    seen = oracles.may_look(5, [[-1, -1, 0, 0, 0], [0, 0, 3, 3, 3]])
    got = call(made(Block, w), x, *tables(5), seen[:, None])
    yield Case(got, right(x, w, seen).float(), "a mask of documents", AXES)


@block.probe("the cache reaches attention, and its layer's place in it")
def cached(Block: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.block_shapes(CONFIG)), torch.randn(2, 6, 8)
    module, expected = made(Block, w, 1), right(x, w).float()
    for cuts in ([0, 1, 2, 3, 4, 5, 6], [0, 4, 5, 6]):
        cache = KVCache(CONFIG, batch_size=2)
        for start, end in pairwise(cuts):
            got = call(module, x[:, start:end], *tables(end - start, start), None, cache)
            example = f"positions {start} to {end - 1} after {start} in the cache"
            yield Case(got, expected[:, start:end], example, AXES)
            yield Case(cache.position, start, f"{example}, for its position before advance")
            cache.position = end
        used = [bool(layer.any()) for layer in cache.keys]
        yield Case(used, [False, True, False], "the second of three layers, for which are in use")


@block.probe("bfloat16 goes in and comes out")
def half(Block: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.block_shapes(CONFIG)), torch.randn(2, 5, 8).bfloat16()
    got = call(made(Block, w).bfloat16(), x, *tables(5))
    expected = right(x, {name: t.bfloat16() for name, t in w.items()}).bfloat16()
    yield Case(got, expected, "x and weights in bfloat16", AXES, 0.1, 0.15)


@block.probe("the gradients of x and of the weights are right")
def gradients(Block: Any) -> Iterator[Case]:
    w = oracles.draw(oracles.block_shapes(CONFIG), requires_grad=True)
    x, target = torch.randn(1, 4, 8, requires_grad=True), torch.randn(1, 4, 8)
    module = made(Block, w)
    (call(module, x, *tables(4)) * target).sum().backward()
    expected = torch.autograd.grad((right(x, w) * target).sum(), [x, *w.values()])
    given = {"x": x, **dict(module.named_parameters())}
    for name, grad in zip(["x", *w], expected, strict=True):
        yield Case(given[name].grad, grad, f"a random x, for the gradient of {name}", atol=1e-4)
