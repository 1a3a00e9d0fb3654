"""The check of top-k, by hand and by sorting."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint

INF = math.inf
BY_LARGE = (
    "What is dropped becomes a large negative number. Minus infinity, -torch.inf, is what softmax "
    "turns into a probability of exactly 0 whatever the other logits are."
)

apply_top_k = Check("apply_top_k", "transforms")


def cut(answer: Any, logits: Tensor, option: float | int) -> Tensor:
    """What an answer makes of the logits, where it drops some."""
    got = call(answer, logits.clone(), option)  # FOUR is to stay as it is, whatever the answer does
    if isinstance(got, Tensor) and got.shape == logits.shape:
        changed = got[(got != logits) & got.isfinite()]
        if len(changed) and changed.max() < -1e3:
            raise Complaint(
                f"gives {changed[0].item():.4g} for what it drops. {BY_LARGE}", "not-infinite"
            )
    return got  # fmt: skip


FOUR = torch.tensor([[1.0, 3.0, 2.0, 0.0]])


@apply_top_k.probe("four tokens, by hand")
def top_of_four(apply_top_k: Any) -> Iterator[Case]:
    got = cut(apply_top_k, FOUR, 2)
    yield Case(got, torch.tensor([[-INF, 3.0, 2.0, -INF]]), "logits [1, 3, 2, 0] and top_k = 2")


@apply_top_k.probe("one token, all tokens, and more than there are")
def extreme_k(apply_top_k: Any) -> Iterator[Case]:
    got = cut(apply_top_k, FOUR, 1)
    yield Case(got, torch.tensor([[-INF, 3.0, -INF, -INF]]), "logits [1, 3, 2, 0] and top_k = 1")
    yield Case(cut(apply_top_k, FOUR, 4), FOUR, "logits [1, 3, 2, 0] and top_k = 4")
    yield Case(cut(apply_top_k, FOUR, 9), FOUR, "logits [1, 3, 2, 0] and top_k = 9")


@apply_top_k.probe("tokens equal to the last that is kept are kept too")
def equal_to_last(apply_top_k: Any) -> Iterator[Case]:
    got = cut(apply_top_k, torch.tensor([[1.0, 3.0, 2.0, 2.0, 0.0]]), 2)
    kept = got.isfinite().sum()
    yield Case(kept, 3, "logits [1, 3, 2, 2, 0] and top_k = 2, as how many are kept")


@apply_top_k.probe("each row keeps its own")
def own_top(apply_top_k: Any) -> Iterator[Case]:
    logits = torch.tensor([[9.0, 8.0, 7.0], [-3.0, -1.0, -2.0]])
    got = cut(apply_top_k, logits, 2)
    right = torch.tensor([[9.0, 8.0, -INF], [-INF, -1.0, -2.0]])
    yield Case(got, right, "logits [[9, 8, 7], [-3, -1, -2]] and top_k = 2")
    logits = torch.randn(3, 30, dtype=torch.float64)
    for k in (1, 3, 17):
        limits = [sorted(row, reverse=True)[k - 1] for row in logits.tolist()]
        right = torch.tensor([
            [x if x >= limit else -INF for x in row]
            for row, limit in zip(logits.tolist(), limits, strict=True)
        ], dtype=torch.float64)  # fmt: skip
        yield Case(cut(apply_top_k, logits, k), right, f"top_k = {k}", "batch vocab_size")
