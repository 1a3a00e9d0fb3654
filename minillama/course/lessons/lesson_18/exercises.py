"""The checks of drawing tokens, and of lesson 18's exercises."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import all_agree, examples
from minillama.course.checking.spies import Highest, Lowest
from minillama.course.complaint import Complaint
from minillama.course.lessons.lesson_18.beam import Toy, look, tables
from minillama.course.lessons.lesson_18.logits import batch, kept, row

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


simple_generate = Check("simple_generate")
Choose = Callable[[Any], Any]


def generated(f: Any, steps: Tensor, tokens: list[int], n: int, choose: Choose, stop: Any) -> Any:
    """The ids that an answer gives, as plain numbers."""
    got = call(f, Toy(steps), list(tokens), n, choose, stop)
    try:
        return [int(token) for token in got]
    except (TypeError, ValueError) as error:
        raise Complaint("gives no list of token ids: return prompt and new tokens.") from error


def right_text(steps: Tensor, tokens: list[int], n: int, choose: Choose, stop: Any) -> list[int]:
    """The same from tables of logits, without a model."""
    text = list(tokens)
    while len(text) < len(tokens) + n and (token := choose(look(steps, text))) != stop:
        text.append(token)
    return text


def likeliest(logits: Any) -> int:
    return int(torch.as_tensor(logits).argmax())


def at_two_thirds(logits: Any) -> int:
    """The token on whose stretch of the line from 0 to 1 two thirds fall."""
    ends = torch.as_tensor(logits).double().softmax(-1).cumsum(-1)
    return int((ends < 2 / 3).sum().clamp(max=len(ends) - 1))


class ByTurns:
    """Takes the likeliest token, then the second likeliest, and so on."""

    calls = 0

    def __call__(self, logits: Any) -> int:
        self.calls += 1
        return int(torch.as_tensor(logits).argsort(descending=True)[1 - self.calls % 2])


for _title, _choose, _cases in (
    ("each token is chosen from the last logits, and read with all before it",
     lambda: likeliest, (([0], 1, None), ([2, 0, 1], 6, None), ([1, 3], 0, None))),
    ("`choose` is given logits", lambda: at_two_thirds, (([3, 0], 8, None),)),
    ("a stop token ends the text and is not in it", ByTurns,
     (([0], 9, 1), ([2, 0, 1], 9, 3), ([1, 1], 9, 0), ([2, 4], 9, 4))),
):  # fmt: skip

    @simple_generate.probe(_title)
    def loop(f: Any, choose: Any = _choose, cases: Any = _cases) -> Iterator[Case]:
        for tokens, n, stop in cases:
            given = 0.5 * tables(3, 5), tokens, n
            words = f"tokens = {tokens}, n = {n} and stop = {stop}"
            yield Case(
                generated(f, *given, choose(), stop), right_text(*given, choose(), stop), words
            )


nucleus_size = Check("nucleus_size")
all_agree(nucleus_size, lambda p, top_p: torch.tensor([sum(kept(x, top_p)) for x in p.tolist()]), {
    "four tokens, by hand": [
        *[(row(0.125, 0.5, 0.25, 0.125), top_p) for top_p in (0.6, 0.3, 0.75, 0.8, 1.0)],
        (row(0.25, 0.5, 0.2499999), 1.0),  # as rounding may leave them
    ],
    "each row has its own": lambda: [(batch(2).softmax(-1), p) for p in (0.2, 0.9)],
}, axes="batch")  # fmt: skip


until = Check("until")


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
