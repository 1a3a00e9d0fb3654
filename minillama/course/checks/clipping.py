"""The check of lesson 11's exercise on clipping."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call

MODULE = "course.exercises.lesson_11"

NORM = "torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()"
clip_by_global_norm = Check(
    "clip_by_global_norm",
    MODULE,
    hints={
        "clip_by_global_norm": "One norm: the root of the sum of all squares in all tensors. One "
        "factor: largest over norm, but at most 1."
    },
    mistakes=(
        Mistake(
            "each-by-itself",
            "Each tensor is clipped by its own norm. That changes the direction of the step: "
            "large gradients shrink and small ones do not. One factor for all keeps it.",
            {"return [gradient * factor for gradient in gradients]":
             "return [g * min(1.0, largest / max(float(g.norm()), 1e-12)) for g in gradients]"},
        ),
        Mistake(
            "numbers-cut-off",
            "Every number is cut off at `largest`. That changes the direction of the step; "
            "scaling all by one factor keeps it.",
            {"gradient * factor": "gradient.clamp(-largest, largest)"},
        ),
        Mistake(
            "always-scaled",
            "Small gradients are made larger. Clipping only ever makes them smaller: the factor "
            "is 1 at most.",
            {"min(1.0, largest / float(norm))": "largest / float(norm)"},
        ),
        Mistake(
            "always-scaled",
            "Small gradients are made larger. Clipping only ever makes them smaller: the factor "
            "is 1 at most.",
            {"min(1.0, largest / float(norm)) if norm > 0 else 1.0": "largest / norm"},
        ),
        Mistake(
            "norms-added",
            "The norms of the tensors are added. The norm of all of them together is the root of "
            "the sum of the squares, which is less.",
            {NORM: "torch.stack([gradient.norm() for gradient in gradients]).sum()"},
        ),
        Mistake(
            "root-forgotten",
            "This is the square of the norm: take the root of the sum of squares.",
            {".sum().sqrt()": ".sum()"},
        ),
        Mistake(
            "largest-of-the-norms",
            "This takes the norm of the largest tensor for that of all. Add up all squares.",
            {NORM: "torch.stack([gradient.norm() for gradient in gradients]).max()"},
        ),
        Mistake(
            "factor-upside-down",
            "The factor is norm over largest, which makes large gradients larger.",
            {"largest / float(norm)": "float(norm) / largest"},
        ),
        Mistake(
            "normalised-only",
            "The norm comes out as 1 and not as `largest`.",
            {"largest / float(norm)": "1.0 / float(norm)"},
        ),
        Mistake(
            "nothing-done",
            "The gradients come back as they were, however large.",
            {"gradient * factor": "gradient * 1.0"},
        ),
    ),
)  # fmt: skip


def clipped(f: Any, gradients: list[Tensor], largest: float) -> list[Tensor]:
    given = call(f, [gradient.clone() for gradient in gradients], largest)
    if not isinstance(given, list | tuple) or len(given) != len(gradients):
        raise Complaint(f"gives a {type(given).__name__}. A list of the tensors, scaled, is right.")
    return list(given)


@clip_by_global_norm.probe("two tensors of norms 3 and 4 have the norm 5 together")
def three_four_five(f: Any) -> Iterator[Case]:
    gradients = [torch.tensor([3.0, 0.0]), torch.tensor([[0.0], [4.0]])]
    got = clipped(f, gradients, 2.5)
    for given, right in zip(got, gradients, strict=True):
        yield Case(given, right / 2, "the tensors [3, 0] and [[0], [4]], and largest 2.5")


@clip_by_global_norm.probe("what is small enough stays as it is")
def small_ones(f: Any) -> Iterator[Case]:
    gradients = [torch.tensor([0.3, 0.0]), torch.tensor([0.4])]
    for given, right in zip(clipped(f, gradients, 2.0), gradients, strict=True):
        yield Case(given, right, "the tensors [0.3, 0] and [0.4], and largest 2")
    zeros = clipped(f, [torch.zeros(2)], 1.0)
    yield Case(zeros[0], torch.zeros(2), "the tensor [0, 0] and largest 1")


@clip_by_global_norm.probe("as torch.nn.utils.clip_grad_norm_")
def as_torch(f: Any) -> Iterator[Case]:
    gradients = [torch.randn(3, 2), torch.randn(5) * 4, torch.randn(1)]
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    got = clipped(f, gradients, 1.0)
    for given, parameter in zip(got, parameters, strict=True):
        assert parameter.grad is not None
        yield Case(given, parameter.grad, "three random tensors, and largest 1")
