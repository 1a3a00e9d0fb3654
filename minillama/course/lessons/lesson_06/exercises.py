"""The checks of lesson 06's first exercises, heads cut and joined.

The others are in key_value_heads.py and look_back.py.
"""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

MODULE = "course.lessons.lesson_06.solutions"
HEADS_AXES = "batch heads time head_dim"

split_heads = Check("split_heads")


def numbered(time: int, heads: int, width: int) -> torch.Tensor:
    """(heads, time, width), each number three digits: position, head, place in the head."""
    t, h, d = (torch.arange(1.0, size + 1) for size in (time, heads, width))
    return 100 * t[:, None] + 10 * h[:, None, None] + d


def flat(heads: torch.Tensor) -> torch.Tensor:
    """(..., heads, time, width) to (..., time, heads * width), head by head."""
    return torch.cat(list(heads.unbind(-3)), dim=-1)


@split_heads.probe("two positions, two heads of two numbers")
def split_by_hand(f: Any) -> Iterator[Case]:
    x = torch.tensor([[[111.0, 112, 121, 122], [211, 212, 221, 222]]])
    right = torch.tensor([[[[111.0, 112], [211, 212]], [[121, 122], [221, 222]]]])
    example = "x = [[[111, 112, 121, 122], [211, 212, 221, 222]]] and n_heads = 2"
    yield Case(call(f, x, 2), right, example, HEADS_AXES)


@split_heads.probe("any numbers of them")
def split_sizes(f: Any) -> Iterator[Case]:
    for time, heads, width in ((3, 2, 4), (4, 3, 2), (2, 1, 4), (5, 4, 1)):
        right = numbered(time, heads, width) + torch.tensor([0.0, 1000.0])[:, None, None, None]
        example = f"2 texts of {time} positions and {heads} heads of {width} numbers"
        yield Case(call(f, flat(right), heads), right, example, HEADS_AXES)


join_heads = Check("join_heads")


@join_heads.probe("two positions, two heads of two numbers")
def join_by_hand(f: Any) -> Iterator[Case]:
    x = torch.tensor([[[[111.0, 112], [211, 212]], [[121, 122], [221, 222]]]])
    right = torch.tensor([[[111.0, 112, 121, 122], [211, 212, 221, 222]]])
    example = "heads [[111, 112], [211, 212]] and [[121, 122], [221, 222]]"
    yield Case(call(f, x), right, example, "batch time dim")


@join_heads.probe("any numbers of them")
def join_sizes(f: Any) -> Iterator[Case]:
    for time, heads, width in ((3, 2, 4), (4, 3, 2), (2, 1, 4), (5, 4, 1)):
        x = numbered(time, heads, width) + torch.tensor([0.0, 1000.0])[:, None, None, None]
        example = f"2 texts of {time} positions and {heads} heads of {width} numbers"
        yield Case(call(f, x), flat(x), example, "batch time dim")
