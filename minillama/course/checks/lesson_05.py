"""The checks of lesson 05's first and third exercise; the others are in rope_layouts.py."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call

MODULE = "course.exercises.lesson_05"

theta_for = Check(
    "theta_for",
    MODULE,
    hints={
        "theta_for": "Pair i turns theta ** (-2i / head_dim) radians a token, and the last pair is "
        "number head_dim / 2 - 1. Write down its wavelength and solve for theta.",
    },
    mistakes=(
        Mistake(
            "exponent-1",
            "The slowest pair is taken to have the exponent 1. The last i is head_dim / 2 - 1, so "
            "its exponent is (head_dim - 2) / head_dim; then it turns in fewer tokens than asked.",
            {" ** (head_dim / (head_dim - 2))": ""},
        ),
        Mistake(
            "exponent-upside-down",
            "The exponent stands upside down. The wavelength has theta to the power "
            "(head_dim - 2) / head_dim; to solve for theta is to take the inverse power.",
            {"(head_dim / (head_dim - 2))": "((head_dim - 2) / head_dim)"},
        ),
        Mistake(
            "without-2-pi",
            "Once round is 2π radians: the frequency is 2π by the wavelength, and not one by it.",
            {"(longest / (2 * math.pi))": "longest"},
        ),
        Mistake(
            "times-2-pi",
            "The wavelength is multiplied by 2π. It is 2π by the frequency, so one over the "
            "frequency is the wavelength divided by 2π.",
            {"(longest / (2 * math.pi))": "(longest * 2 * math.pi)"},
        ),
        Mistake(
            "half-way",
            "This pair goes half round, π, in that many tokens. Once round is 2π.",
            {"(longest / (2 * math.pi))": "(longest / math.pi)"},
        ),
        Mistake(
            "degrees",
            "Once round is taken for 360. Frequencies are radians per token, so it is 2π.",
            {"(longest / (2 * math.pi))": "(longest / 360)"},
        ),
        Mistake(
            "exponent-without-2",
            "The exponent lacks its 2: pair i has 2i / head_dim, and the last i is "
            "head_dim / 2 - 1. This theta is the square of the right one.",
            {"(head_dim / (head_dim - 2))": "(head_dim / (head_dim / 2 - 1))"},
        ),
        Mistake(
            "next-to-last",
            "This counts one pair too few. Pairs are numbered from 0 to head_dim / 2 - 1.",
            {"(head_dim / (head_dim - 2))": "(head_dim / (head_dim - 4))"},
        ),
    ),
)


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


relative_score = Check(
    "relative_score",
    MODULE,
    hints={
        "relative_score": "torch.complex(first half, second half) gives the pairs; "
        "torch.polar(1, angle) is e to the i · angle. Re of q · k.conj() · e^(i · distance · "
        "frequency), summed over the pairs.",
    },
    mistakes=(
        Mistake(
            "no-conjugate",
            "The key is not conjugated, so the angles of query and key add up. What counts is "
            "their difference.",
            {"k.conj()": "k"},
        ),
        Mistake(
            "other-direction",
            "The distance counts the wrong way round: this is the score of a query that stands "
            "*before* the key.",
            {"distance * frequencies": "-distance * frequencies"},
        ),
        Mistake(
            "neighbours",
            "Neighbouring numbers are taken for pairs. In our layout number i of the first half "
            "belongs to number i of the second.",
            {"torch.complex(q[:half], q[half:]), torch.complex(k[:half], k[half:])":
             "torch.complex(q[::2], q[1::2]), torch.complex(k[::2], k[1::2])"},
        ),
        Mistake(
            "absolute-value",
            "The length of the complex number is taken. The dot product is its real part, and can "
            "be negative.",
            {"(q * k.conj() * turn).real.sum()": "(q * k.conj() * turn).abs().sum()"},
        ),
        Mistake(
            "sum-before-length",
            "The length of the sum is taken. The dot product is its real part, and can be "
            "negative.",
            {"(q * k.conj() * turn).real.sum()": "(q * k.conj() * turn).sum().abs()"},
        ),
        Mistake(
            "imaginary",
            "This is the imaginary part. The dot product of two pairs is the real part of "
            "q · conj(k).",
            {".real": ".imag"},
        ),
        Mistake(
            "still-complex",
            "The sum is a complex number. The dot product is its real part.",
            {".real.sum()": ".sum()"},
        ),
        Mistake(
            "mean",
            "The pairs are averaged. A dot product is their sum.",
            {".real.sum()": ".real.mean()"},
        ),
        Mistake(
            "one-pace",
            "Every pair turns by the distance itself. Each has its own frequency.",
            {"distance * frequencies": "distance * torch.ones(half)"},
        ),
        Mistake(
            "scaled",
            "This is divided by √head_dim. That is attention's next step; here the dot product "
            "itself is asked for.",
            {"turn).real.sum()": "turn).real.sum() / math.sqrt(2 * half)"},
        ),
        Mistake(
            "each-pair",
            "These are the scores of the pairs, one by one. The dot product is their sum.",
            {".real.sum()": ".real"},
        ),
    ),
)  # fmt: skip


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
