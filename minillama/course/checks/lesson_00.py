"""The checks of lesson 00's exercises."""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call
from minillama.course.watching import Called

MODULE = "course.exercises.lesson_00"
COUNT = "return sum(parameter.numel() for parameter in model.parameters())"
READY_MADE = (
    "It calls cross_entropy, and here the loss is to be taken by hand: log_softmax gives ln p of "
    "every token, indexing picks the target's, and minus their mean is the loss."
)
MEAN = "-log_p[torch.arange(len(targets)), targets].mean()"

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
        Mistake(
            "return-inside-the-loop",
            "Only the first tensor is counted: the `return` stands inside the loop, which it ends "
            "in the first round. Move it to the left.",
            {COUNT: "for parameter in model.parameters():\n        return parameter.numel()"},
        ),
        Mistake(
            "only-the-last",
            "Only the last tensor is counted: each round throws away the count so far. Add to it, "
            "with +=.",
            {COUNT: "return [parameter.numel() for parameter in model.parameters()][-1]"},
        ),
    ),
)  # fmt: skip


@count_parameters.probe("a layer of 3 times 2 weights and 2 biases has 8")
def count_layer(f: Any) -> Iterator[Case]:
    yield Case(call(f, nn.Linear(3, 2)), 8, "nn.Linear(3, 2)")


@count_parameters.probe("every tensor of every layer counts")
def count_layers(f: Any) -> Iterator[Case]:
    layers = nn.Sequential(nn.Linear(3, 2, bias=False), nn.Linear(2, 4, bias=False))
    yield Case(call(f, layers), 14, "two layers of 6 and 8 weights")


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
            {MEAN: "log_p[torch.arange(len(targets)), targets].exp().mean()"},
        ),
        Mistake(
            "probability-not-logarithm",
            "This is the mean probability of the targets. Surprise is its logarithm.",
            {".mean()": ".exp().mean()", "-log_p[": "-1 * log_p["},
        ),
        Mistake(
            "mean-missing",
            "The mean is missing: this is the surprise at each position, and one number is asked "
            "for.",
            {".mean()": ""},
        ),
        Mistake(
            "return-inside-the-loop",
            "Only the first position is counted: the `return` stands inside the loop, which it "
            "ends in the first round. Move it to the left.",
            {MEAN: "-log_p[0, targets[0]] / len(targets)"},
        ),
        Mistake(
            "overflows",
            "The logarithm is taken of a probability that was rounded to 0, or of exponentials "
            "that are infinite. log_softmax does both steps in one and stays finite.",
            {"log_softmax(dim=-1)": "softmax(dim=-1).log()"},
        ),
        Mistake(
            "every-target-everywhere",
            "`log_p[:, targets]` takes every target at every position. Position 0 goes with "
            "target 0 only.",
            {"[torch.arange(len(targets)), targets]": "[:, targets]"},
        ),
        Mistake(
            "ready-made",
            READY_MADE,
            {MEAN: "torch.nn.functional.cross_entropy(logits, targets)"},
        ),
        Mistake(
            "log-of-mean",
            "This is the logarithm of the mean probability. The mean is taken after the "
            "logarithm: otherwise one sure guess hides many bad ones.",
            {MEAN: "-log_p[torch.arange(len(targets)), targets].exp().mean().log()"},
        ),
    ),
)  # fmt: skip


@loss_by_hand.probe("by hand, for two tokens and two positions")
def loss_small(f: Any) -> Iterator[Case]:
    # The probabilities are 1/4 and 3/4 at the first position, 1/2 and 1/2 at the second.
    logits = torch.tensor([[0.0, math.log(3)], [5.0, 5.0]])
    right = torch.tensor((math.log(4 / 3) + math.log(2)) / 2)
    example = "logits [[0, ln 3], [5, 5]] and targets [1, 0]"
    with Called() as called:
        got = call(f, logits, torch.tensor([1, 0]))
    if "cross_entropy" in called.names:
        raise Complaint(f"is not right yet. {READY_MADE}", "ready-made")
    yield Case(got, right, example)


@loss_by_hand.probe("equal to PyTorch's cross_entropy")
def loss_pytorch(f: Any) -> Iterator[Case]:
    logits, targets = torch.randn(7, 5) * 3, torch.tensor([0, 4, 2, 2, 1, 3, 0])
    yield Case(call(f, logits, targets), F.cross_entropy(logits, targets), "random logits")
    logits = torch.tensor([[1000.0, 0.0], [0.0, -1000.0]])
    right = torch.tensor(500.0)
    example = "logits as large as 1000"
    yield Case(call(f, logits, torch.tensor([1, 0])), right, example)
