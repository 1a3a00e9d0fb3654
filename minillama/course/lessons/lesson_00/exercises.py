"""The checks of lesson 00's exercises."""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.spies import Called
from minillama.course.complaint import Known

MODULE = "course.lessons.lesson_00.solutions"

count_parameters = Check("count_parameters")


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


loss_by_hand = Check("loss_by_hand")


@loss_by_hand.probe("by hand, for two tokens and two positions")
def loss_small(f: Any) -> Iterator[Case]:
    # The probabilities are 1/4 and 3/4 at the first position, 1/2 and 1/2 at the second.
    logits = torch.tensor([[0.0, math.log(3)], [5.0, 5.0]])
    right = torch.tensor((math.log(4 / 3) + math.log(2)) / 2)
    example = "logits [[0, ln 3], [5, 5]] and targets [1, 0]"
    with Called() as called:
        got = call(f, logits, torch.tensor([1, 0]))
    if "cross_entropy" in called.names:
        raise Known("ready-made")
    yield Case(got, right, example)


@loss_by_hand.probe("equal to PyTorch's cross_entropy")
def loss_pytorch(f: Any) -> Iterator[Case]:
    logits, targets = torch.randn(7, 5) * 3, torch.tensor([0, 4, 2, 2, 1, 3, 0])
    yield Case(call(f, logits, targets), F.cross_entropy(logits, targets), "random logits")
    logits = torch.tensor([[1000.0, 0.0], [0.0, -1000.0]])
    right = torch.tensor(500.0)
    example = "logits as large as 1000"
    yield Case(call(f, logits, torch.tensor([1, 0])), right, example)
