"""The checks of lesson 18's exercises on how many tokens are kept, and on drawing one."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint
from minillama.course.lessons.lesson_18.logits import INF, nucleus

MODULE = "course.lessons.lesson_18.solutions"

nucleus_size = Check("nucleus_size")


@nucleus_size.probe("four tokens, by hand")
def four_sizes(f: Any) -> Iterator[Case]:
    p = torch.tensor([[0.125, 0.5, 0.25, 0.125]])
    for top_p, size in ((0.6, 2), (0.3, 1), (0.75, 2), (0.8, 3), (1.0, 4)):
        example = f"the probabilities [0.125, 0.5, 0.25, 0.125] and top_p = {top_p}"
        yield Case(call(f, p, top_p), torch.tensor([size]), example)
    p = torch.tensor([[0.25, 0.5, 0.2499999]])  # as rounding may leave them
    example = "the probabilities [0.25, 0.5, 0.2499999] and top_p = 1"
    yield Case(call(f, p, 1.0), torch.tensor([3]), example)


@nucleus_size.probe("each row has its own")
def own_sizes(f: Any) -> Iterator[Case]:
    logits = 2 * torch.randn(4, 30, dtype=torch.float64)
    for top_p in (0.2, 0.9):
        sizes = [sum(x > -INF for x in nucleus(row, top_p)) for row in logits.tolist()]
        got = call(f, logits.softmax(-1), top_p)
        yield Case(got, torch.tensor(sizes), f"4 rows of 30 and top_p = {top_p}", "batch")


gumbel_draw = Check("gumbel_draw")


@gumbel_draw.probe("three tokens, by hand")
def three_by_hand(f: Any) -> Iterator[Case]:
    logits = torch.tensor([[0.0, 1.0, 0.5]])
    for points, token in (([0.9, 0.5, 0.5], 0), ([0.5, 0.5, 0.5], 1), ([0.1, 0.3, 0.6], 2)):
        example = f"logits [0, 1, 0.5] and points {points}"
        yield Case(call(f, logits, torch.tensor([points])), torch.tensor([token]), example)


@gumbel_draw.probe("tokens come as often as softmax says")
def gumbel_frequencies(f: Any) -> Iterator[Case]:
    logits = torch.tensor([[2.0, 0.0, 1.0, -1.0]])
    got = call(f, logits.expand(4000, -1), torch.rand(4000, 4))
    if not isinstance(got, torch.Tensor) or got.is_floating_point() or got.shape != (4000,):
        raise Complaint("gives no whole number for each row.")
    weights = [math.exp(x) for x in logits[0].tolist()]
    right = torch.tensor([weight / sum(weights) for weight in weights])
    counts = torch.stack([(got == token).float().mean() for token in range(4)])
    words = "logits [2, 0, 1, -1] in 4,000 rows, as frequencies"
    yield Case(counts, right, words, rtol=0.0, atol=0.03)


@gumbel_draw.probe("a token of logit -inf never comes, and each row has its own")
def gumbel_rows(f: Any) -> Iterator[Case]:
    logits, points = torch.randn(5, 8), torch.rand(5, 8)
    logits[:, 2] = -INF
    right = []
    for row, us in zip(logits.tolist(), points.tolist(), strict=True):
        sums = [x - math.log(-math.log(u)) for x, u in zip(row, us, strict=True)]
        right.append(sums.index(max(sums)))
    yield Case(call(f, logits, points), torch.tensor(right), "5 rows of 8 tokens", "batch")
