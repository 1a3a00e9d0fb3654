"""The check of top-k, by hand and by sorting."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking import Check, Mistake
from minillama.course.checks.logits import PROBABILITIES
from minillama.course.probing import Case, Complaint, call

INF = math.inf
TOP = "logits.topk(min(top_k, logits.shape[-1]))"
MASK = "logits.masked_fill(logits < smallest_kept, -torch.inf)"
BY_ZERO = (
    "What is dropped becomes 0. A logit of 0 is a number as any other, and a likely one where "
    "the rest are negative: minus infinity is what softmax turns into a probability of 0."
)
BY_LARGE = (
    "What is dropped becomes a large negative number. Minus infinity, -torch.inf, is what softmax "
    "turns into a probability of exactly 0 whatever the other logits are."
)

apply_top_k = Check(
    "apply_top_k",
    "transforms",
    hints={
        "apply_top_k": "The smallest of a row's top_k largest logits is the limit; fill what is "
        "below it with -torch.inf. There may be fewer than top_k tokens.",
    },
    mistakes=(
        Mistake(
            "last-dropped",
            "Only what is larger than the smallest of the top_k is kept, so that one is dropped "
            "too: one token too few, and none for top_k = 1.",
            {"logits < smallest_kept": "logits <= smallest_kept"},
        ),
        Mistake(
            "one-too-few",
            "One token too few is kept.",
            {TOP: "logits.topk(max(1, min(top_k, logits.shape[-1]) - 1))"},
        ),
        Mistake(
            "one-too-many",
            "One token too many is kept.",
            {TOP: "logits.topk(min(top_k + 1, logits.shape[-1]))"},
        ),
        Mistake(
            "equals-cut",
            "Exactly top_k tokens are kept, and others that are just as likely are dropped. Which "
            "of equals stays would be a matter of chance: keep them all.",
            {TOP + ".values[:, -1:]": TOP,
             MASK: "torch.full_like(logits, -torch.inf).scatter(\n"
             "        1, smallest_kept.indices, smallest_kept.values\n    )"},
        ),
        Mistake(
            "smallest-kept",
            "The smallest logits are kept, and the largest dropped.",
            {TOP: TOP[:-1] + ", largest=False)", "logits < smallest": "logits > smallest"},
        ),
        Mistake("masked-with-0", BY_ZERO, {"-torch.inf": "0.0"}),
        Mistake("not-infinite", BY_LARGE, {"-torch.inf": "-1e9"}),
        Mistake(
            "over-the-batch",
            "The largest are looked for among all rows at once. Each row has its own.",
            {TOP + ".values[:, -1:]":
             "logits.flatten().topk(min(top_k, logits.numel())).values[-1]"},
        ),
        Mistake(
            "first-row-only",
            "The limit of the first row is used for all. Each row has its own.",
            {".values[:, -1:]": ".values[:1, -1:]"},
        ),
        Mistake(
            "along-the-batch",
            "The largest are looked for along the axis of the batch. They are those of a row, "
            "along the vocabulary.",
            {TOP + ".values[:, -1:]":
             "logits.topk(min(top_k, len(logits)), dim=0).values[-1:]"},
        ),
        Mistake(
            "first-ids",
            "The first top_k tokens are kept, and not the likeliest.",
            {MASK: "logits.masked_fill(torch.arange(logits.shape[-1]) >= top_k, -torch.inf)"},
        ),
        Mistake(
            "too-few-tokens",
            "It fails where top_k is more than there are tokens: then all are kept.",
            {"min(top_k, logits.shape[-1])": "top_k"},
        ),
        Mistake(
            "only-the-largest",
            "The top_k largest come back alone, sorted: nobody can tell any more which tokens they "
            "are. Keep every logit in its place.",
            {".values[:, -1:]": ".values", f"return {MASK}": "return smallest_kept"},
        ),
        Mistake("probabilities", PROBABILITIES, {MASK: f"{MASK}.softmax(-1)"}),
        Mistake(
            "probabilities-cut",
            PROBABILITIES,
            {MASK: MASK.replace("logits.m", "logits.softmax(-1).m").replace("-torch.inf", "0.0")},
        ),
        Mistake("nothing-dropped", "Nothing is dropped.", {MASK: "logits.clone()"}),
    ),
)  # fmt: skip


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
