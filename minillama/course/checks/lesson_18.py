"""The checks of lesson 18's exercises on how many tokens are kept, and on drawing one."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.checks.top_k import INF
from minillama.course.checks.top_p import nucleus
from minillama.course.probing import Case, Complaint, call

MODULE = "course.exercises.lesson_18"
UP_TO = "(ordered.cumsum(-1) <= top_p)"
FORGOTTEN = (
    "The tokens are counted up to which no more than top_p stands, so the one that crosses it is "
    "forgotten, and what is kept falls short of top_p. A token is kept if less than top_p stands "
    "before it."
)

nucleus_size = Check(
    "nucleus_size",
    MODULE,
    hints={"nucleus_size": "Sort, add up, and count those before which less than top_p stands."},
    mistakes=(
        Mistake(
            "one-too-few",
            "The token that crosses top_p is not counted. It is kept, so that what is kept reaches "
            "top_p: ask what stands before a token, not what stands up to it.",
            {"(before < top_p)": "(ordered.cumsum(-1) < top_p)"},
        ),
        Mistake("crossing-forgotten", FORGOTTEN, {"(before < top_p)": UP_TO}),
        Mistake("crossing-forgotten", FORGOTTEN, {"(before < top_p).sum(-1)":
                                                  f"{UP_TO}.sum(-1).clamp(min=1)"}),
        Mistake(
            "one-too-many",
            "Where the probabilities add up to exactly top_p, one more is counted. The fewest that "
            "reach it are enough.",
            {"before < top_p": "before <= top_p"},
        ),
        Mistake(
            "more-than-there-are",
            "The sums below top_p are counted, and one more. Rounding may leave even the last sum "
            "below 1, and with top_p = 1 that is one more than there are tokens: count the tokens "
            "before which less than top_p stands.",
            {"(before < top_p).sum(-1)": "(ordered.cumsum(-1) < top_p).sum(-1) + 1"},
        ),
        Mistake(
            "over-the-batch",
            "The running sum goes along the axis of the batch. It is along the vocabulary.",
            {"ordered.cumsum(-1)": "ordered.cumsum(0)"},
        ),
        Mistake(
            "not-sorted",
            "The probabilities are added up as they stand. Sort them first, the likeliest in "
            "front.",
            {"probabilities.sort(dim=-1, descending=True).values": "probabilities"},
        ),
        Mistake(
            "least-likely-first",
            "The least likely tokens come first. Sort in descending order.",
            {"descending=True": "descending=False"},
        ),
        Mistake(
            "each-alone",
            "Each probability by itself is compared with top_p. It is the sum of those before it "
            "that counts.",
            {"before < top_p": "ordered < top_p"},
        ),
        Mistake(
            "all-rows-together",
            "The rows are counted together. Each row has a nucleus of its own.",
            {".sum(-1)": ".sum()"},
        ),
        Mistake(
            "dropped-counted",
            "This counts the tokens that are dropped.",
            {"before < top_p": "before >= top_p"},
        ),
        Mistake(
            "a-share",
            "This is the share of the tokens that are kept, and not their number.",
            {".sum(-1)": ".double().mean(-1)"},
        ),
    ),
)  # fmt: skip


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


gumbel_draw = Check(
    "gumbel_draw",
    MODULE,
    hints={"gumbel_draw": "-log(-log(u)) is added to the logits, and argmax goes along a row."},
    mistakes=(
        Mistake(
            "one-logarithm",
            "There is one logarithm, and two are right: -ln(-ln u). With one, the noise is "
            "exponential, and likely tokens come too seldom.",
            {"-torch.log(-torch.log(points))": "-torch.log(points)"},
        ),
        Mistake(
            "sign",
            "The noise has the wrong sign, or is subtracted. What is added, -ln(-ln u), is large "
            "where u is near 1.",
            {"-torch.log(-torch.log(points))": "torch.log(-torch.log(points))"},
        ),
        Mistake(
            "probabilities",
            "The noise is added to probabilities. It belongs on logits, or on the logarithms of "
            "probabilities.",
            {"(logits + noise)": "(logits.softmax(-1) + noise)"},
        ),
        Mistake(
            "uniform-added",
            "The uniform numbers themselves are added. Only Gumbel noise gives each token its "
            "softmax probability.",
            {"-torch.log(-torch.log(points))": "points"},
        ),
        Mistake(
            "no-noise",
            "No noise is added, or the same to a whole row: the likeliest token comes every time. "
            "Each logit has a number of its own.",
            {"logits + noise": "logits"},
        ),
        Mistake(
            "one-noise-for-all-rows",
            "All rows get the noise of the first, so rows with the same logits come to the same "
            "token. Each row draws for itself: points has a row for each.",
            {"torch.log(points)": "torch.log(points[:1])"},
        ),
        Mistake(
            "over-the-batch",
            "The largest is looked for along the axis of the batch. It is along the vocabulary.",
            {"argmax(-1)": "argmax(0)"},
        ),
        Mistake(
            "sum-given",
            "The largest sum comes back, and not the token that has it.",
            {".argmax(-1)": ".amax(-1)"},
        ),
    ),
)  # fmt: skip


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
