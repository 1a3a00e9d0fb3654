"""The check of min-p, by hand and by loops."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.checks.logits import PROBABILITIES
from minillama.course.checks.top_k import BY_LARGE, BY_ZERO, FOUR, INF, cut
from minillama.course.probing import Case

LIMIT = "min_p * probabilities.amax(-1, keepdim=True)"
DROPPED = "probabilities < smallest_kept"
KEPT = f"logits.masked_fill({DROPPED}, -torch.inf)"

apply_min_p = Check(
    "apply_min_p",
    "transforms",
    hints={
        "apply_min_p": "Softmax gives the probabilities of a row, amax its largest; drop what has "
        "less than min_p times that. Fill the logits, not the probabilities.",
    },
    mistakes=(
        Mistake(
            "absolute",
            "Each probability is compared with min_p itself. The limit is min_p times the largest: "
            "so it falls where the model is unsure, and the likeliest token always stays.",
            {LIMIT: "min_p"},
        ),
        Mistake(
            "strictly-above",
            "What is exactly at the limit is dropped. It is kept: with min_p = 1 the likeliest is "
            "at the limit, and it must stay.",
            {"probabilities < smallest_kept": "probabilities <= smallest_kept"},
        ),
        Mistake(
            "logits-compared",
            "Logits are compared where probabilities should be. A share of a logit means nothing: "
            "softmax first, or compare with the largest logit plus the logarithm of min_p.",
            {"logits.softmax(-1)": "logits"},
        ),
        Mistake(
            "subtracted",
            "The limit is the largest probability less min_p. It is min_p times the largest.",
            {LIMIT: "probabilities.amax(-1, keepdim=True) - min_p"},
        ),
        Mistake(
            "one-minus-p",
            "The limit is 1 - min_p times the largest, and not min_p times.",
            {"min_p *": "(1 - min_p) *"},
        ),
        Mistake(
            "top-p",
            "This adds up probabilities from the likeliest down until they reach min_p, which is "
            "top-p. Min-p looks at each probability by itself, beside the largest.",
            {DROPPED: "torch.zeros_like(logits, dtype=torch.bool).scatter(\n"
             "        1,\n        (o := logits.sort(descending=True, stable=True)).indices,\n"
             "        o.values.softmax(-1).cumsum(-1) - o.values.softmax(-1) >= min_p,\n    )"},
        ),
        Mistake(
            "over-the-batch",
            "The largest probability is looked for among all rows. Each row has its own.",
            {"probabilities.amax(-1, keepdim=True)": "probabilities.max()"},
        ),
        Mistake(
            "along-the-batch",
            "The largest probability is looked for along the axis of the batch. It is that of a "
            "row, along the vocabulary.",
            {"probabilities.amax(-1, keepdim=True)": "probabilities.amax(0, keepdim=True)"},
        ),
        Mistake(
            "softmax-over-batch",
            "Softmax is taken along the axis of the batch. It is along the vocabulary, the last "
            "axis.",
            {"logits.softmax(-1)": "logits.softmax(0)"},
        ),
        Mistake(
            "likely-dropped",
            "It works the wrong way round: what is probable is dropped, and the rest kept.",
            {DROPPED: "probabilities >= smallest_kept"},
        ),
        Mistake("probabilities", PROBABILITIES, {KEPT: f"{KEPT}.softmax(-1)"}),
        Mistake(
            "probabilities-cut",
            PROBABILITIES,
            {KEPT: f"probabilities.masked_fill({DROPPED}, 0.0)"},
        ),
        Mistake("masked-with-0", BY_ZERO, {"-torch.inf": "0.0"}),
        Mistake("not-infinite", BY_LARGE, {"-torch.inf": "-1e9"}),
        Mistake("nothing-dropped", "Nothing is dropped.", {KEPT: "logits.clone()"}),
    ),
)  # fmt: skip


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
