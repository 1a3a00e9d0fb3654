"""The check of top-p, against a loop over sorted tokens."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.checks.logits import PROBABILITIES
from minillama.course.checks.top_k import BY_LARGE, BY_ZERO, FOUR, INF, cut
from minillama.course.probing import Case, Complaint

SORT = "logits.sort(descending=True, stable=True)"
DROPPED = "torch.zeros_like(logits, dtype=torch.bool).scatter(1, ids, before >= top_p)"
KEPT = "logits.masked_fill(dropped, -torch.inf)"

apply_top_p = Check(
    "apply_top_p",
    "transforms",
    hints={
        "apply_top_p": "Sort the logits in descending order, equals by id. A token is dropped if "
        "the probabilities of those before it reach top_p already: the running sum less its own. "
        "Scatter that back to where the tokens were, and fill with -torch.inf.",
    },
    mistakes=(
        Mistake(
            "crossing-dropped",
            "The token that crosses top_p is dropped. It is kept: otherwise the rest is less than "
            "top_p, and nothing is left where the likeliest token alone has more.",
            {"before >= top_p": "probabilities.cumsum(-1) > top_p"},
        ),
        Mistake(
            "crossing-dropped-unless-first",
            "The token that crosses top_p is dropped, unless it is the first. It is always kept, "
            "so that what is kept reaches top_p.",
            {"before >= top_p": "(probabilities.cumsum(-1) > top_p) & (before > 0)"},
        ),
        Mistake(
            "one-too-many",
            "One token too many is kept: that after the one that crosses top_p.",
            {"before >= top_p": "F.pad(before[:, :-1], (1, 0)) >= top_p"},
        ),
        Mistake(
            "more-than-reached",
            "Where the probabilities add up to exactly top_p, one more token is kept. The fewest "
            "that reach it are enough.",
            {"before >= top_p": "before > top_p"},
        ),
        Mistake(
            "not-sorted",
            "The probabilities are added up in the order of the ids. Sort them first, so that the "
            "likeliest are kept.",
            {SORT: "logits, torch.arange(logits.shape[-1]).expand_as(logits)"},
        ),
        Mistake(
            "least-likely-kept",
            "The probabilities are sorted in ascending order, so the least likely tokens are kept.",
            {"descending=True": "descending=False"},
        ),
        Mistake(
            "left-in-sorted-order",
            "The logits come back in descending order: nobody can tell any more which tokens they "
            "are. Every logit belongs back in its place.",
            {KEPT: "ordered.masked_fill(before >= top_p, -torch.inf)"},
        ),
        Mistake(
            "mask-in-sorted-order",
            "The mask is that of the sorted logits, laid over the logits as they stood. Scatter it "
            "back first.",
            {DROPPED: "before >= top_p"},
        ),
        Mistake(
            "gathered",
            "The mask is moved the wrong way. The second result of sort says where each sorted "
            "token came from: scatter takes the mask back there, while gather sorts it once more.",
            {DROPPED: "(before >= top_p).gather(1, ids)"},
        ),
        Mistake(
            "equals-by-higher-id",
            "Of equally likely tokens those with the higher ids are kept. The lower ones come "
            "first, as everywhere else: sort in descending order, and stably.",
            {SORT: "logits.flip(-1).sort(descending=True, stable=True)\n"
             "    ids = logits.shape[-1] - 1 - ids"},
        ),
        Mistake(
            "equals-kept",
            "All tokens that are as likely as the last are kept. Of equals only as many are kept "
            "as it takes to reach top_p, the lower ids first.",
            {DROPPED: "logits < ordered.masked_fill(before >= top_p, torch.inf).amin(-1, True)"},
        ),
        Mistake(
            "each-alone",
            "Each probability by itself is compared with top_p. It is their sum, from the "
            "likeliest down, that has to reach it.",
            {DROPPED: "logits.softmax(-1) < top_p"},
        ),
        Mistake(
            "min-p",
            "This keeps what has at least top_p times the largest probability, which is min-p "
            "sampling. Top-p goes by the sum of the probabilities from the likeliest down.",
            {DROPPED: "logits.softmax(-1) < top_p * logits.softmax(-1).amax(-1, keepdim=True)"},
        ),
        Mistake(
            "one-minus-p",
            "What is kept has 1 - top_p of the probability, and not top_p.",
            {"before >= top_p": "before >= 1 - top_p"},
        ),
        Mistake(
            "logits-summed",
            "Logits are added up where probabilities should be: softmax is missing.",
            {"ordered.softmax(-1)": "ordered"},
        ),
        Mistake(
            "softmax-over-batch",
            "Softmax is taken along the axis of the batch. It is along the vocabulary, the last "
            "axis.",
            {"ordered.softmax(-1)": "ordered.softmax(0)"},
        ),
        Mistake(
            "rows-run-on",
            "The running sum goes on from row to row. Each row starts again from 0.",
            {"probabilities.cumsum(-1)":
             "probabilities.flatten().cumsum(0).view_as(probabilities)"},
        ),
        Mistake(
            "over-the-batch",
            "The running sum goes down the batch, from row to row. It is along the vocabulary, the "
            "last axis: in a batch of one row nothing would ever be dropped.",
            {"probabilities.cumsum(-1)": "probabilities.cumsum(0)"},
        ),
        Mistake(
            "probabilities",
            PROBABILITIES,
            {KEPT: f"{KEPT}.softmax(-1)"},
        ),
        Mistake(
            "probabilities-cut",
            PROBABILITIES,
            {KEPT: "logits.softmax(-1).masked_fill(dropped, 0.0)"},
        ),
        Mistake("masked-with-0", BY_ZERO, {"-torch.inf": "0.0"}),
        Mistake("not-infinite", BY_LARGE, {"-torch.inf": "-1e9"}),
        Mistake("nothing-dropped", "Nothing is dropped.", {KEPT: "logits.clone()"}),
    ),
)  # fmt: skip


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
