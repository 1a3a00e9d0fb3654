"""The check of RoPE's rotation, against products of complex numbers in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.config import ModelConfig
from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

apply_rope = Check("apply_rope", "rope")


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
