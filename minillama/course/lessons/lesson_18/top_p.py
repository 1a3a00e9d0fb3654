"""The check of top-p, against a loop over sorted tokens."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from minillama.course.checking.answer import Case
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint
from minillama.course.lessons.lesson_18.top_k import FOUR, INF, cut

apply_top_p = Check("apply_top_p", "transforms")


def nucleus(logits: Sequence[float], top_p: float | int) -> list[float]:
    """Top-p of one row by a loop, in float64."""
    weights = [math.exp(x) for x in logits]
    order = sorted(range(len(logits)), key=lambda i: (-logits[i], i))
    row, mass = [-INF] * len(logits), 0.0
    for i in order:
        if mass >= top_p:
            break
        row[i] = logits[i]
        mass += weights[i] / sum(weights)
    return row


@apply_top_p.probe("four tokens, by hand")
def nucleus_of_four(apply_top_p: Any) -> Iterator[Case]:
    example = "logits [1, 3, 2, 0] (the probabilities are 0.09, 0.64, 0.24, 0.03) and top_p ="
    got = cut(apply_top_p, FOUR, 0.8)
    yield Case(got, torch.tensor([[-INF, 3.0, 2.0, -INF]]), f"{example} 0.8")


@apply_top_p.probe("the likeliest token is always kept")
def likeliest(apply_top_p: Any) -> Iterator[Case]:
    example = "logits [1, 3, 2, 0] (the probabilities are 0.09, 0.64, 0.24, 0.03) and top_p ="
    got = cut(apply_top_p, FOUR, 0.1)
    yield Case(got, torch.tensor([[-INF, 3.0, -INF, -INF]]), f"{example} 0.1")


@apply_top_p.probe("each row keeps the fewest tokens that reach top_p")
def own_nucleus(apply_top_p: Any) -> Iterator[Case]:
    logits = 2 * torch.randn(3, 20, dtype=torch.float64)
    for p in (0.3, 0.75, 0.95):
        right = torch.tensor([nucleus(row, p) for row in logits.tolist()], dtype=torch.float64)
        yield Case(cut(apply_top_p, logits, p), right, f"top_p = {p}", "batch vocab_size")


@apply_top_p.probe("of equals, no more than needed are kept, the lower ids first")
def equals(apply_top_p: Any) -> Iterator[Case]:
    got = cut(apply_top_p, torch.zeros(1, 4), 0.5)
    few = got.isfinite().nonzero()[:, 1].tolist()
    kept = cut(apply_top_p, torch.zeros(1, 200), 0.4999).isfinite().nonzero()[:, 1].tolist()
    by_id = few == [0, 1] and kept == [*range(100)], few == [2, 3] and kept == [*range(100, 200)]
    if len(few) == 2 and len(kept) == 100 and not any(by_id):
        raise Complaint(
            "does not keep the lower ids where many tokens are equally likely. Of equals the lower "
            "ids are kept first, and sorting leaves equals in their order only if it is asked to: "
            "sort in descending order, with stable=True.",
            "sort-not-stable",
        )
    yield Case(got, torch.tensor([[0, 0, -INF, -INF]]), "logits [0, 0, 0, 0] and top_p = 0.5")
    yield Case(len(kept), 100, "200 equal logits and top_p = 0.4999, as how many are kept")


@apply_top_p.probe("what was dropped before stays dropped")
def after_top_k(apply_top_p: Any) -> Iterator[Case]:
    got = cut(apply_top_p, torch.tensor([[1.0, 3.0, -INF, 2.0]]), 0.8)
    right = torch.tensor([[-INF, 3.0, -INF, 2.0]])
    yield Case(got, right, "logits [1, 3, -inf, 2] and top_p = 0.8")


@apply_top_p.probe("top_p = 1 keeps all")
def all_kept(apply_top_p: Any) -> Iterator[Case]:
    yield Case(cut(apply_top_p, FOUR, 1.0), FOUR, "logits [1, 3, 2, 0] and top_p = 1")
