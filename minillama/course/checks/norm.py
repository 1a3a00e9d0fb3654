"""The check of RMSNorm, against the formula in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call, fill

rms_norm = Check(
    "RMSNorm",
    "norm",
    hints={
        "__init__": "Keep eps, and make the weight an nn.Parameter of dim ones.",
        "forward": "Divide x by the root of (the mean of its squares along the last axis, plus "
        "eps), in float32; then back to x's dtype, and times the weight.",
    },
    mistakes=(
        Mistake(
            "eps-outside-root",
            "eps stands outside the root. Inside, no vector is magnified more than 1/√eps times; "
            "outside it is 1/eps, which is far more: small vectors come out too large.",
            {"torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)":
             "1 / (wide.square().mean(-1, keepdim=True).sqrt() + self.eps)"},
        ),
        Mistake(
            "layer-norm",
            "The mean is subtracted, which makes this LayerNorm. RMSNorm only divides: a vector "
            "keeps its direction.",
            {"wide = x.float()": "wide = x.float() - x.float().mean(-1, keepdim=True)"},
        ),
        Mistake(
            "over-time-too",
            "The mean of squares is taken over time as well as over the features. Every position "
            "then sees how large the later ones are: the future leaks into the past.",
            {"mean(-1, keepdim=True)": "mean((-2, -1), keepdim=True)"},
        ),
        Mistake(
            "over-time",
            "The mean is taken along the axis of time. It is along the last axis, the features, so "
            "that every position is normalised by itself.",
            {"mean(-1, keepdim=True)": "mean(-2, keepdim=True)"},
        ),
        Mistake(
            "over-everything",
            "One mean is taken over the whole tensor: time, batch and features. Every position "
            "then sees how large the later ones are, and the other texts of the batch too.",
            {"mean(-1, keepdim=True)": "mean()"},
        ),
        Mistake(
            "no-keepdim",
            "The mean has lost the axis it was taken along, so it is spread along the wrong one, "
            "or does not fit: `mean(-1, keepdim=True)` leaves an axis of length 1 in its place.",
            {"mean(-1, keepdim=True)": "mean(-1)"},
        ),
        Mistake(
            "layer-norm-of-a-sample",
            "The mean is subtracted, and dim - 1 divides: that is LayerNorm with a variance "
            "guessed from a sample. RMSNorm subtracts nothing and takes the mean of the squares.",
            {"wide = x.float()": "wide = x.float() - x.float().mean(-1, keepdim=True)",
             "wide.square().mean(-1, keepdim=True)": "wide.var(-1, keepdim=True)"},
        ),
        Mistake(
            "no-weight",
            "The weight is not used. After the division every component has its own learnt scale.",
            {"wide.type_as(x) * self.weight": "wide.type_as(x)"},
        ),
        Mistake(
            "sum-of-squares",
            "The squares are summed and not averaged, so the result is too small by the root of "
            "dim: that is the length of the vector, not its root mean square.",
            {"mean(-1, keepdim=True)": "sum(-1, keepdim=True)"},
        ),
        Mistake(
            "no-root",
            "The root is missing: x is divided by its mean square.",
            {"torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)":
             "(wide.square().mean(-1, keepdim=True) + self.eps).reciprocal()"},
        ),
        Mistake(
            "no-eps",
            "eps is not used. A vector of zeros then divides zero by zero.",
            {" + self.eps)": ")"},
        ),
        Mistake(
            "low-precision",
            "The squares are taken in the dtype of x. In float16 the square of 300 is infinite, "
            "and in bfloat16 a mean keeps two digits: compute in float32, then go back.",
            {"wide = x.float()": "wide = x"},
        ),
        Mistake(
            "float32-out",
            "The result stays float32. Give it back in the dtype of x, or a bfloat16 model turns "
            "into a float32 one at the first norm.",
            {"wide.type_as(x) * self.weight": "wide * self.weight.float()"},
        ),
        Mistake(
            "variance",
            "This divides by the standard deviation, for which the mean is subtracted before the "
            "squares are taken. RMSNorm takes the squares of x as it is.",
            {"wide.square().mean(-1, keepdim=True)":
             "wide.var(-1, keepdim=True, correction=0)"},
        ),
        Mistake(
            "unbiased-variance",
            "This divides by the standard deviation, as `var` and `std` guess it from a sample: "
            "the mean is subtracted, and dim - 1 divides. RMSNorm takes the mean of the squares.",
            {"wide.square().mean(-1, keepdim=True)": "wide.var(-1, keepdim=True)"},
        ),
        Mistake(
            "dim-minus-one",
            "The sum of squares is divided by dim - 1. It is a plain mean over dim components.",
            {"wide.square().mean(-1, keepdim=True)":
             "wide.square().sum(-1, keepdim=True) / (x.shape[-1] - 1)"},
        ),
        Mistake(
            "weight-before-rounding",
            "The weight is applied in float32 and all is rounded at the end. That is as good a "
            "norm, but published checkpoints were trained with the other order, and in bfloat16 a "
            "quarter of the numbers differ in the last bit: go back to x's dtype first.",
            {"wide.type_as(x) * self.weight": "(wide * self.weight.float()).type_as(x)"},
        ),
        Mistake(
            "starts-at-zero",
            "The weights begin at 0, so a new norm gives out nothing but zeros. They begin at 1.",
            {"torch.ones(dim)": "torch.zeros(dim)"},
        ),
        Mistake(
            "starts-random",
            "The weights begin at random numbers. They begin at 1: a new norm scales nothing.",
            {"torch.ones(dim)": "torch.randn(dim)"},
        ),
    ),
)  # fmt: skip


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
