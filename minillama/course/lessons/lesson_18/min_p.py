"""The check of min-p, by hand and by loops."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from minillama.course.checking.answer import Case
from minillama.course.checking.check import Check
from minillama.course.lessons.lesson_18.top_k import FOUR, INF, cut

apply_min_p = Check("apply_min_p", "transforms")


def near_the_largest(logits: Sequence[float], min_p: float | int) -> list[float]:
    """Min-p of one row by a loop: a ratio of probabilities is e to a difference of logits."""
    return [x if math.exp(x - max(logits)) >= min_p else -INF for x in logits]


@apply_min_p.probe("four tokens, by hand")
def limit_of_four(apply_min_p: Any) -> Iterator[Case]:
    example = "logits [1, 3, 2, 0] (the probabilities are 0.09, 0.64, 0.24, 0.03) and min_p ="
    got = cut(apply_min_p, FOUR, 0.2)
    yield Case(got, torch.tensor([[-INF, 3.0, 2.0, -INF]]), f"{example} 0.2")
    yield Case(cut(apply_min_p, FOUR, 0.05), torch.tensor([[1.0, 3, 2, -INF]]), f"{example} 0.05")


@apply_min_p.probe("the likeliest token is always kept, and what is as likely")
def always_one(apply_min_p: Any) -> Iterator[Case]:
    got = cut(apply_min_p, FOUR, 1)
    yield Case(got, torch.tensor([[-INF, 3.0, -INF, -INF]]), "logits [1, 3, 2, 0] and min_p = 1")
    got = cut(apply_min_p, torch.zeros(1, 4), 0.9)
    yield Case(got, torch.zeros(1, 4), "logits [0, 0, 0, 0] and min_p = 0.9")


@apply_min_p.probe("each row has its own limit")
def own_limit(apply_min_p: Any) -> Iterator[Case]:
    got = cut(apply_min_p, torch.tensor([[4.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), 0.3)
    right = torch.tensor([[4.0, -INF, -INF], [1.0, 0.0, 0.0]])
    yield Case(got, right, "logits [[4, 0, 0], [1, 0, 0]] and min_p = 0.3")
    logits = 2 * torch.randn(3, 20, dtype=torch.float64)
    for p in (0.02, 0.2, 0.6):
        right = torch.tensor([near_the_largest(row, p) for row in logits.tolist()]).double()
        yield Case(cut(apply_min_p, logits, p), right, f"min_p = {p}", "batch vocab_size")
