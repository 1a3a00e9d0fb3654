"""The checks of lesson 09's exercises in counting: weights, and FLOPs."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from minillama.config import ModelConfig
from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

MODULE = "course.lessons.lesson_09.solutions"

# Counted from the published checkpoints.
PUBLISHED = {
    "llama-7b": 6_738_415_616,
    "llama-13b": 13_015_864_320,
    "llama-33b": 32_528_943_616,
    "llama-65b": 65_285_660_672,
    "llama-2-70b": 68_976_648_192,
    "llama-3-8b": 8_030_261_248,
    "llama-3-70b": 70_553_706_496,
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.2-3b": 3_212_749_824,
}

count_weights = Check("count_weights")


@count_weights.probe("a small model, matrix by matrix")
def counted_small(f: Any) -> Iterator[Case]:
    for fields in (
        dict(tie_embeddings=False), dict(tie_embeddings=True), dict(n_kv_heads=1, n_layers=3)
    ):  # fmt: skip
        config = ModelConfig.preset("tiny", n_heads=4, **fields)
        right = sum(math.prod(shape) for shape in oracles.llama_shapes(config).values())
        named = ", ".join(f"{name} = {value}" for name, value in fields.items())
        yield Case(whole(call(f, config)), right, f'the config "tiny" with n_heads = 4, {named}')


@count_weights.probe("the published totals")
def counted_published(f: Any) -> Iterator[Case]:
    for name, right in PUBLISHED.items():
        yield Case(whole(call(f, ModelConfig.preset(name))), right, f'the config "{name}"')


def whole(got: Any) -> Any:
    """A count as an int, also where it came as 7.0 or as a tensor."""
    if isinstance(got, torch.Tensor) and got.numel() == 1:
        got = got.item()
    return int(got) if isinstance(got, float) and got.is_integer() else got


flops_per_token = Check("flops_per_token")


@flops_per_token.probe("a small model, counted matrix by matrix")
def flops_small(f: Any) -> Iterator[Case]:
    for fields, length in (
        (dict(tie_embeddings=True), 1), (dict(tie_embeddings=True), 50),
        (dict(tie_embeddings=False, n_kv_heads=1, n_layers=3), 7),
    ):  # fmt: skip
        config = ModelConfig.preset("tiny", n_heads=4, **fields)
        shapes = oracles.llama_shapes(config)
        inside = [s for name, s in shapes.items() if len(s) == 2 and name.startswith("layers")]
        right = sum(2 * math.prod(s) for s in inside) + 2 * config.dim * config.vocab_size
        for _ in range(config.n_layers * config.n_heads * length):
            right += 2 * config.head_dim  # a query with a key
            right += 2 * config.head_dim  # a weight times a value, added up
        named = ", ".join(f"{name} = {value}" for name, value in fields.items())
        got = whole(call(f, config, length))
        yield Case(got, right, f'the config "tiny" with n_heads = 4, {named} and length = {length}')
