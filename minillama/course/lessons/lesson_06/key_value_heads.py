"""The checks of lesson 06's exercises on key-value heads: their cache, and more of them."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.config import ModelConfig
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

cache_bytes = Check("cache_bytes")


def cache_case(f: Any, config: ModelConfig, tokens: int, size: int, example: str) -> Case:
    # Counted one by one, so that nothing depends on a formula.
    places = sum(2 for _ in range(config.n_layers) for _ in range(config.n_kv_heads))
    right = sum([places * (config.dim // config.n_heads)] * tokens) * size
    args = (config, tokens) if size == 2 else (config, tokens, size)
    return Case(call(f, *args), right, example, rtol=1e-9, atol=0.1)


@cache_bytes.probe("one token of a small model")
def cache_small(f: Any) -> Iterator[Case]:
    config = ModelConfig.preset("tiny")
    example = "the preset tiny (2 layers, 2 key-value heads of 16 numbers) and 1 token"
    yield cache_case(f, config, 1, 2, example)


@cache_bytes.probe("other models, lengths and kinds of number")
def cache_others(f: Any) -> Iterator[Case]:
    for name, tokens, size in (("llama-2-70b", 100, 2), ("llama-7b", 3, 2), ("tiny", 10, 4)):
        config = ModelConfig.preset(name)
        kind = "" if size == 2 else f" and bytes_per_number = {size}"
        yield cache_case(f, config, tokens, size, f"the preset {name}, {tokens} tokens{kind}")


more_heads = Check("more_heads")


def wider(weight: torch.Tensor, head_dim: int, n_heads: int) -> torch.Tensor:
    """Row by row: which row of the old weight each row of the new one is."""
    group = n_heads // (len(weight) // head_dim)
    rows = [
        head // group * head_dim + place for head in range(n_heads) for place in range(head_dim)
    ]
    return weight[rows]


@more_heads.probe("two heads of two rows become four")
def more_by_hand(f: Any) -> Iterator[Case]:
    weight = torch.tensor([[11.0], [12], [21], [22]])
    right = torch.tensor([[11.0], [12], [11], [12], [21], [22], [21], [22]])
    example = "weight = [[11], [12], [21], [22]], head_dim = 2 and n_heads = 4"
    yield Case(call(f, weight, 2, 4), right, example, "rows dim")


@more_heads.probe("any numbers of them")
def more_sizes(f: Any) -> Iterator[Case]:
    for kv_heads, n_heads, head_dim in ((2, 6, 4), (3, 6, 2), (1, 4, 3), (4, 4, 2)):
        weight = torch.randn(kv_heads * head_dim, 5)
        right = wider(weight, head_dim, n_heads)
        example = f"{kv_heads} heads of {head_dim} rows and n_heads = {n_heads}"
        yield Case(call(f, weight, head_dim, n_heads), right, example, "rows dim")
