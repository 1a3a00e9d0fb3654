"""The checks of lesson 05's first and third exercise; the others are in rope_layouts.py."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint

MODULE = "course.lessons.lesson_05.solutions"

theta_for = Check("theta_for")


@theta_for.probe("a head of six numbers, by hand")
def theta_by_hand(f: Any) -> Iterator[Case]:
    # Its pairs have the exponents 0, 1/3 and 2/3: 100 tokens a radian is 1,000 to the power 2/3.
    example = "longest = 200π and head_dim = 6"
    yield Case(call(f, 200 * math.pi, 6), 1000.0, example)


@theta_for.probe("the slowest pair goes once round in just that many tokens")
def theta_rounds(f: Any) -> Iterator[Case]:
    for longest, head_dim in ((1000, 32), (8192, 64), (131072, 128)):
        theta = float(call(f, longest, head_dim))
        turned = longest * theta ** -((head_dim - 2) / head_dim) if theta > 0 else math.nan
        example = f"longest = {longest} and head_dim = {head_dim}, for the angle after {longest}"
        yield Case(turned, 2 * math.pi, example)


relative_score = Check("relative_score")


def real(got: Any) -> Any:
    if isinstance(got, Tensor) and got.is_complex():
        raise Complaint("gives a complex number, and a dot product is a real one.")
    return got


@relative_score.probe("one pair by hand")
def one_pair(f: Any) -> Iterator[Case]:
    # A quarter turn leads (1, 2) to (-2, 1): its dot product with (3, 4) is -2.
    q, k, pace = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), torch.tensor([math.pi / 2])
    example = "q = [1, 2], k = [3, 4], distance = 1 and a frequency of π/2"
    yield Case(real(call(f, q, k, 1, pace)), -2.0, example)
    yield Case(real(call(f, q, k, 0, pace)), 11.0, example.replace("distance = 1", "distance = 0"))


def turned(x: Tensor, position: int, paces: Tensor) -> list[float]:
    """One vector, pair by pair, with Python's own sine and cosine."""
    half, found = len(paces), [0.0] * len(x)
    for i, pace in enumerate(paces.tolist()):
        a, b, angle = float(x[i]), float(x[i + half]), position * pace
        found[i] = a * math.cos(angle) - b * math.sin(angle)
        found[i + half] = b * math.cos(angle) + a * math.sin(angle)
    return found


@relative_score.probe("the score of vectors that are turned, wherever they stand")
def as_turned(f: Any) -> Iterator[Case]:
    paces = torch.tensor([1.0, 0.3, 0.05])
    for key_at, distance in ((0, 3), (7, 5), (2, -2)):
        q, k = torch.randn(2, 6)
        pairs = zip(turned(q, key_at + distance, paces), turned(k, key_at, paces), strict=True)
        example = f"a distance of {distance}"
        yield Case(real(call(f, q, k, distance, paces)), sum(a * b for a, b in pairs), example)
