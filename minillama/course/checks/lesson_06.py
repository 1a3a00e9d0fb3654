"""The checks of lesson 06's first exercises, heads cut and joined.

The others are in key_value_heads.py and look_back.py.
"""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call

MODULE = "course.exercises.lesson_06"
HEADS_AXES = "batch heads time head_dim"
VIEW = "x.view(batch, time, n_heads, dim // n_heads).transpose(1, 2)"

split_heads = Check(
    "split_heads",
    MODULE,
    hints={"split_heads": "First cut the last axis in two, then let heads and time change places."},
    mistakes=(
        Mistake(
            "view-without-transpose",
            "The numbers are read straight into (batch, heads, time, head_dim). `view` only counts "
            "off numbers in the order in which they lie, position by position: so a head gets "
            "pieces of several positions. Cut the last axis first, then exchange the axes.",
            {VIEW: "x.reshape(batch, n_heads, time, dim // n_heads)"},
        ),
        Mistake(
            "not-exchanged",
            "The axis of dim is cut, but heads and time have not changed places: attention would "
            "take heads for positions.",
            {".transpose(1, 2)": ""},
        ),
        Mistake(
            "every-n-th-number",
            "A head gets every n_heads-th number. It is head_dim numbers in a row, that is how the "
            "rows of wq are laid out.",
            {VIEW: "x.view(batch, time, dim // n_heads, n_heads).permute(0, 3, 1, 2)"},
        ),
        Mistake(
            "sizes-exchanged",
            "There are as many heads as a head should be wide: n_heads and dim // n_heads have "
            "changed places.",
            {VIEW: "x.view(batch, time, dim // n_heads, n_heads).transpose(1, 2)"},
        ),
        Mistake(
            "width-and-time-exchanged",
            "The last two axes stand the other way round: each head is to be (time, head_dim), a "
            "row for every position.",
            {VIEW: "x.view(batch, time, n_heads, dim // n_heads).permute(0, 2, 3, 1)"},
        ),
        Mistake(
            "heads-before-batch",
            "The axis of heads has come to stand before the batch. Only heads and time change "
            "places.",
            {".transpose(1, 2)": ".permute(2, 0, 1, 3)"},
        ),
    ),
)  # fmt: skip


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


JOINED = "x.transpose(1, 2).reshape(batch, time, n_heads * head_dim)"

join_heads = Check(
    "join_heads",
    MODULE,
    hints={"join_heads": "The way back: heads and time change places, then two axes become one."},
    mistakes=(
        Mistake(
            "reshape-without-transpose",
            "The numbers are read straight into (batch, time, dim), so a position gets the numbers "
            "of several positions of one head. Let heads and time change places first.",
            {JOINED: "x.reshape(batch, time, n_heads * head_dim)"},
        ),
        Mistake(
            "number-by-number",
            "The heads are joined number by number: the first of each head, then the second. Each "
            "head keeps its numbers in a row.",
            {JOINED: "x.permute(0, 2, 3, 1).reshape(batch, time, n_heads * head_dim)"},
        ),
        Mistake(
            "not-joined",
            "Heads and time have changed places, but the heads are still an axis of their own.",
            {JOINED: "x.transpose(1, 2)"},
        ),
        Mistake(
            "summed",
            "The heads are added up. They are put side by side, and wo then mixes them.",
            {JOINED: "x.sum(1)"},
        ),
        Mistake(
            "averaged",
            "The heads are averaged. They are put side by side, and wo then mixes them.",
            {JOINED: "x.mean(1)"},
        ),
        Mistake(
            "heads-after-one-another",
            "The positions of one head follow those of another along the axis of time. Every "
            "position is to have all of its heads, side by side.",
            {JOINED: "x.reshape(batch, n_heads * time, head_dim)"},
        ),
    ),
)  # fmt: skip


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
