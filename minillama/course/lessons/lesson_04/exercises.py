"""The checks of lesson 04's exercises."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

MODULE = "course.lessons.lesson_04.solutions"
MASK_AXES = "time keys"

attention_entropy = Check("attention_entropy")


@attention_entropy.probe("a row by hand")
def entropy_by_hand(f: Any) -> Iterator[Case]:
    row = torch.tensor([[0.5, 0.25, 0.25]])
    yield Case(call(f, row), torch.tensor([1.5 * math.log(2)]), "the row [0.5, 0.25, 0.25]")


@attention_entropy.probe("0 for a look at one key, ln n for n keys alike")
def entropy_ends(f: Any) -> Iterator[Case]:
    yield Case(call(f, torch.tensor([[0.0, 1.0, 0.0]])), torch.zeros(1), "the row [0, 1, 0]")
    yield Case(
        call(f, torch.full((1, 4), 0.25)), torch.tensor([math.log(4)]), "the row [¼, ¼, ¼, ¼]"
    )


@attention_entropy.probe("each row of a batch of heads has its own")
def entropy_rows(f: Any) -> Iterator[Case]:
    weights = torch.rand(2, 3, 4, 5).softmax(-1)
    right = torch.distributions.Categorical(probs=weights).entropy()
    yield Case(call(f, weights), right, axes="batch heads time")


def mask_case(got: torch.Tensor, allowed: list[list[bool]], example: str) -> Case:
    return Case(got, torch.tensor(allowed), example, MASK_AXES)


prefix_mask = Check("prefix_mask")


@prefix_mask.probe("four tokens of which two are the prefix")
def prefix_small(f: Any) -> Iterator[Case]:
    allowed = [[t >= s or (t < 2 and s < 2) for s in range(4)] for t in range(4)]
    yield mask_case(call(f, 4, 2), allowed, "time = 4 and prefix = 2")


@prefix_mask.probe("other lengths, no prefix and nothing but prefix")
def prefix_lengths(f: Any) -> Iterator[Case]:
    for time, prefix in [(5, 3), (5, 0), (3, 3), (1, 1)]:
        allowed = [[t >= s or max(s, t) < prefix for s in range(time)] for t in range(time)]
        yield mask_case(call(f, time, prefix), allowed, f"time = {time} and prefix = {prefix}")


sliding_window_mask = Check("sliding_window_mask")


@sliding_window_mask.probe("four tokens and a window of two")
def window_small(f: Any) -> Iterator[Case]:
    allowed = [[0 <= t - s < 2 for s in range(4)] for t in range(4)]
    yield mask_case(call(f, 4, 4, 2), allowed, "time = keys = 4 and window = 2")


@sliding_window_mask.probe("other windows, and queries that are the last of many keys")
def window_lengths(f: Any) -> Iterator[Case]:
    for time, keys, window in [(5, 5, 3), (2, 6, 3), (1, 4, 2), (3, 3, 9), (3, 3, 1)]:
        places = range(keys - time, keys)
        allowed = [[0 <= t - s < window for s in range(keys)] for t in places]
        example = f"time = {time}, keys = {keys} and window = {window}"
        yield mask_case(call(f, time, keys, window), allowed, example)
