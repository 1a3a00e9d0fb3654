"""The checks of lesson 06's exercises."""

from typing import Any

import torch
from torch import Tensor

from minillama.config import ModelConfig
from minillama.course.checking import oracles
from minillama.course.checking.answer import call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import all_agree, examples
from minillama.course.complaint import Known

SIZES = ((3, 2, 4), (4, 3, 2), (2, 1, 4), (5, 4, 1))  # positions, heads and numbers of each
FLAT = torch.tensor([[[111.0, 112, 121, 122], [211, 212, 221, 222]]])  # position, head, place

split_heads = Check("split_heads")
all_agree(split_heads, lambda x, n_heads: torch.stack(x.chunk(n_heads, -1), 1), {
    "two positions, two heads of two numbers": [(FLAT, 2)],
    "any numbers of them": lambda: [(torch.randn(2, t, h * d), h) for t, h, d in SIZES],
}, axes="batch heads time head_dim")  # fmt: skip

join_heads = Check("join_heads")
all_agree(join_heads, lambda x: torch.cat(x.unbind(1), -1), {
    "two positions, two heads of two numbers": [(FLAT.view(1, 2, 2, 2).transpose(1, 2),)],
    "any numbers of them": lambda: [(torch.randn(2, h, t, d),) for t, h, d in SIZES],
}, axes="batch time dim")  # fmt: skip

cache_bytes = Check("cache_bytes")


def of_preset(f: Any, name: str, *args: int) -> Any:
    return call(f, ModelConfig.preset(name), *args)


# 2 layers with 2 heads of 16 numbers, each for a key and a value; then 80 · 8 · 128, 32 · 32 · 128.
TINY = "the preset tiny (2 layers, 2 key-value heads of 16 numbers) and 1 token"
examples(
    cache_bytes, "one token of a small model", (("tiny", 1), 256, TINY), through=of_preset, atol=0.1
)
examples(
    cache_bytes, "other models, lengths and kinds of number",
    (("llama-2-70b", 100), 32_768_000), (("llama-7b", 3), 1_572_864), (("tiny", 10, 4), 5120),
    through=of_preset, rtol=1e-9,
)  # fmt: skip

more_heads = Check("more_heads")


def picked(weight: Tensor, head_dim: int, n_heads: int) -> Tensor:
    """Head by head, the rows of the old weight that it has."""
    heads = weight.split(head_dim)
    return torch.cat([heads[head * len(heads) // n_heads] for head in range(n_heads)])


all_agree(more_heads, picked, {
    "two heads of two rows become four": [(torch.tensor([11.0, 12, 21, 22])[:, None], 2, 4)],
    "any numbers of them": lambda: [
        (torch.randn(heads * head_dim, 5), head_dim, n_heads)
        for heads, n_heads, head_dim in ((2, 6, 4), (3, 6, 2), (1, 4, 3), (4, 4, 2))
    ],
}, axes="rows dim")  # fmt: skip

look_back = Check("look_back")


def of_length(answer: Any, key: Tensor, *args: Any) -> Any:
    """A query, unless its direction is right and nothing but its length is wrong."""
    got, right = call(answer, key, *args), behind(key, *args)
    if isinstance(got, Tensor) and got.shape == key.shape:
        times = float(got.norm() / key.norm())
        if abs(times - 1) > 1e-3 and torch.allclose(
            got.float() / times, right, rtol=1e-3, atol=1e-4
        ):
            raise Known("wrong-length", f" This one is {times:.3g} times as long.")
    return got


def behind(key: Tensor, back: int, cos: Tensor, sin: Tensor) -> Tensor:
    """Turned back by as much as RoPE turns a query more than a key that many tokens earlier."""
    return oracles.rotated(key[None], cos[back][None], -sin[back][None])[0].float()


ANGLES = torch.arange(16.0)[:, None] * torch.tensor([1.0, 0.3, 0.05])
QUARTERS = torch.tensor([[1.0], [0], [-1], [0]]), torch.tensor([[0.0], [1], [0], [-1]])
all_agree(look_back, behind, {
    # A key (1, 0) one position earlier is a quarter turn behind: from the query, at (0, -1).
    "one pair of numbers, a quarter turn a position": [(torch.tensor([1.0, 0]), 1, *QUARTERS)],
    "any key, any way back": lambda: [
        (torch.randn(6), back, ANGLES.cos(), ANGLES.sin()) for back in (2, 1, 5)
    ],
}, through=of_length, axes="head_dim")  # fmt: skip
