"""The check of a step of AdamW, against numbers worked out by hand and PyTorch's own AdamW."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint

adamw_step = Check("adamw_step", "optim")


def stepped(adamw_step: Any, *args: Any, **kwargs: Any) -> list[Any]:
    """What an answer gives: the new parameter, mean and mean square."""
    result = call(adamw_step, *args, **kwargs)
    if not isinstance(result, tuple | list) or len(result) != 3:
        size = f" of {len(result)}" if isinstance(result, tuple | list) else ""
        raise Complaint(
            f"gives a {type(result).__name__}{size}. Three tensors are right: the new parameter, "
            "its new mean and its new mean_square."
        )
    return list(result)


def numbers(*values: float | int) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@adamw_step.probe("one weight, its first step by hand")
def first_step(adamw_step: Any) -> Iterator[Case]:
    # The corrected mean is 0.5 and the corrected mean square 0.25, whose root is 0.5 too.
    example = "parameter 1, gradient 0.5, both averages 0, step 1, lr 0.1 and no decay"
    zero, one, half = torch.zeros(1), torch.ones(1), torch.tensor([0.5])
    got = stepped(adamw_step, one, half, zero, zero, 1, lr=0.1, weight_decay=0.0)
    yield Case(got[1], torch.tensor([0.05]), f"{example}, as the new mean")
    yield Case(got[2], torch.tensor([0.0125]), f"{example}, as the new mean_square")
    yield Case(got[0], torch.tensor([0.9]), f"{example}, as the new parameter")


@adamw_step.probe("one weight, its second step by hand")
def second_step(adamw_step: Any) -> Iterator[Case]:
    example = "parameter 0.9, gradient -0.5, mean 0.05, mean_square 0.0125, step 2, lr 0.1"
    before = [numbers(value) for value in (0.9, -0.5, 0.05, 0.0125)]
    got = stepped(adamw_step, *before, 2, lr=0.1, weight_decay=0.0)
    yield Case(got[1], numbers(0.9 * 0.05 - 0.1 * 0.5), f"{example}, as the new mean")
    yield Case(got[2], numbers(0.95 * 0.0125 + 0.05 * 0.25), f"{example}, as the new mean_square")
    right = 0.9 + 0.1 * (0.005 / 0.19) / 0.5  # 0.19 is 1 - 0.9 ** 2
    yield Case(got[0], numbers(right), f"{example}, as the new parameter")


@adamw_step.probe("the first step is lr long, however large the gradient is")
def first_steps(adamw_step: Any) -> Iterator[Case]:
    zeros = numbers(0, 0, 0)
    got = stepped(
        adamw_step, zeros, numbers(0.001, -1, 1000), zeros, zeros, 1, lr=0.1, weight_decay=0.0
    )
    yield Case(
        got[0], numbers(-0.1, 0.1, -0.1), "parameter 0, gradients 0.001, -1 and 1000, lr 0.1"
    )


@adamw_step.probe("without a gradient, a weight shrinks by lr * weight_decay of itself")
def decay_alone(adamw_step: Any) -> Iterator[Case]:
    zeros = numbers(0, 0)
    got = stepped(adamw_step, numbers(2, -4), zeros, zeros, zeros, 1, lr=0.5, weight_decay=0.1)
    yield Case(
        got[0], numbers(1.9, -3.8), "parameters 2 and -4, gradient 0, lr 0.5, weight_decay 0.1"
    )


@adamw_step.probe("decay takes the same from a weight whatever its gradient is")
def decoupled(adamw_step: Any) -> Iterator[Case]:
    weights, zeros = numbers(2, 2, 2), numbers(0, 0, 0)
    before = (weights, numbers(0.001, 1, 1000), zeros, zeros, 1)
    with_decay = stepped(adamw_step, *before, lr=0.5, weight_decay=0.1)[0]
    without = stepped(adamw_step, *before, lr=0.5, weight_decay=0.0)[0]
    yield Case(
        with_decay - without,
        numbers(-0.1, -0.1, -0.1),
        "parameter 2, gradients 0.001, 1 and 1000, lr 0.5, as the effect of weight_decay 0.1",
    )


@adamw_step.probe("eps is added to the root, and the betas are those given")
def settings(adamw_step: Any) -> Iterator[Case]:
    zero = numbers(0)
    got = stepped(adamw_step, zero, numbers(1), zero, zero, 1, lr=1, weight_decay=0, eps=3.0)
    yield Case(got[0], numbers(-0.25), "parameter 0, gradient 1, step 1, lr 1 and eps 3")
    got = stepped(adamw_step, zero, numbers(1e-8), zero, zero, 1, lr=1, weight_decay=0)
    yield Case(got[0], numbers(-0.5), "parameter 0, gradient 1e-8, lr 1 and the usual eps of 1e-8")
    options = {"lr": 1, "weight_decay": 0, "betas": (0.5, 0.75)}
    got = stepped(adamw_step, zero, numbers(2), zero, zero, 1, **options)
    yield Case(got[1], numbers(1), "gradient 2 and betas (0.5, 0.75), as the first mean")
    yield Case(got[2], numbers(1), "gradient 2 and betas (0.5, 0.75), as the first mean_square")


GRADIENTS = torch.randn(10, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
START = torch.linspace(-2, 2, 6, dtype=torch.float64).view(2, 3)
LR, DECAY_RATE = 0.05, 0.3


@cache
def torch_weights() -> list[Tensor]:
    """The weights after each step of PyTorch's AdamW.

    As the function that the class calls: to make one of its class imports PyTorch's compiler,
    which takes a second.
    """
    weight, mean, square = START.clone(), torch.zeros_like(START), torch.zeros_like(START)
    step, weights = torch.tensor(0.0), []
    for gradient in GRADIENTS:
        adamw(
            [weight],
            [gradient],
            [mean],
            [square],
            [],
            [step],
            amsgrad=False,
            beta1=0.9,
            beta2=0.95,
            lr=LR,
            weight_decay=DECAY_RATE,
            eps=1e-8,
            maximize=False,
        )
        weights.append(weight.clone())
    return weights


@adamw_step.probe("ten steps are those of torch.optim.AdamW")
def ten_steps(adamw_step: Any) -> Iterator[Case]:
    state = [START.clone(), torch.zeros_like(START), torch.zeros_like(START)]
    gradients = GRADIENTS.clone()  # which an answer may write into
    for step, (gradient, right) in enumerate(zip(gradients, torch_weights(), strict=True), 1):
        weight, mean, square = state
        state = stepped(
            adamw_step, weight, gradient, mean, square, step, lr=LR, weight_decay=DECAY_RATE
        )
        yield Case(state[0], right, f"random gradients, after step {step}", rtol=1e-7, atol=1e-9)
