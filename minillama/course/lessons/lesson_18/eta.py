"""The check of lesson 18's exercise on eta sampling."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from minillama.course.checking.answer import Case
from minillama.course.checking.check import Check
from minillama.course.checking.compare import wrong_with
from minillama.course.checking.spies import Called
from minillama.course.complaint import Known
from minillama.course.lessons.lesson_18.logits import FOUR, INF, cut

MODULE = "course.lessons.lesson_18.solutions"


apply_eta = Check("apply_eta")


def above_eta(logits: Sequence[float], epsilon: float) -> list[float]:
    """One row by a loop."""
    weights = [math.exp(x) for x in logits]
    p = [weight / sum(weights) for weight in weights]
    entropy = -sum(x * math.log(x) for x in p if x > 0)
    limit = min(epsilon, math.sqrt(epsilon) * math.exp(-entropy))
    return [x if y >= limit else -INF for x, y in zip(logits, p, strict=True)]


@apply_eta.probe("four tokens, by hand")
def eta_of_four(f: Any) -> Iterator[Case]:
    # H = 0.947 and e^-H = 0.388, so for ε = 0.3 the limit is 0.212, and for 0.05 it is 0.05.
    example = "logits [1, 3, 2, 0] (probabilities 0.09, 0.64, 0.24, 0.03; entropy 0.947) and ε ="
    cases = [
        Case(cut(f, FOUR, 0.3), torch.tensor([[-INF, 3.0, 2.0, -INF]]), f"{example} 0.3"),
        Case(cut(f, FOUR, 0.05), torch.tensor([[1.0, 3.0, 2.0, -INF]]), f"{example} 0.05"),
    ]
    by_epsilon = Case(cases[0].got, torch.tensor([[-INF, 3.0, -INF, -INF]]))
    if not wrong_with(by_epsilon) and not wrong_with(cases[1]) and entropy_is_added(f):
        raise Known("plus-entropy", f"\n  It shows where, {wrong_with(cases[0])}")
    yield from cases


def entropy_is_added(f: Any) -> bool:
    """Whether an answer computes e to the power of an entropy, and yet drops by ε alone."""
    with Called() as called:
        got = cut(f, torch.full((1, 8), 0.5), 0.3)
    logarithms = called.names & {"entr", "log", "log_softmax", "logsumexp", "xlogy"}
    cases = (
        Case(got, torch.full((1, 8), -INF)),  # e^-H would keep all
        Case(cut(f, FOUR, 0.06), torch.tensor([[1.0, 3.0, 2.0, -INF]])),  # the larger, two
    )
    return bool(logarithms) and {"exp", "sum"} <= called.names and not any(map(wrong_with, cases))


@apply_eta.probe("the wider, the lower the bar")
def wide(f: Any) -> Iterator[Case]:
    for largest, epsilon in ((2.0, 0.1), (3.0, 0.02), (0.0, 0.9)):
        row = [largest] + [0.0] * 30
        words = f"the logits {largest:g} and thirty times 0, and ε = {epsilon}"
        yield Case(
            cut(f, torch.tensor([row]), epsilon), torch.tensor([above_eta(row, epsilon)]), words
        )
    row = [1.0, 3.0, -INF, 2.0, 0.0]
    right = torch.tensor([above_eta(row, 0.3)])
    yield Case(cut(f, torch.tensor([row]), 0.3), right, "logits [1, 3, -inf, 2, 0] and ε = 0.3")


@apply_eta.probe("each row has its own entropy")
def eta_rows(f: Any) -> Iterator[Case]:
    scale = torch.tensor([[0.3], [1.0], [4.0]])
    logits = (scale * torch.randn(3, 20)).double()
    for epsilon in (0.3, 0.05, 0.004):
        right = torch.tensor([above_eta(row, epsilon) for row in logits.tolist()]).double()
        yield Case(cut(f, logits, epsilon), right, f"ε = {epsilon}", "batch vocab_size")
