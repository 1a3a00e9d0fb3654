"""The checks of lesson 07's first two exercises; the others are in rms_norm_uses.py."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

MODULE = "course.lessons.lesson_07.solutions"
AXES = "batch time dim"

layer_norm = Check("layer_norm")


@layer_norm.probe("one vector, by hand")
def layer_norm_by_hand(f: Any) -> Iterator[Case]:
    # The mean is 3; of what is left, -2, 0 and 2, the mean square is 8/3 and its root 1.633.
    right = torch.tensor([[-1.2247, 0.0, 1.2247]])
    yield Case(call(f, torch.tensor([[1.0, 3.0, 5.0]]), 1e-6), right, "x = [[1, 3, 5]]", rtol=1e-3)


@layer_norm.probe("the same as PyTorch's, for a batch of vectors far from zero")
def layer_norm_batch(f: Any) -> Iterator[Case]:
    x = 3 * torch.randn(2, 3, 6) + torch.tensor([5.0, -2.0, 1.0])[:, None]
    yield Case(call(f, x, 1e-5), F.layer_norm(x, (6,), eps=1e-5), axes=AXES)


@layer_norm.probe("eps keeps small vectors small")
def layer_norm_small(f: Any) -> Iterator[Case]:
    x = torch.tensor([[0.03, 0.04, 0.05], [7.0, 7.0, 7.0]])
    example = "x = [[0.03, 0.04, 0.05], [7, 7, 7]] and eps = 0.01"
    yield Case(call(f, x, 0.01), F.layer_norm(x, (3,), eps=0.01), example)


fold_norm = Check("fold_norm")


@fold_norm.probe("two components, by hand")
def fold_by_hand(f: Any) -> Iterator[Case]:
    got = call(f, torch.tensor([10.0, 100.0]), torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    right = torch.tensor([[10.0, 200.0], [30.0, 400.0], [50.0, 600.0]])
    example = "norm_weight = [10, 100] and matrix = [[1, 2], [3, 4], [5, 6]]"
    yield Case(got, right, example, "out dim")


@fold_norm.probe("a square matrix, in which rows and columns can be mistaken")
def fold_square(f: Any) -> Iterator[Case]:
    got = call(f, torch.tensor([10.0, 100.0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    right = torch.tensor([[10.0, 200.0], [30.0, 400.0]])
    yield Case(got, right, "norm_weight = [10, 100] and matrix = [[1, 2], [3, 4]]", "out dim")


@fold_norm.probe("equal outputs for random vectors")
def fold_outputs(f: Any) -> Iterator[Case]:
    weight, linear, x = torch.rand(6) + 0.5, torch.nn.Linear(6, 4, bias=False), torch.randn(5, 6)
    matrix = linear.weight.detach()
    got = call(f, weight, matrix)
    if isinstance(got, torch.Tensor) and got.shape == matrix.shape:
        got = F.linear(x, got)
    yield Case(got, linear(x * weight).detach(), "a random matrix, for its outputs")
