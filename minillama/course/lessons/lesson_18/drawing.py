"""The check of drawing tokens: frequencies, and the line that the probabilities cover."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.spies import Highest, Lowest
from minillama.course.complaint import Complaint
from minillama.course.lessons.lesson_18.logits import row

draw = Check("draw", "transforms")


def drawn(answer: Any, rows: Tensor, sources: Any) -> Any:
    """The tokens that an answer draws, one a row."""
    got = call(answer, rows, sources)
    if not isinstance(got, Tensor) or got.is_floating_point():
        kind = got.dtype if isinstance(got, Tensor) else type(got).__name__
        raise Complaint(f"gives a {kind}, and a tensor of whole numbers is right.")
    if got.shape != (n := len(rows),):
        raise Complaint(f"gives the shape {tuple(got.shape)} for {n} rows, and ({n},) is right.")
    return got.long()


def seeded(n: int) -> list[Generator]:
    return [Generator().manual_seed(seed) for seed in range(n)]


def numbers_taken(source: Generator, seed: int) -> int:
    """How many random numbers a generator has given; one in float64 takes two of 32 bits."""
    fresh = Generator().manual_seed(seed)
    for words in range(100):
        if torch.equal(fresh.get_state(), source.get_state()):
            return (words + 1) // 2
        torch.rand(1, generator=fresh)
    return 50


@draw.probe("tokens are as frequent as they are probable")
def frequent(draw: Any) -> Iterator[Case]:
    right, n = torch.tensor([0.1, 0.0, 0.6, 0.3]), 3000
    tokens = drawn(draw, right.repeat(n, 1), seeded(n))
    got = (tokens[:, None] == torch.arange(4)).float().mean(0)
    words = f"the probabilities [0.1, 0, 0.6, 0.3] for {n} rows, as frequencies"
    yield Case(got, right, words, rtol=0.0, atol=0.03)


@draw.probe("a row takes one random number, from its own generator")
def one_number(draw: Any) -> Iterator[Case]:
    generators = seeded(2)
    drawn(draw, torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.9, 0.1]]), generators)
    taken = [numbers_taken(source, seed) for seed, source in enumerate(generators)]
    example = "two rows of three probabilities, as how many numbers each generator has given"
    yield Case(taken, [1, 1], example)


@draw.probe("a token of probability 0 is never drawn, nor one that does not exist")
def possible(draw: Any) -> Iterator[Case]:
    with Lowest():
        got = drawn(draw, row(0, 0.5, 0.5), seeded(1))
    words = "the probabilities [0, 0.5, 0.5] and the point 0, as whether a token but 0 comes"
    yield Case(got[0] > 0, True, words)
    with Highest():  # as rounding may leave the probabilities
        got = drawn(draw, row(0.5, 0.49999994, 0), seeded(1))
    words = "the probabilities [0.5, 0.49999994, 0] and the largest point below 1, as whether"
    yield Case(got[0] < 2, True, f"{words} 0 or 1 comes")


@draw.probe("a row draws what it would draw alone")
def alone(draw: Any) -> Iterator[Case]:
    p = torch.rand(5, 30).softmax(-1)
    apart = [drawn(draw, p[i : i + 1], [source]) for i, source in enumerate(seeded(5))]
    same = torch.equal(drawn(draw, p, seeded(5)), torch.cat(apart))
    yield Case(same, True, "5 rows, as whether each draws the same alone")


def on_the_line(probabilities: Tensor, points: Tensor) -> Tensor:
    """The token on whose stretch each row's point falls."""
    return (probabilities.cumsum(-1) <= points[:, None]).sum(-1)


@draw.probe("the token is the one on whose stretch of the line the point falls")
def stretches(draw: Any) -> Iterator[Case]:
    p = torch.rand(400, 6, dtype=torch.float64).softmax(-1)
    got = drawn(draw, p, seeded(400))
    exact = torch.cat([torch.rand(1, generator=g, dtype=torch.float64) for g in seeded(400)])
    coarse = torch.cat([torch.rand(1, generator=g) for g in seeded(400)]).double()
    # Points in float32 are as good, and so is the same line seen from its other end, or with the
    # likeliest tokens first.
    ordered, ids = p.sort(descending=True)
    rights = list[Tensor]()
    for points in (exact, coarse, 1 - exact, 1 - coarse):
        rights.append(on_the_line(p, points))
        rights.append(ids.gather(1, on_the_line(ordered, points)[:, None])[:, 0])
    right = max(rights, key=lambda tokens: int((tokens == got).sum()))
    yield Case(got, right, "400 rows of 6 tokens")
