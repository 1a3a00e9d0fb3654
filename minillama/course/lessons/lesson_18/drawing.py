"""The check of drawing tokens: frequencies, and the line that the probabilities cover."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.spies import Highest, Lowest
from minillama.course.complaint import Complaint

ONE_AXIS = "One token a row is asked for, in a tensor of one axis."

draw = Check("draw", "transforms")


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
