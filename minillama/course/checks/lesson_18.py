"""The checks of lesson 18's exercises."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.checks.logits import PROBABILITIES
from minillama.course.checks.top_k import BY_LARGE, BY_ZERO, FOUR, INF, cut
from minillama.course.checks.top_p import nucleus
from minillama.course.probing import Case, Complaint, call

MODULE = "course.exercises.lesson_18"

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


LIMIT = "torch.minimum(torch.full_like(entropy, epsilon), epsilon**0.5 * torch.exp(-entropy))"
KEPT = "logits.masked_fill(probabilities < limit, -torch.inf)"

apply_eta = Check(
    "apply_eta",
    MODULE,
    hints={
        "apply_eta": "entr and sum(-1, keepdim=True) give each row's entropy; the limit is the "
        "smaller of two numbers; what is below it becomes -inf.",
    },
    mistakes=(
        Mistake(
            "larger-of-both",
            "The limit is the larger of the two numbers. It is the smaller: a wide distribution "
            "has a lower bar.",
            {"torch.minimum": "torch.maximum"},
        ),
        Mistake(
            "epsilon-alone",
            "The limit is ε whatever the entropy (that is epsilon sampling). Where the entropy is "
            "high, √ε · e^-H is lower.",
            {LIMIT: "epsilon"},
        ),
        Mistake(
            "entropy-alone",
            "The limit is √ε · e^-H whatever ε is. Where the entropy is low, ε is lower.",
            {LIMIT: "epsilon**0.5 * torch.exp(-entropy)"},
        ),
        Mistake(
            "root-missing",
            "The root of ε is missing: √ε · e^-H.",
            {"epsilon**0.5 *": "epsilon *"},
        ),
        Mistake(
            "bits",
            "The entropy is in bits. e^-H goes with nats, by the natural logarithm.",
            {".sum(-1, keepdim=True)": f".sum(-1, keepdim=True) / {math.log(2)}"},
        ),
        Mistake(
            "one-entropy-for-all",
            "One entropy is used for all rows. Each row has its own: sum along the vocabulary.",
            {"sum(-1, keepdim=True)": "sum()"},
        ),
        Mistake(
            "entropy-of-logits",
            "The entropy is taken of the logits. Softmax first: it is that of probabilities.",
            {"entr(probabilities)": "entr(logits.clamp(min=0))"},
        ),
        Mistake(
            "logits-compared",
            "Logits are compared with the limit, which is a probability.",
            {"(probabilities < limit": "(logits < limit"},
        ),
        Mistake(
            "nan-after-a-cut",
            "Where a token was dropped before, its probability is 0, and 0 · ln 0 is no number for "
            "torch (nan): then the entropy and the limit are none either, and nothing more is "
            "dropped. torch.special.entr takes it for 0, as it is.",
            {"torch.special.entr(probabilities)": "-(probabilities * probabilities.log())"},
        ),
        Mistake("probabilities", PROBABILITIES, {KEPT: f"{KEPT}.softmax(-1)"}),
        Mistake(
            "probabilities-cut",
            PROBABILITIES,
            {KEPT: "probabilities.masked_fill(probabilities < limit, 0.0)"},
        ),
        Mistake("masked-with-0", BY_ZERO, {"-torch.inf": "0.0"}),
        Mistake("not-infinite", BY_LARGE, {"-torch.inf": "-1e9"}),
    ),
)  # fmt: skip


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
    got = cut(f, FOUR, 0.3)
    yield Case(got, torch.tensor([[-INF, 3.0, 2.0, -INF]]), f"{example} 0.3")
    got = cut(f, FOUR, 0.05)
    yield Case(got, torch.tensor([[1.0, 3.0, 2.0, -INF]]), f"{example} 0.05")


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


FLOW = "        yield held[: len(held) - unsure]\n        held = held[len(held) - unsure :]\n"

until = Check(
    "until",
    MODULE,
    hints={
        "until": "held += part; if the stop is in it, yield what is before and return. Else find "
        "the longest end of held that stop begins with, yield what is before that, and keep it.",
    },
    mistakes=(
        Mistake(
            "only-whole-parts",
            "Only a part that contains the whole stop is noticed. It may be spread over several.",
            {"held += part": "held = part", "held.endswith(stop[:n])": "False"},
        ),
        Mistake(
            "nothing-held-back",
            "Nothing is held back, so the beginning of a stop is out before its end is seen.",
            {FLOW + "    yield held": "        yield part",
             "held[: held.index(stop)]": "held[len(held) - len(part) : held.index(stop)]"},
        ),
        Mistake(
            "all-held-back",
            "Everything is held back until the end. Then nothing can be shown while it arrives.",
            {FLOW: ""},
        ),
        Mistake(
            "too-much-held-back",
            "As much as the stop is long is always held back. Only an end that could become the "
            "stop has to wait.",
            {"unsure = next((n for n in sizes if held.endswith(stop[:n])), 0)":
             "unsure = min(len(held), len(stop) - 1)"},
        ),
        Mistake(
            "shortest-end",
            "The shortest end that could begin the stop is held back. Look for the longest: after "
            "'aa', the stop 'aab' may be two thirds there.",
            {"range(min(len(held), len(stop) - 1), 0, -1)":
             "range(1, min(len(held), len(stop) - 1) + 1)"},
        ),
        Mistake(
            "one-character",
            "Only the last character is compared with the beginning of the stop. More of it may be "
            "there.",
            {"range(min(len(held), len(stop) - 1), 0, -1)": "range(min(1, len(held)), 0, -1)"},
        ),
        Mistake(
            "rest-lost",
            "What is held back at the end of the text is lost. No stop came: it belongs to it.",
            {FLOW + "    yield held": FLOW.rstrip()},
        ),
        Mistake(
            "stop-included",
            "The stop is yielded too. The text ends before it.",
            {"yield held[: held.index(stop)]": "yield held[: held.index(stop) + len(stop)]"},
        ),
        Mistake(
            "last-stop",
            "The text ends before the last stop of a part, and not before the first.",
            {"held[: held.index(stop)]": "held[: held.rindex(stop)]"},
        ),
        Mistake(
            "goes-on",
            "It goes on after the stop. There the text ends, whatever follows.",
            {"            return\n": "            held = held[held.index(stop) + len(stop) :]\n"},
        ),
    ),
)  # fmt: skip


def arriving(f: Any, parts: list[str], stop: str) -> list[str]:
    """What an answer has yielded, in all, when it asks for each further part, and at the end."""
    so_far, seen = [""], list[str]()

    def stream() -> Iterator[str]:
        for part in parts:
            seen.append(so_far[0])
            yield part

    found = call(f, stream(), stop)
    try:
        for part in found:
            so_far[0] += part
    except TypeError as error:
        raise Complaint("yields no parts of a text: is there a `yield`?") from error
    return [*seen[1:], so_far[0]]


@until.probe("a text without the stop comes whole")
def no_stop(f: Any) -> Iterator[Case]:
    for parts in (["Mia", " had", " a dog."], ["a", "<", "b", "<e"]):
        example = f"the parts {parts} and the stop '<end>'"
        yield Case(arriving(f, parts, "<end>")[-1], "".join(parts), example)


@until.probe("it ends before the stop, in one part or in several")
def with_stop(f: Any) -> Iterator[Case]:
    for parts, right in (
        (["Mia", " slept<end>", " more"], "Mia slept"),
        (["Mia", " slept<e", "nd", ">", " more"], "Mia slept"),
        (["Mia<end>a<end>", "b<end>"], "Mia"),
        (["<<e", "nd><end>"], "<"),
    ):
        got = arriving(f, parts, "<end>")[-1]
        yield Case(got, right, f"the parts {parts} and the stop '<end>'")
    got = arriving(f, ["xa", "a", "a", "b", "c"], "aab")[-1]
    yield Case(got, "xa", "the parts ['xa', 'a', 'a', 'b', 'c'] and the stop 'aab'")


@until.probe("no more is held back than must be")
def soon(f: Any) -> Iterator[Case]:
    for parts, stop, right in (
        (["Mia", " had", "."], "<end>", ["Mia", "Mia had", "Mia had."]),
        (["a<", "b<e", "n", "x"], "<end>", ["a", "a<b", "a<b", "a<b<enx"]),
        (["xa", "a", "c"], "aab", ["x", "x", "xaac"]),
    ):
        example = f"the parts {parts} and the stop {stop!r}, as what is out before each next part"
        yield Case(arriving(f, parts, stop), right, example)
