"""The checks of lesson 07's first two exercises; the others are in rms_norm_uses.py."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call

MODULE = "course.exercises.lesson_07"
AXES = "batch time dim"
OF_X = "torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps)"
OF_CENTRED = "torch.rsqrt(centred.square().mean(dim=-1, keepdim=True) + eps)"

layer_norm = Check(
    "layer_norm",
    MODULE,
    hints={"layer_norm": "Take the mean of each vector away; then do what RMSNorm does."},
    mistakes=(
        Mistake(
            "not-centred",
            "The mean is not taken away: this is RMSNorm, without its weight.",
            {"x - x.mean(dim=-1, keepdim=True)": "x"},
        ),
        Mistake(
            "size-of-the-uncentred",
            "The mean is taken away, but the size is that of the vector before it was (the same as "
            "to normalise first and centre afterwards). Take the mean of the squares of what is "
            "left.",
            {OF_CENTRED: OF_X},
        ),
        Mistake(
            "unbiased",
            "This divides by dim - 1, as `std` and `var` do unless told `correction=0`. That is "
            "for guessing a spread from a sample; here the mean of dim squares is meant.",
            {OF_CENTRED: "torch.rsqrt(centred.var(dim=-1, keepdim=True) + eps)"},
        ),
        Mistake(
            "unbiased",
            "This divides by dim - 1, as `std` and `var` do unless told `correction=0`. That is "
            "for guessing a spread from a sample; here the mean of dim squares is meant.",
            {f"centred * {OF_CENTRED}": "centred / (x.std(dim=-1, keepdim=True) + eps)"},
        ),
        Mistake(
            "eps-outside-root",
            "eps stands outside the root. Inside, no vector is magnified more than 1/√eps times; "
            "outside it is 1/eps, which is far more: small vectors come out too large.",
            {f"centred * {OF_CENTRED}":
             "centred / (centred.square().mean(dim=-1, keepdim=True).sqrt() + eps)"},
        ),
        Mistake(
            "over-time",
            "The mean that is taken away is that of other positions: it runs along the axis of "
            "time. Each vector has a mean of its own, along the last axis.",
            {"x - x.mean(dim=-1, keepdim=True)": "x - x.mean(dim=-2, keepdim=True)"},
        ),
        Mistake(
            "one-mean-for-all",
            "One mean is taken over the whole tensor. Each vector has a mean of its own, along "
            "the last axis: `mean(dim=-1, keepdim=True)`.",
            {"x - x.mean(dim=-1, keepdim=True)": "x - x.mean()"},
        ),
        Mistake(
            "no-root",
            "The root is missing: the centred vector is divided by its mean square.",
            {"torch.rsqrt(": "torch.reciprocal("},
        ),
    ),
)  # fmt: skip


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


fold_norm = Check(
    "fold_norm",
    MODULE,
    hints={"fold_norm": "Which component of its input does each column of a matrix multiply?"},
    mistakes=(
        Mistake(
            "rows",
            "The weight goes to the rows, and the shapes do not even fit unless the matrix is "
            "square. It belongs to the columns: column i is what component i of the input is "
            "multiplied by.",
            {"matrix * norm_weight": "matrix * norm_weight[: len(matrix), None]"},
        ),
        Mistake(
            "rows",
            "The weight goes to the rows, and the shapes do not even fit unless the matrix is "
            "square. It belongs to the columns: column i is what component i of the input is "
            "multiplied by.",
            {"matrix * norm_weight": "torch.diag(norm_weight) @ matrix"},
        ),
        Mistake(
            "rows",
            "The weight goes to the rows, and the shapes do not even fit unless the matrix is "
            "square. It belongs to the columns: column i is what component i of the input is "
            "multiplied by.",
            {"matrix * norm_weight": "matrix * norm_weight[:, None]"},
        ),
        Mistake(
            "rows",
            "The weight goes to the rows, and the shapes do not even fit unless the matrix is "
            "square. It belongs to the columns: column i is what component i of the input is "
            "multiplied by.",
            {"matrix * norm_weight": "norm_weight[:, None] * matrix"},
        ),
        Mistake(
            "divided",
            "The columns are divided by the weight. The norm multiplies by it, so the matrix does.",
            {"matrix * norm_weight": "matrix / norm_weight"},
        ),
        Mistake(
            "applied",
            "`matrix @ norm_weight` sends the weight through the matrix: what comes out is one "
            "vector. What is asked for is a matrix that serves for every input.",
            {"matrix * norm_weight": "matrix @ norm_weight"},
        ),
        Mistake(
            "transposed",
            "The right numbers, with rows and columns swapped. nn.Linear keeps its matrix as "
            "(out, dim).",
            {"matrix * norm_weight": "(matrix * norm_weight).mT"},
        ),
        Mistake(
            "not-used",
            "The matrix comes back as it was: the weight is not in it.",
            {"matrix * norm_weight": "1 * matrix"},
        ),
        Mistake(
            "one-number",
            "The whole matrix is scaled by one number. Each column has its own: that of the "
            "weight's component.",
            {"matrix * norm_weight": "matrix * norm_weight.mean()"},
        ),
    ),
)  # fmt: skip


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
