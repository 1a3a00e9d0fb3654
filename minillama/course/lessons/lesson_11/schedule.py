"""The check of the learning rate's curve, against numbers worked out by hand and a formula."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking.answer import Case, call, refusal
from minillama.course.checking.check import Check
from minillama.course.complaint import Known

learning_rate = Check("learning_rate", "optim")


def rates(learning_rate: Any, steps: Any, **options: float | int) -> Tensor:
    """The rates of some steps, as one tensor."""
    got = [call(learning_rate, step, **options) for step in steps]
    if any(isinstance(rate, Tensor) for rate in got):
        raise Known("a-tensor")
    return torch.tensor([float(rate) for rate in got], dtype=torch.float64)


def rate_case(learning_rate: Any, right: list[Any], steps: Any = None, **options: Any) -> Case:
    """The rates of some steps, or of all from 0 on, beside what is right."""
    steps = range(len(right)) if steps is None else steps
    words = ", ".join(f"{name} {value:g}" for name, value in options.items())
    example = f"{words}, at the steps {', '.join(map(str, steps))}"
    got = rates(learning_rate, steps, **options)
    return Case(got, torch.tensor(right, dtype=torch.float64), example, rtol=1e-6, atol=1e-9)


A, B = 0.5 + math.sqrt(0.125), 0.5 - math.sqrt(0.125)  # half a cosine after 1/4 and 3/4 of its way


@learning_rate.probe("four steps, by hand: two up, two down")
def four_steps(learning_rate: Any) -> Iterator[Case]:
    yield rate_case(learning_rate, [0.5, 1.0, 0.5, 0.0], peak=1.0, warmup=2, total=4)


@learning_rate.probe("it rises in a straight line and falls along half a cosine")
def quarters(learning_rate: Any) -> Iterator[Case]:
    right = [1, 2, 3, 4, 4 * A, 2, 4 * B, 0]
    yield rate_case(learning_rate, right, peak=4.0, warmup=4, total=8)


@learning_rate.probe("it falls to the floor, and there it stays")
def floor(learning_rate: Any) -> Iterator[Case]:
    options = {"peak": 2.0, "warmup": 2, "total": 6, "floor_ratio": 0.1}
    yield rate_case(learning_rate, [1.0, 2.0, 0.2 + 1.8 * A, 1.1, 0.2 + 1.8 * B, 0.2], **options)
    yield rate_case(learning_rate, [0.2] * 5, [6, 7, 9, 10, 13], **options)


@learning_rate.probe("it works without a warm-up, and with nothing else")
def extremes(learning_rate: Any) -> Iterator[Case]:
    yield rate_case(learning_rate, [1.0, 0.5, 0.0], peak=1.0, warmup=0, total=3)
    yield rate_case(learning_rate, [0.25, 0.5, 0.75, 1.0], peak=1.0, warmup=4, total=4)
    yield rate_case(learning_rate, [1.0], peak=1.0, warmup=1, total=1)
    yield rate_case(learning_rate, [1.0], peak=1.0, warmup=0, total=1)


@learning_rate.probe("a long schedule is that of the formula")
def long(learning_rate: Any) -> Iterator[Case]:
    peak, warmup, total, ratio = 6e-4, 30, 300, 0.1
    up = torch.linspace(peak / warmup, peak, warmup, dtype=torch.float64)
    way = torch.linspace(0, 1, total - warmup + 1, dtype=torch.float64)[1:]
    down = peak * (ratio + (1 - ratio) * torch.cos(way * math.pi / 2) ** 2)
    got = rates(
        learning_rate, range(total), peak=peak, warmup=warmup, total=total, floor_ratio=ratio
    )
    example = "peak 0.0006, warmup 30, total 300 and floor_ratio 0.1"
    yield Case(got, torch.cat([up, down]), example, "step", rtol=1e-6, atol=1e-12)
    for step, warmup, total in ((0, 5, 4), (-1, 0, 4), (0, -1, 4), (0, 0, 0)):
        how = refusal(learning_rate, step, peak=1.0, warmup=warmup, total=total)
        if how != "a ValueError":
            given = f"given step {step}, warmup {warmup} and total {total}, there is {how}"
            raise Known("anything-accepted", f"\n  It shows where, {given}.")
