"""The checks of lesson 05's exercises on RoPE's other layout, Meta's: neighbours are pairs."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

rotate_neighbours = Check("rotate_neighbours")


def by_complex(x: Tensor, angles: Tensor) -> Tensor:
    """Meta's own way: neighbours as complex numbers, times a number of length 1."""
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


@rotate_neighbours.probe("a quarter turn of one pair, by hand")
def quarter_of_neighbours(f: Any) -> Iterator[Case]:
    x, cos, sin = torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[0.0, 1.0]]), torch.eye(2)[:1]
    example = "x = [[1, 2, 3, 4]], cos = [[0, 1]] and sin = [[1, 0]]"
    yield Case(call(f, x, cos, sin), torch.tensor([[-2.0, 1.0, 3.0, 4.0]]), example)


@rotate_neighbours.probe("every position is turned by its own angles")
def neighbours_everywhere(f: Any) -> Iterator[Case]:
    x, angles = torch.randn(2, 3, 5, 8), 3 * torch.randn(5, 4).double()
    got = call(f, x, angles.cos().float(), angles.sin().float())
    yield Case(got, by_complex(x, angles).float(), "", "batch heads time head_dim")


from_meta = Check("from_meta")


def sorted_rows(weight: Tensor, n_heads: int) -> Tensor:
    """Row by row: where in a head's neighbours does each row of its halves stand?"""
    head_dim = len(weight) // n_heads
    half = head_dim // 2
    order = [
        head * head_dim + 2 * pair + number
        for head in range(n_heads)
        for number in range(2)
        for pair in range(half)
    ]
    return weight[order]


@from_meta.probe("one head of four rows")
def one_head(f: Any) -> Iterator[Case]:
    weight = torch.arange(4.0)[:, None].repeat(1, 4)
    right = torch.tensor([0.0, 2.0, 1.0, 3.0])[:, None].repeat(1, 4)
    example = "one head whose rows are 0 0 0 0, 1 1 1 1, 2 2 2 2 and 3 3 3 3"
    yield Case(call(f, weight, 1), right, example, "rows dim")


@from_meta.probe("every head for itself, queries and fewer keys alike")
def several_heads(f: Any) -> Iterator[Case]:
    for n_heads, head_dim, dim in ((2, 4, 8), (3, 8, 24), (1, 8, 24)):
        weight = torch.randn(n_heads * head_dim, dim)
        example = f"{n_heads} heads of {head_dim} rows and {dim} columns"
        yield Case(call(f, weight, n_heads), sorted_rows(weight, n_heads), example, "rows dim")
