"""The check of lesson 11's exercise on clipping."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint

MODULE = "course.lessons.lesson_11.solutions"

clip_by_global_norm = Check("clip_by_global_norm")


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
