"""The checks of Block, put together in float64, and of lesson 09's exercises; see also llama.py."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn, randn, tensor

from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call, fill
from minillama.course.checking.check import Check
from minillama.course.checking.probes import agrees, all_agree, examples, gradients, modules
from minillama.model import Llama

block = Check("Block", "model")

AXES = "batch time dim"
CONFIG = ModelConfig.preset(
    "tiny", dim=8, n_heads=2, n_kv_heads=1, hidden_dim=12, n_layers=3, max_seq_len=6,
    norm_eps=0.1, rope_theta=5.0)  # fmt: skip
ONE_HEAD = ModelConfig.preset("tiny", dim=2, n_heads=1, n_kv_heads=1, hidden_dim=2, norm_eps=1e-6)
SHAPES = oracles.block_shapes(ONE_HEAD)
EYES = {name: torch.eye(2) if len(SHAPES[name]) > 1 else torch.ones(2) for name in SHAPES}


def tables(time: int, start: int = 0) -> tuple[Tensor, Tensor]:
    angles = oracles.angles(CONFIG, time, start)
    return angles.cos().float(), angles.sin().float()


def right(x: Tensor, w: dict[str, Tensor], seen: Tensor | None = None) -> Tensor:
    return oracles.block(x, w, CONFIG, oracles.angles(CONFIG, x.shape[1]), seen)


def drawn(*shape: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, dict[str, Tensor]]:
    """Random vectors and weights."""
    w = oracles.draw(oracles.block_shapes(CONFIG))
    return (3 * randn(*shape, 8)).to(dtype), {name: w[name].to(dtype) for name in w}


def also(x: Tensor, *masks: Tensor) -> tuple[Tensor, ...]:
    return *tables(x.shape[1]), *(mask[:, None] for mask in masks)


result = modules(lambda w, *masks: (CONFIG, 0), also)
# The norm of x is [0.8485, 1.1314], which alone is seen, so attention adds just that. The sum
# has the same direction and so the same norm, n; the feed-forward adds silu(n) * n.
examples(
    block, "one position, by hand",
    ((tensor([[[3.0, 4.0]]]), EYES), tensor([[[3 + 0.8485 + 0.5042, 4 + 1.1314 + 0.9678]]]),
     "x = [[[3, 4]]], all matrices [[1, 0], [0, 1]] and the norms' weights 1"),
    through=modules(lambda w: (ONE_HEAD, 0), lambda x: (torch.ones(1, 1), torch.zeros(1, 1))),
    axes=AXES, atol=1e-3)  # fmt: skip
all_agree(block, right, {
    "attention and feed-forward add to the stream, each from a normalised copy":
        lambda: [drawn(2, 5)],
    "the mask reaches attention":
        lambda: [(*drawn(2, 5), oracles.may_look(5, [[-1, -1, 0, 0, 0], [0, 0, 3, 3, 3]]))],
}, through=result, axes=AXES)  # fmt: skip
agrees(
    block, "no position sees the future", lambda x, w: right(x[:, :3], w), lambda: [drawn(1, 5)],
    words="5 positions, for what the first 3 alone would be", axes=AXES,
    through=lambda Block, x, w: result(Block, x, w)[:, :3])  # fmt: skip


@block.probe("the cache reaches attention, and its layer's place in it")
def cached(Block: Any) -> Iterator[Case]:
    x, w = drawn(2, 6)
    module, expected = fill(call(Block, CONFIG, 1), w), right(x, w).float()
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


agrees(
    block, "bfloat16 goes in and comes out", right, lambda: [drawn(2, 5, dtype=torch.bfloat16)],
    through=result, axes=AXES, rtol=0.1, atol=0.15)  # fmt: skip
gradients(
    block, "the gradients of x and of the weights are right", right, lambda: drawn(1, 4),
    through=result, atol=1e-4)  # fmt: skip

# Counted from the published checkpoints.
PUBLISHED = {
    "llama-7b": 6_738_415_616, "llama-13b": 13_015_864_320, "llama-33b": 32_528_943_616,
    "llama-65b": 65_285_660_672, "llama-2-70b": 68_976_648_192, "llama-3-8b": 8_030_261_248,
    "llama-3-70b": 70_553_706_496, "llama-3.2-1b": 1_235_814_400, "llama-3.2-3b": 3_212_749_824,
}  # fmt: skip


def whole(answer: Any, *args: Any) -> Any:
    """A count as an int, also where it came as 7.0 or as a tensor."""
    got = call(answer, *args)
    if isinstance(got, Tensor) and got.numel() == 1:
        got = got.item()
    return int(got) if isinstance(got, float) and got.is_integer() else got


SMALL = [
    ModelConfig.preset("tiny", n_heads=4, n_kv_heads=2, tie_embeddings=False),
    ModelConfig.preset("tiny", n_heads=4, n_kv_heads=2, tie_embeddings=True),
    ModelConfig.preset("tiny", n_heads=4, n_kv_heads=1, n_layers=3),
]


def told(config: ModelConfig) -> str:
    names = ("n_layers", "n_heads", "n_kv_heads", "tie_embeddings")
    return 'the config "tiny" with ' + ", ".join(f"{n} = {getattr(config, n)}" for n in names)


def counted(config: ModelConfig) -> int:
    """Matrix by matrix."""
    return sum(math.prod(shape) for shape in oracles.llama_shapes(config).values())


count_weights = Check("count_weights")
agrees(
    count_weights, "a small model, matrix by matrix", counted, [(config,) for config in SMALL],
    through=whole, words=told)  # fmt: skip
examples(
    count_weights, "the published totals",
    *(((ModelConfig.preset(name),), n, f'the config "{name}"') for name, n in PUBLISHED.items()),
    through=whole)  # fmt: skip

read_early = Check("read_early")


@read_early.probe("norm, output, softmax")
def reads(f: Any) -> Iterator[Case]:
    fields: dict[str, Any] = dict(dim=6, n_heads=1, n_kv_heads=1, tie_embeddings=False)
    model = Llama(ModelConfig.preset("tiny", vocab_size=9, norm_eps=1e-5, **fields)).eval()
    model.requires_grad_(False)
    nn.init.normal_(model.norm.weight, mean=1, std=0.5)
    nn.init.normal_(model.output.weight, std=0.4)
    for shape in ((6,), (4, 6), (3, 4, 6)):
        x = 3 * randn(shape)
        logits = oracles.rms_norm(x, model.norm.weight, 1e-5) @ model.output.weight.double().T
        yield Case(call(f, model, x), logits.softmax(-1).float(), f"x of the shape {shape}")
