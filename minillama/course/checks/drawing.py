"""The check of drawing tokens: frequencies, and the line that the probabilities cover."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call
from minillama.course.watching import Highest, Lowest

POINTS = "torch.cat([torch.rand(1, generator=g, dtype=torch.float64) for g in generators])"
ENDS = "probabilities.double().cumsum(-1)"
FOUND = "torch.searchsorted(ends, points[:, None] * ends[:, -1:], right=True).squeeze(1)"

ONE_AXIS = "One token a row is asked for, in a tensor of one axis."
IMPOSSIBLE = (
    "A token of probability 0 can be drawn: where the point is 0 exactly, or its stretch begins "
    "there, the first end that is as large is that of a stretch without length. Seek the first end "
    "beyond the point (right=True)."
)
BEYOND = (
    "The sum of the probabilities is not quite 1 in float32, and a point can lie beyond it: no "
    "such token exists. Scale the point by the last of the running sums."
)

draw = Check(
    "draw",
    "transforms",
    hints={
        "draw": "A torch.rand from each generator. The running sums of a row are where its "
        "stretches end, so the token is the first whose end lies beyond the point: "
        "torch.searchsorted with right=True. Float64 keeps the last end close to 1; let no point "
        "lie beyond it.",
    },
    mistakes=(
        Mistake(
            "generators-not-used",
            "The rows' own generators are not used, so a seed does not give the same text again, "
            "and a text depends on what else is drawn.",
            {POINTS: "torch.rand(len(generators), dtype=torch.float64)"},
        ),
        Mistake(
            "first-generator-for-all",
            "All rows draw from the first generator. Each has its own, so that it writes what it "
            "would write alone.",
            {POINTS: "torch.rand(len(generators), generator=generators[0], dtype=torch.float64)"},
        ),
        Mistake(
            "one-point-for-all",
            "All rows use the same random number. Each draws one from its own generator.",
            {POINTS: "torch.rand(1, generator=generators[0], dtype=torch.float64)"
             ".expand(len(generators))"},
        ),
        Mistake(
            "multinomial",
            "torch.multinomial takes a random number for every token of the vocabulary. The "
            "frequencies are right, but one number a row is enough, and asked for here: then a "
            "generator's state says how many tokens it has drawn.",
            {FOUND: "torch.cat([\n"
             "        torch.multinomial(p, 1, generator=g)\n"
             "        for p, g in zip(probabilities, generators, strict=True)\n    ])",
             POINTS: "None"},
        ),
        Mistake(
            "likeliest",
            "The likeliest token is taken every time: nothing is drawn.",
            {FOUND: "probabilities.argmax(-1)", POINTS: "None"},
        ),
        Mistake(
            "all-alike",
            "Every token is drawn equally often: the probabilities are not used.",
            {FOUND: "(points * probabilities.shape[-1]).long()"},
        ),
        Mistake(
            "not-summed",
            "The probabilities themselves are searched. Their running sums are where the stretches "
            "end.",
            {ENDS: "probabilities.double().clone()"},
        ),
        Mistake(
            "one-too-high",
            "The token after the right one is drawn: on its stretch the point lies beyond the "
            "start, and before the end.",
            {FOUND: FOUND.replace("(ends,", "(ends - probabilities.double(),")},
        ),
        Mistake(
            "one-too-low",
            "The token before the right one is drawn, and -1 for the first.",
            {FOUND: FOUND + " - 1"},
        ),
        Mistake(
            "rank-given",
            "What comes back is the token's rank among the probabilities, and not its id.",
            {ENDS: "probabilities.double().sort(descending=True).values.cumsum(-1)"},
        ),
        Mistake(
            "softmax-again",
            "Softmax is taken of the probabilities, as if they were logits. That makes all tokens "
            "nearly equally likely.",
            {ENDS: "probabilities.double().softmax(-1).cumsum(-1)"},
        ),
        Mistake(
            "over-the-batch",
            "The running sum goes along the axis of the batch. It is along the vocabulary.",
            {ENDS: "probabilities.double().cumsum(0)"},
        ),
        Mistake(
            "extra-axis",
            ONE_AXIS,
            {".squeeze(1)": ""},
        ),
        Mistake(
            "impossible-token",
            IMPOSSIBLE,
            {", dtype=torch.float64": "", "points[:, None]": "points[:, None].double()",
             "right=True": "right=False"},
        ),
        Mistake("impossible-token", IMPOSSIBLE, {", right=True": ""}),
        Mistake(
            "beyond-the-last",
            BEYOND,
            {", dtype=torch.float64": "", ".double()": "", " * ends[:, -1:]": "",
             "points[:, None]": "points[:, None].to(ends)"},
        ),
        Mistake("beyond-the-last", BEYOND, {" * ends[:, -1:]": ""}),
    ),
)  # fmt: skip


def sources(seeds: Sequence[int]) -> list[Generator]:
    return [Generator().manual_seed(seed) for seed in seeds]


def numbers_taken(source: Generator, seed: int) -> int:
    """How many random numbers a generator has given; one in float64 takes two of 32 bits."""
    fresh = Generator().manual_seed(seed)
    for words in range(100):
        if torch.equal(fresh.get_state(), source.get_state()):
            return (words + 1) // 2
        torch.rand(1, generator=fresh)
    return 50


def drawn(draw: Any, probabilities: Tensor, generators: list[Generator]) -> Tensor:
    """The tokens that an answer draws."""
    got = call(draw, probabilities, generators)
    if not isinstance(got, Tensor) or got.is_floating_point():
        kind = got.dtype if isinstance(got, Tensor) else type(got).__name__
        raise Complaint(f"gives a {kind}, and a tensor of whole numbers is right.")
    if got.shape != (len(generators),):
        raise Complaint(
            f"gives the shape {tuple(got.shape)} for {len(generators)} rows, and "
            f"({len(generators)},) is right. {ONE_AXIS}",
            "extra-axis" if got.shape == (len(generators), 1) else None,
        )
    return got.long()


@draw.probe("tokens are as frequent as they are probable")
def frequencies(draw: Any) -> Iterator[Case]:
    right, n = torch.tensor([0.1, 0.0, 0.6, 0.3]), 3000
    tokens = drawn(draw, right.repeat(n, 1), sources(range(n)))
    got = torch.stack([(tokens == token).float().mean() for token in range(4)])
    example = f"the probabilities [0.1, 0, 0.6, 0.3] for {n} rows, as"
    yield Case(got, right, f"{example} frequencies", rtol=0.0, atol=0.03)
    # Pearson's statistic for the three that can occur has a mean of 2, and exceeds 14 by chance
    # one time in a thousand.
    some = right > 0
    chi_square = n * ((got - right)[some] ** 2 / right[some]).sum().item()
    yield Case(chi_square < 14, True, f"{example} whether chance explains the frequencies")


@draw.probe("a row takes one random number, from its own generator")
def one_number(draw: Any) -> Iterator[Case]:
    generators = sources([0, 1])
    drawn(draw, torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.9, 0.1]]), generators)
    taken = [numbers_taken(source, seed) for seed, source in enumerate(generators)]
    example = "two rows of three probabilities, as how many numbers each generator has given"
    yield Case(taken, [1, 1], example)


@draw.probe("a token of probability 0 is never drawn, nor one that does not exist")
def possible(draw: Any) -> Iterator[Case]:
    # The first float32 of these seeds is 0, and the largest below 1.
    lowest, highest = 5528393, 22771378
    got = drawn(draw, torch.tensor([[0.0, 0.5, 0.5]]), sources([lowest]))
    yield Case(got[0] > 0, True, "the probabilities [0, 0.5, 0.5], as whether a token but 0 comes")
    with Lowest():
        got = drawn(draw, torch.tensor([[0.0, 0.5, 0.5]]), sources([0]))
    example = "the probabilities [0, 0.5, 0.5] and the point 0, as whether a token but 0 comes"
    yield Case(got[0] > 0, True, example)
    short = torch.tensor([[0.5, 0.49999994, 0.0]])  # as rounding may leave them
    got = drawn(draw, short, sources([highest]))
    yield Case(got[0] < 2, True, "the probabilities [0.5, 0.49999994, 0], as whether 0 or 1 comes")
    with Highest():
        got = drawn(draw, short, sources([0]))
    example = "the probabilities [0.5, 0.49999994, 0] and the largest point below 1, as whether"
    yield Case(got[0] < 2, True, f"{example} 0 or 1 comes")
    gaps = torch.tensor([0.0, 0.5, 0.0, 0.3, 0.2, 0.0])
    tokens = drawn(draw, gaps.repeat(500, 1), sources(range(500))).unique().tolist()
    yield Case(tokens, [1, 3, 4], "the probabilities [0, 0.5, 0, 0.3, 0.2, 0], as the tokens drawn")


@draw.probe("a row draws what it would draw alone")
def alone(draw: Any) -> Iterator[Case]:
    probabilities = torch.rand(5, 30).softmax(-1)
    together = drawn(draw, probabilities, sources(range(5)))
    apart = [drawn(draw, probabilities[i : i + 1], sources([i])) for i in range(5)]
    same = together.tolist() == torch.cat(apart).tolist()
    yield Case(same, True, "5 rows, as whether each draws the same alone")


@draw.probe("the token is the one on whose stretch of the line the point falls")
def stretches(draw: Any) -> Iterator[Case]:
    seeds = range(40)
    probabilities = torch.rand(40, 6, dtype=torch.float64).softmax(-1)
    got = drawn(draw, probabilities, sources(seeds))
    exact = torch.cat([torch.rand(1, generator=g, dtype=torch.float64) for g in sources(seeds)])
    coarse = torch.cat([torch.rand(1, generator=g) for g in sources(seeds)]).double()
    # Points in float32 are as good, and so is the same line seen from its other end, or with the
    # likeliest tokens first.
    order = probabilities.argsort(descending=True)
    sorted_ = probabilities.gather(1, order)
    points = (exact, coarse, 1 - exact, 1 - coarse)
    rights = [on_the_line(probabilities, p) for p in points]
    rights += [order.gather(1, on_the_line(sorted_, p)[:, None])[:, 0] for p in points]
    right = max(rights, key=lambda tokens: int((tokens == got).sum()))
    yield Case(got, right, "40 rows of 6 tokens")


def on_the_line(probabilities: Tensor, points: Tensor) -> Tensor:
    """The token on whose stretch each row's point falls, by walking along the line."""
    tokens = []
    for row, point in zip(probabilities.tolist(), points.tolist(), strict=True):
        token = 0
        while token < len(row) - 1 and point >= row[token]:
            point -= row[token]
            token += 1
        tokens.append(token)
    return torch.tensor(tokens)
