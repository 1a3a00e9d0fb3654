"""The checks of lesson 00's exercises."""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call

MODULE = "course.exercises.lesson_00"

count_parameters = Check(
    "count_parameters",
    MODULE,
    hints={"count_parameters": "Sum the numel() of everything in model.parameters()."},
    mistakes=(
        Mistake(
            "tensors-not-numbers",
            "This counts the tensors. Each holds many numbers, and `numel()` says how many.",
            {"parameter.numel()": "1"},
        ),
        Mistake(
            "rows-only",
            "The length of a tensor is that of its first axis. All axes multiplied are `numel()`.",
            {"parameter.numel()": "len(parameter)"},
        ),
        Mistake(
            "matrices-only",
            "Only matrices are counted, and a bias or the weight of a norm is learnt too.",
            {"in model.parameters()": "in model.parameters() if parameter.ndim > 1"},
        ),
        Mistake(
            "shared-twice",
            "A tensor that two modules share is counted twice. `model.parameters()` yields it "
            "once; a walk through the modules meets it in each.",
            {"for parameter in model.parameters()":
             "for module in model.modules() for parameter in module.parameters(recurse=False)"},
        ),
        Mistake(
            "buffers-too",
            "Buffers are counted too, such as RoPE's tables. They belong to the model, but nothing "
            "is learnt in them.",
            {"return sum(": "return sum(buffer.numel() for buffer in model.buffers()) + sum("},
        ),
        Mistake(
            "bytes",
            "These are bytes: a float32 has four.",
            {"parameter.numel()": "parameter.numel() * parameter.element_size()"},
        ),
    ),
)  # fmt: skip


@count_parameters.probe("a layer of 3 times 2 weights and 2 biases has 8")
def count_layer(f: Any) -> Iterator[Case]:
    yield Case(call(f, nn.Linear(3, 2)), 8, "nn.Linear(3, 2)")


@count_parameters.probe("shared tensors count once, buffers not at all")
def count_shared(f: Any) -> Iterator[Case]:
    tied = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    tied[1].weight = tied[0].weight
    yield Case(call(f, tied), 16, "two layers that share one 4 × 4 matrix")
    normed = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))
    yield Case(call(f, normed), 35, "a layer of 25 numbers and a norm of 10, which has buffers")


loss_by_hand = Check(
    "loss_by_hand",
    MODULE,
    hints={"loss_by_hand": "log_softmax over the vocabulary, the target's entry, minus, mean."},
    mistakes=(
        Mistake(
            "sign",
            "The sign is missing: a logarithm of a probability is negative, the surprise is minus "
            "that.",
            {"-log_p[": "log_p["},
        ),
        Mistake(
            "sum",
            "The surprise is summed. A mean can be compared between texts of any length.",
            {".mean()": ".sum()"},
        ),
        Mistake(
            "not-normalised",
            "The logits are taken as they are. Only after (log-)softmax are they (logarithms of) "
            "probabilities.",
            {"logits.log_softmax(dim=-1)": "logits"},
        ),
        Mistake(
            "over-time",
            "The softmax runs over time. The tokens of the vocabulary compete at each position: "
            "that is the last axis.",
            {"dim=-1": "dim=0"},
        ),
        Mistake(
            "bits",
            "This is in bits, by the logarithm to base 2; nats are asked for.",
            {".mean()": f".mean() / {math.log(2)}"},
        ),
        Mistake(
            "probability-not-logarithm",
            "This is the mean probability of the targets. Surprise is its logarithm.",
            {"-log_p[torch.arange(len(targets)), targets].mean()":
             "log_p[torch.arange(len(targets)), targets].exp().mean()"},
        ),
        Mistake(
            "every-target-everywhere",
            "`log_p[:, targets]` takes every target at every position. Position 0 goes with "
            "target 0 only.",
            {"[torch.arange(len(targets)), targets]": "[:, targets]"},
        ),
        Mistake(
            "log-of-mean",
            "This is the logarithm of the mean probability. The mean is taken after the "
            "logarithm: otherwise one sure guess hides many bad ones.",
            {"-log_p[torch.arange(len(targets)), targets].mean()":
             "-log_p[torch.arange(len(targets)), targets].exp().mean().log()"},
        ),
    ),
)  # fmt: skip


