"""The checks of lesson 05's exercises on RoPE's other layout, Meta's: neighbours are pairs."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking import Check, Mistake
from minillama.course.checks.lesson_05 import MODULE
from minillama.course.probing import Case, call

rotate_neighbours = Check(
    "rotate_neighbours",
    MODULE,
    hints={
        "rotate_neighbours": "x[..., ::2] and x[..., 1::2] are the two numbers of all pairs. After "
        "the turn, stack them along a new last axis and flatten the last two.",
    },
    mistakes=(
        Mistake(
            "halves",
            "This pairs number i with number i + head_dim / 2: our layout. Meta's pairs are "
            "neighbours.",
            {"x[..., ::2], x[..., 1::2]": "x.chunk(2, dim=-1)",
             "torch.stack": "torch.cat", "turned.flatten(-2)": "turned"},
        ),
        Mistake(
            "joined-as-halves",
            "The pairs are neighbours on the way in, and on the way out all first numbers come "
            "before all second ones. Put them back side by side.",
            {"sin), dim=-1)": "sin), dim=-2)"},
        ),
        Mistake(
            "taken-as-halves",
            "The pairs are taken from the halves and put back as neighbours: every number changes "
            "its place, so even position 0 is not left alone.",
            {"x[..., ::2], x[..., 1::2]": "x.chunk(2, dim=-1)"},
        ),
        Mistake(
            "backwards",
            "The sign of the angle is wrong: everything turns backwards.",
            {"first * cos - second * sin, second * cos + first * sin":
             "first * cos + second * sin, second * cos - first * sin"},
        ),
        Mistake(
            "not-a-rotation",
            "Both sines have the same sign, which is no rotation: lengths change.",
            {"first * cos - second": "first * cos + second"},
        ),
        Mistake(
            "pair-exchanged",
            "The two numbers of each pair come back in the wrong order. Position 0 must stay as "
            "it is.",
            {"(first * cos - second * sin, second * cos + first * sin)":
             "(second * cos + first * sin, first * cos - second * sin)"},
        ),
        Mistake(
            "not-flattened",
            "The pairs have an axis of their own. They belong one after another in the last axis, "
            "as they came.",
            {"turned.flatten(-2)": "turned"},
        ),
        *(
            Mistake(
                "a-column-for-two",
                "cos and sin have one column for each pair, head_dim / 2 of them, and x has "
                "head_dim numbers, so they do not fit x as it is. Turn the first and the second "
                "numbers of the pairs one by one, or double the tables first: "
                "cos.repeat_interleave(2, -1).",
                {"return turned.flatten(-2)": f"return {product} + turned.flatten(-2) * sin"},
            )
            for product in ("x * cos", "cos * x")
        ),
    ),
)  # fmt: skip


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


from_meta = Check(
    "from_meta",
    MODULE,
    hints={
        "from_meta": "The rows of a head are (pairs two): pair 0's two numbers, pair 1's, ... "
        "They become (two pairs). einops.rearrange says so in a line; head by head.",
    },
    mistakes=(
        Mistake(
            "other-way",
            "This goes from halves to neighbours, our layout to Meta's. Here the neighbours are "
            "given.",
            {'"(h pairs two) dim -> (h two pairs)': '"(h two pairs) dim -> (h pairs two)'},
        ),
        Mistake(
            "all-heads-at-once",
            "The rows of all heads are sorted together, so that heads exchange numbers. Each head "
            "keeps its rows and sorts them for itself.",
            {"h=n_heads": "h=1"},
        ),
        Mistake(
            "columns",
            "The columns are sorted. The rows of a weight are the numbers that come out, and those "
            "are what RoPE turns; columns are what goes in.",
            {'"(h pairs two) dim -> (h two pairs) dim"':
             '"dim (h pairs two) -> dim (h two pairs)"'},
        ),
        Mistake(
            "unchanged",
            "The rows are as they were. Neighbours have to be head_dim / 2 apart.",
            {"-> (h two pairs) dim": "-> (h pairs two) dim"},
        ),
        Mistake(
            "still-in-heads",
            "The heads still have an axis of their own. A weight has two: rows and columns.",
            {"-> (h two pairs) dim": "-> h (two pairs) dim"},
        ),
        Mistake(
            "second-half-first",
            "The second numbers of the pairs come first, and then the first: every pair turns "
            "backwards.",
            {"h=n_heads, two=2)": "h=n_heads, two=2).view("
             "n_heads, 2, -1, weight.shape[1]).flip(1).reshape(weight.shape)"},
        ),
    ),
)  # fmt: skip


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
