"""The check of RMSNorm, against the formula in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking.answer import Case, call, fill
from minillama.course.checking.check import Check

rms_norm = Check("RMSNorm", "norm")


def formula(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Zhang and Sennrich's equation 4, in float64."""
    x = x.double()
    return x / (x.pow(2).sum(-1, keepdim=True) / x.shape[-1] + eps) ** 0.5 * weight.double()


def norm(RMSNorm: Any, weight: Tensor, eps: float) -> Any:
    return fill(call(RMSNorm, len(weight), eps), {"weight": weight})


@rms_norm.probe("one vector, by hand")
def by_hand(RMSNorm: Any) -> Iterator[Case]:
    # The squares of 3 and 4 have the mean 12.5, whose root is 3.5355.
    got = call(norm(RMSNorm, torch.ones(2), 1e-6), torch.tensor([[3.0, 4.0]]))
    yield Case(got, torch.tensor([[0.8485, 1.1314]]), "x = [[3, 4]]", rtol=1e-3)
    weight = torch.tensor([1.0, 10.0])
    got = call(norm(RMSNorm, weight, 1e-6), torch.tensor([[3.0, 4.0]]))
    yield Case(
        got, torch.tensor([[0.8485, 11.314]]), "x = [[3, 4]] and weight = [1, 10]", rtol=1e-3
    )


@rms_norm.probe("its weights are 1 at the start")
def at_the_start(RMSNorm: Any) -> Iterator[Case]:
    got = call(call(RMSNorm, 2, 1e-6), torch.tensor([[3.0, 4.0]]))
    yield Case(got, torch.tensor([[0.8485, 1.1314]]), "a new norm and x = [[3, 4]]", rtol=1e-3)


@rms_norm.probe("every position is normalised by itself")
def rows(RMSNorm: Any) -> Iterator[Case]:
    x, weight = torch.randn(2, 3, 8) + 0.5, torch.rand(8)
    x[:, 2] *= 100
    got = call(norm(RMSNorm, weight, 1e-5), x)
    yield Case(got, formula(x, weight, 1e-5).float(), axes="batch time dim")


@rms_norm.probe("eps keeps small vectors small, and zeros zero")
def small(RMSNorm: Any) -> Iterator[Case]:
    x = torch.tensor([[0.0, 0.0], [0.03, 0.04], [1.0, 1.0]])
    got = call(norm(RMSNorm, torch.ones(2), 0.01), x)
    yield Case(
        got,
        formula(x, torch.ones(2), 0.01).float(),
        "x = [[0, 0], [0.03, 0.04], [1, 1]] and eps = 0.01",
    )


@rms_norm.probe("half precision goes in and comes out, and float32 lies between")
def half(RMSNorm: Any) -> Iterator[Case]:
    x, weight = torch.tensor([[300.0, 400.0]]).half(), torch.ones(2)
    got = call(norm(RMSNorm, weight, 1e-5).half(), x)
    yield Case(got, formula(x, weight, 1e-5).half(), "x = [[300, 400]] in float16", rtol=4e-3)
    x, weight = torch.randn(4, 64).bfloat16(), torch.rand(64).bfloat16()
    got = call(norm(RMSNorm, weight, 1e-5).bfloat16(), x)
    yield Case(got, formula(x, weight, 1e-5).bfloat16(), "x in bfloat16", rtol=0.02, atol=0.01)


@rms_norm.probe("the result is rounded before the weight is applied, as in published checkpoints")
def order(RMSNorm: Any) -> Iterator[Case]:
    # 3 and 4 over 3.5355 are 0.8477 and 1.1328 in bfloat16, and times 1.09375, rounded, these.
    weight = torch.full((2,), 1.09375).bfloat16()
    got = call(norm(RMSNorm, weight, 1e-6).bfloat16(), torch.tensor([[3.0, 4.0]]).bfloat16())
    right = torch.tensor([[0.92578125, 1.2421875]]).bfloat16()
    yield Case(got, right, "x = [[3, 4]] in bfloat16 and weight = [1.09375, 1.09375]", atol=0.0)


@rms_norm.probe("the gradients of x and of the weight are right")
def gradients(RMSNorm: Any) -> Iterator[Case]:
    x, weight, target = torch.randn(3, 8, requires_grad=True), torch.rand(8), torch.randn(3, 8)
    module = norm(RMSNorm, weight, 1e-5)
    (call(module, x) * target).sum().backward()
    weight = weight.requires_grad_()
    right = torch.autograd.grad((formula(x, weight, 1e-5) * target).sum(), (x, weight))
    yield Case(x.grad, right[0], "a random x, for its gradient")
    yield Case(module.weight.grad, right[1], "a random x, for the weight's gradient")
