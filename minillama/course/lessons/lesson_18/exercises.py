"""The checks of lesson 18's exercises: nucleus sizes, Gumbel's noise, eta sampling, stop texts."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import agrees, all_agree, examples
from minillama.course.checking.spies import Called
from minillama.course.complaint import Complaint
from minillama.course.lessons.lesson_18 import logits as by_rows
from minillama.course.lessons.lesson_18.logits import FOUR, INF, batch, cut, nucleus, row

MODULE = "course.lessons.lesson_18.solutions"
LOGS = {"entr", "log", "log_softmax", "logsumexp", "xlogy"}


def sizes(probabilities: Tensor, top_p: float | int) -> Tensor:
    kept = [nucleus(p, top_p) for p in probabilities.log().tolist()]
    return torch.tensor([sum(x > -INF for x in own) for own in kept])


nucleus_size = Check("nucleus_size", MODULE)
P = torch.tensor([[0.125, 0.5, 0.25, 0.125]])
examples(
    nucleus_size,
    "four tokens, by hand",
    *(((P, p), torch.tensor([n])) for p, n in {0.6: 2, 0.3: 1, 0.75: 2, 0.8: 3, 1.0: 4}.items()),
    # As rounding may leave them.
    ((torch.tensor([[0.25, 0.5, 0.2499999]]), 1.0), torch.tensor([3])),
)
agrees(nucleus_size, "each row has its own", sizes,
       lambda: [(batch(2).softmax(-1), p) for p in (0.2, 0.9)], axes="batch")  # fmt: skip


def largest_sum(logits: Tensor, points: Tensor) -> Tensor:
    """Gumbel's noise, number by number."""
    rows = zip(logits.tolist(), points.tolist(), strict=True)
    sums = [[x - math.log(-math.log(u)) for x, u in zip(*row, strict=True)] for row in rows]
    return torch.tensor([own.index(max(own)) for own in sums])


gumbel_draw = Check("gumbel_draw", MODULE)
all_agree(gumbel_draw, largest_sum, {
    "three tokens, by hand": [
        (row(0, 1, 0.5), row(*u)) for u in ([0.9, 0.5, 0.5], [0.5, 0.5, 0.5], [0.1, 0.3, 0.6])
    ],
    "a token of logit -inf never comes, and each row has its own": lambda: [
        (torch.randn(5, 8).index_fill(1, torch.tensor(2), -INF), torch.rand(5, 8))
    ],
}, axes="batch")  # fmt: skip


def above_eta(logits: by_rows.Logits, epsilon: float | int) -> list[float]:
    p = [math.exp(x) / sum(map(math.exp, logits)) for x in logits]
    entropy = -sum(x * math.log(x) for x in p if x > 0)
    limit = min(epsilon, math.sqrt(epsilon) * math.exp(-entropy))
    return [x if y >= limit else -INF for x, y in zip(logits, p, strict=True)]


apply_eta = by_rows.of_rows(Check("apply_eta", MODULE), above_eta, {
    # The entropy is 0.947 and e^-0.947 = 0.388, so the limits are 0.212 and 0.06.
    "four tokens, by hand": [(FOUR, 0.3), (FOUR, 0.06)],
    "the wider, the lower the bar": [
        *[(row(x, *[0] * 30), e) for x, e in ((2, 0.1), (3, 0.02), (0, 0.9))],
        (row(1, 3, -INF, 2, 0), 0.3),
    ],
    "each row has its own entropy": lambda: [
        (torch.tensor([[0.3], [1.0], [4.0]]) * batch(), e) for e in (0.3, 0.05, 0.004)
    ],
})  # fmt: skip


@apply_eta.probe("the entropy lowers the limit")
def lowered(f: Any) -> Iterator[Case]:
    equal = torch.full((1, 8), 0.5)
    with Called() as called:
        got = cut(f, equal, 0.3)
    yield Case(got, equal, "8 equal logits (of the probability 0.125) and ε = 0.3")
    # Added in place of subtracted, it leaves ε alone: only its computation shows that it is there.
    computed = called.names & LOGS and {"exp", "sum"} <= called.names
    alone = got.max() == -INF and torch.equal(cut(f, FOUR, 0.06), row(1, 3, 2, -INF))
    yield Case(bool(computed and alone), False, "the same, as whether an entropy is without effect")


until = Check("until", MODULE)


def arriving(f: Any, parts: list[str], stop: str) -> list[str]:
    """What an answer has yielded, in all, when it asks for each further part, and at the end."""
    out, seen = list[str](), list[str]()

    def stream() -> Iterator[str]:
        for part in parts:
            seen.append("".join(out))
            yield part

    found = call(f, stream(), stop)
    try:
        for part in found:
            out.append(part)
        return [*seen[1:], "".join(out)]
    except TypeError as error:
        raise Complaint("yields no parts of a text: is there a `yield`?") from error


examples(
    until,
    "a text without the stop comes whole",
    ((["Mia", " had", " a dog."], "<end>"), "Mia had a dog."),
    ((["a", "<", "b", "<e"], "<end>"), "a<b<e"),
    through=lambda *args: arriving(*args)[-1],
)
examples(
    until,
    "it ends before the stop, in one part or in several",
    ((["Mia", " slept<end>", " more"], "<end>"), "Mia slept"),
    ((["Mia", " slept<e", "nd", ">", " more"], "<end>"), "Mia slept"),
    ((["Mia<end>a<end>", "b<end>"], "<end>"), "Mia"),
    ((["<<e", "nd><end>"], "<end>"), "<"),
    ((["xa", "a", "a", "b", "c"], "aab"), "xa"),
    through=lambda *args: arriving(*args)[-1],
)
examples(
    until,
    "no more is held back than must be",
    ((["Mia", " had", "."], "<end>"), ["Mia", "Mia had", "Mia had."]),
    ((["a<", "b<e", "n", "x"], "<end>"), ["a", "a<b", "a<b", "a<b<enx"]),
    ((["xa", "a", "c"], "aab"), ["x", "x", "xaac"]),
    through=arriving,
    words=lambda parts, stop: f"{parts} and the stop {stop!r}, as what is out before each part",
)
