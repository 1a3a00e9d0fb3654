"""The check of RoPE's rotation, against products of complex numbers in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.config import ModelConfig
from minillama.course import oracles
from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call

TURNED = "torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)"
NEIGHBOURS_IN = {"x.float().chunk(2, dim=-1)": "x.float()[..., ::2], x.float()[..., 1::2]"}
NEIGHBOURS_OUT = {TURNED: TURNED.replace("cat", "stack") + ".flatten(-2)"}
NOT_A_ROTATION = (
    "Both sines have the same sign, which is no rotation: lengths change. A point (a, b) turns to "
    "(a cos - b sin, b cos + a sin)."
)
ONE_COLUMN = (
    "cos and sin have one column for each pair, head_dim / 2 of them, and x has head_dim numbers, "
    "so they do not fit x as it is. Turn the two halves one by one, or double the tables first: "
    "torch.cat((cos, cos), -1)."
)
TABLES_ROUNDED = (
    "cos and sin are rounded to bfloat16. Its 8 bits cannot tell neighbouring angles of a slow "
    "pair apart, so words that stand next to each other get one position: take x to float32, turn, "
    "and round only what comes out."
)

apply_rope = Check(
    "apply_rope",
    "rope",
    hints={
        "apply_rope": "The first and the second half of the last axis are a and b of the pairs; "
        "they turn to a cos - b sin and b cos + a sin. In float32; then back to x's dtype.",
    },
    mistakes=(
        Mistake(
            "interleaved",
            "Neighbouring numbers are taken for pairs. That is Meta's layout; here, as in Hugging "
            "Face's weights, number i of the first half belongs to number i of the second.",
            NEIGHBOURS_IN | NEIGHBOURS_OUT,
        ),
        Mistake(
            "neighbours-in-halves-out",
            "Pairs are taken from neighbouring numbers and put back as halves. Take them from the "
            "halves too, or every number changes its place and position 0 is not left alone.",
            NEIGHBOURS_IN,
        ),
        Mistake(
            "halves-in-neighbours-out",
            "Pairs are taken from the halves and put back side by side. Join the two halves as "
            "they were, or position 0 is not left alone.",
            NEIGHBOURS_OUT,
        ),
        Mistake(
            "backwards",
            "The sign of the angle is wrong: everything turns backwards, so a key before the query "
            "looks like one after it, and trained weights read their text from the wrong end.",
            {"first * cos - second * sin, second * cos + first * sin":
             "first * cos + second * sin, second * cos - first * sin"},
        ),
        Mistake("not-a-rotation", NOT_A_ROTATION, {"first * cos - second": "first * cos + second"}),
        Mistake("not-a-rotation", NOT_A_ROTATION, {"second * cos + first": "second * cos - first"}),
        *(
            Mistake(
                "a-column-for-two",
                ONE_COLUMN,
                {f"turned = {TURNED}":
                 f"turned = {product} + torch.cat((-second, first), dim=-1) * sin"},
            )
            for product in ("x * cos", "cos * x")
        ),
        Mistake(
            "swapped",
            "Cosine and sine are exchanged. Position 0, whose cosines are 1, must stay as it is.",
            {"first * cos - second * sin, second * cos + first * sin":
             "first * sin - second * cos, second * sin + first * cos"},
        ),
        Mistake(
            "halves-exchanged",
            "The two halves are joined in the wrong order. Position 0 must stay as it is.",
            {TURNED:
             "torch.cat((second * cos + first * sin, first * cos - second * sin), dim=-1)"},
        ),
        Mistake(
            "first-overwritten",
            "The first half is overwritten before the second is computed. Both need the numbers "
            "from before the turn.",
            {f"turned = {TURNED}":
             "first = first * cos - second * sin\n"
             "    turned = torch.cat((first, second * cos + first * sin), dim=-1)"},
        ),
        Mistake(
            "half-turned",
            "Only the first half is turned. A rotation moves both numbers of a pair, or its "
            "length changes.",
            {"second * cos + first * sin": "second"},
        ),
        Mistake(
            "no-sine",
            "The sines are not used: numbers are multiplied by the cosine, which makes them "
            "shorter and turns nothing.",
            {"first * cos - second * sin, second * cos + first * sin":
             "first * cos, second * cos"},
        ),
        Mistake(
            "one-angle-for-all",
            "Every position is turned by the first row of the tables. Row t belongs to position t; "
            "with one angle for all, order leaves no trace.",
            {"x.float().chunk(2, dim=-1)":
             "x.float().chunk(2, dim=-1)\n    cos, sin = cos[:1], sin[:1]"},
        ),
        *(
            Mistake(
                "position-off-by-one",
                "Every position is turned by its neighbour's angles. Row t of the tables belongs "
                "to position t.",
                {"x.float().chunk(2, dim=-1)":
                 "x.float().chunk(2, dim=-1)\n"
                 f"    cos, sin = cos.roll({step}, 0), sin.roll({step}, 0)"},
            )
            for step in (1, -1)
        ),
        Mistake(
            "heads-for-time",
            "The tables are laid along the axis of the heads. Time is the axis before the last: "
            "x is (..., time, head_dim), and cos and sin fit it as they are.",
            {"x.float().chunk(2, dim=-1)":
             "x.float().chunk(2, dim=-1)\n    cos, sin = cos[:, None], sin[:, None]"},
        ),
        Mistake(
            "float32-out",
            "The result of bfloat16 stays float32, because the tables are. Give it back in x's "
            "dtype, or queries and values no longer go together.",
            {"turned.type_as(x)": "turned"},
        ),
        Mistake(
            "tables-rounded",
            TABLES_ROUNDED,
            {"x.float().chunk(2, dim=-1)":
             "x.chunk(2, dim=-1)\n    cos, sin = cos.type_as(x), sin.type_as(x)"},
        ),
        Mistake(
            "tables-rounded",
            TABLES_ROUNDED,
            {"x.float().chunk(2, dim=-1)":
             "x.float().chunk(2, dim=-1)\n    cos, sin = cos.bfloat16(), sin.bfloat16()"},
        ),
    ),
)  # fmt: skip


@apply_rope.probe("a quarter turn of one pair, by hand")
def quarter_turn(apply_rope: Any) -> Iterator[Case]:
    x = torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]])
    cos, sin = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    # The pairs are (1, 3) and (2, 4): the first turns to (-3, 1), the second stays.
    yield Case(
        call(apply_rope, x, cos, sin),
        torch.tensor([[[[-3.0, 2.0, 1.0, 4.0]]]]),
        "x = [[[[1, 2, 3, 4]]]], cos = [[0, 1]] and sin = [[1, 0]]",
        "batch heads time head_dim",
    )


def random_angles(time: int, half: int) -> Tensor:
    """Tables of no config: any row may be any angle."""
    return 3 * torch.randn(time, half).double()


@apply_rope.probe("position 0 is left alone")
def position_0(apply_rope: Any) -> Iterator[Case]:
    x = torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]])
    got = call(apply_rope, x, torch.ones(1, 2), torch.zeros(1, 2))
    example = "x = [[[[1, 2, 3, 4]]]], cos = [[1, 1]] and sin = [[0, 0]]"
    yield Case(got, x, example, "batch heads time head_dim")


@apply_rope.probe("every position is turned by its own angles")
def own_angles(apply_rope: Any) -> Iterator[Case]:
    x, angles = torch.randn(2, 3, 5, 8), random_angles(5, 4)
    got = call(apply_rope, x, angles.cos().float(), angles.sin().float())
    yield Case(got, oracles.rotate(x, angles).float(), "", "batch heads time head_dim")


@apply_rope.probe("lengths stay as they are")
def lengths(apply_rope: Any) -> Iterator[Case]:
    x, angles = torch.randn(1, 2, 5, 8), random_angles(5, 4)
    got = call(apply_rope, x, angles.cos().float(), angles.sin().float())
    yield Case(got.norm(dim=-1), x.norm(dim=-1), "a random x, for its vectors' lengths")


@apply_rope.probe("a score depends only on how far apart query and key stand")
def relative(apply_rope: Any) -> Iterator[Case]:
    q, k, config = (
        torch.randn(1, 1, 1, 8),
        torch.randn(1, 1, 1, 8),
        ModelConfig.preset("tiny", dim=8, n_heads=1, n_kv_heads=1),
    )

    def at(position: int, x: Tensor) -> Tensor:
        angles = oracles.angles(config, 1, position)
        return call(apply_rope, x, angles.cos().float(), angles.sin().float())

    for distance in (0, 1, 7):
        right = (oracles.rotate(q, oracles.angles(config, 1, distance)) * k.double()).sum().item()
        for start in (0, 1, 30, 90):
            got = (at(start + distance, q) * at(start, k)).sum()
            example = f"a query at position {start + distance} and a key at {start}, for the score"
            yield Case(got, right, example, atol=1e-4)


@apply_rope.probe("any number of axes may stand before time")
def axes(apply_rope: Any) -> Iterator[Case]:
    for before in ((), (3,)):
        x, angles = torch.randn(*before, 5, 4), random_angles(5, 2)
        got = call(apply_rope, x, angles.cos().float(), angles.sin().float())
        yield Case(got, oracles.rotate(x, angles).float(), f"x of the shape {tuple(x.shape)}")


@apply_rope.probe("bfloat16 goes in and comes out")
def half(apply_rope: Any) -> Iterator[Case]:
    x, angles = torch.randn(2, 3, 5, 8).bfloat16(), random_angles(5, 4)
    got = call(apply_rope, x, angles.cos().float(), angles.sin().float())
    yield Case(got, oracles.rotate(x, angles).bfloat16(), "x in bfloat16", rtol=0.02, atol=0.02)
    # cos 0.785 - sin 0.785 is 0.000563, and in bfloat16 both are 0.7070 or so.
    x, angles = torch.ones(1, 1, 3, 2).bfloat16(), torch.tensor([[0.785], [0.786], [1.0]]).double()
    got = call(apply_rope, x, angles.cos().float(), angles.sin().float())
    example = "x = [[[[1, 1], [1, 1], [1, 1]]]] in bfloat16 and the angles 0.785, 0.786 and 1"
    yield Case(got, oracles.rotate(x, angles).bfloat16(), example, rtol=0.008, atol=1e-5)


@apply_rope.probe("the gradient is right")
def gradient(apply_rope: Any) -> Iterator[Case]:
    x, angles, target = torch.randn(1, 2, 5, 8), random_angles(5, 4), torch.randn(1, 2, 5, 8)
    x.requires_grad_()
    (call(apply_rope, x, angles.cos().float(), angles.sin().float()) * target).sum().backward()
    # To go back through a rotation is to turn the other way.
    yield Case(x.grad, oracles.rotate(target, -angles).float(), "a random x, for its gradient")