@loss_by_hand.probe("by hand, for two tokens and two positions")
def loss_small(f: Any) -> Iterator[Case]:
    # The probabilities are 1/4 and 3/4 at the first position, 1/2 and 1/2 at the second.
    logits = torch.tensor([[0.0, math.log(3)], [5.0, 5.0]])
    right = torch.tensor((math.log(4 / 3) + math.log(2)) / 2)
    example = "logits [[0, ln 3], [5, 5]] and targets [1, 0]"
    yield Case(call(f, logits, torch.tensor([1, 0])), right, example)


@loss_by_hand.probe("equal to PyTorch's cross_entropy")
def loss_pytorch(f: Any) -> Iterator[Case]:
    logits, targets = torch.randn(7, 5) * 3, torch.tensor([0, 4, 2, 2, 1, 3, 0])
    yield Case(call(f, logits, targets), F.cross_entropy(logits, targets), "random logits")
    logits = torch.tensor([[1000.0, 0.0], [0.0, -1000.0]])
    right = torch.tensor(500.0)
    example = "logits as large as 1000"
    yield Case(call(f, logits, torch.tensor([1, 0])), right, example)


slope_by_nudging = Check(
    "slope_by_nudging",
    MODULE,
    hints={"slope_by_nudging": "The difference of two values of f, by how far apart they are."},
    mistakes=(
        Mistake(
            "by-nudge-once",
            "The two places are 2 · nudge apart, and the difference is divided by nudge: the slope "
            "comes out twice too steep.",
            {"(2 * nudge)": "nudge"},
        ),
        Mistake(
            "not-divided",
            "This is the difference of the two values. A slope is that divided by the distance.",
            {" / (2 * nudge)": ""},
        ),
        Mistake(
            "one-side",
            "Only one side is nudged. For a curve, the error is then as large as the nudge; on "
            "both sides it is as small as its square.",
            {"(f(x + nudge) - f(x - nudge)) / (2 * nudge)": "(f(x + nudge) - f(x)) / nudge"},
        ),
        Mistake(
            "other-side",
            "Only the lower side is nudged. For a curve, the error is then as large as the nudge; "
            "on both sides it is as small as its square.",
            {"(f(x + nudge) - f(x - nudge)) / (2 * nudge)": "(f(x) - f(x - nudge)) / nudge"},
        ),
        Mistake(
            "upside-down",
            "The sign is wrong: uphill must come out positive, f(x + nudge) first.",
            {"f(x + nudge) - f(x - nudge)": "f(x - nudge) - f(x + nudge)"},
        ),
        Mistake(
            "multiplied",
            "The difference is multiplied by 2 · nudge. Python reads a / 2 * b from left to right: "
            "put 2 * nudge in brackets.",
            {"/ (2 * nudge)": "/ 2 * nudge"},
        ),
    ),
)  # fmt: skip


@slope_by_nudging.probe("a straight line")
def slope_line(f: Any) -> Iterator[Case]:
    example = "f(x) = 3x + 1 at x = 2 with nudge = 0.5"
    yield Case(call(f, lambda x: 3 * x + 1, 2.0, 0.5), 3.0, example)


@slope_by_nudging.probe("a parabola, at which the middle of both sides is exact")
def slope_parabola(f: Any) -> Iterator[Case]:
    yield Case(call(f, lambda x: x * x, 3.0, 0.1), 6.0, "f(x) = x² at x = 3 with nudge = 0.1")
    yield Case(call(f, lambda x: x * x, -1.0, 0.25), -2.0, "f(x) = x² at x = -1, nudge = 0.25")
