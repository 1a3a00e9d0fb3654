"""The checks of what is done to logits before a token is drawn, by loops over a row's numbers."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from minillama.config import Sampling
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.compare import show
from minillama.course.checking.probes import all_agree, given
from minillama.course.complaint import Known
from minillama.course.lessons.shared.scores import family

INF = math.inf
Logits = Sequence[float]
DROPPING = family("dropping")


def row(*logits: float | int) -> Tensor:
    """One row of logits."""
    return torch.tensor([logits]).float()


FOUR, FIVE = row(1, 3, 2, 0), row(1, 2, 3, 4, 5)


def batch(scale: int = 1) -> Tensor:
    """Three rows of random logits."""
    return scale * torch.randn(3, 20, dtype=torch.float64)


def cut(answer: Any, logits: Tensor, *options: Any) -> Any:
    """What an answer makes of the logits, where it drops some."""
    got = call(answer, logits, *options)
    if isinstance(got, Tensor) and (low := got[got.isfinite() & (got < -1e3)]).numel():
        raise Known("not-infinite", f"\n  It gives {low[0].item():.4g} for what it drops.")
    return got


def of_rows(check: Check, loop: Callable[..., list[float]], probes: Mapping[str, Any],
            through: Any = cut) -> Check:  # fmt: skip
    """A check by a loop over one row. Options that are a list or a tensor have an item a row."""

    def oracle(logits: Tensor, *options: Any) -> Tensor:
        found = []
        for i, x in enumerate(logits.tolist()):
            found.append(loop(x, *(o[i] if isinstance(o, list | Tensor) else o for o in options)))
        return torch.tensor(found, dtype=torch.float64)

    def words(logits: Tensor, *options: Any) -> str:
        few = f" (the probabilities are {show(logits.softmax(-1), 2)})"
        return given(check, (logits, *options)) + few * (through is cut and logits.numel() < 5)

    all_agree(check, oracle, probes, through=through, words=words, axes="batch vocab_size")
    return check


def penalized(logits: Logits, seen: Any, penalty: float | int) -> list[float]:
    factors = [penalty if there else 1.0 for there in seen]
    return [x / f if x > 0 else x * f for x, f in zip(logits, factors, strict=True)]


def largest(logits: Logits, k: int) -> list[float]:
    limit = sorted(logits, reverse=True)[min(k, len(logits)) - 1]
    return [x if x >= limit else -INF for x in logits]


def softmax(logits: Logits) -> list[float]:
    return [math.exp(x) / sum(map(math.exp, logits)) for x in logits]


def kept(p: Sequence[float], top_p: float | int) -> list[bool]:
    """Whether what comes before each, from the likeliest down, has not reached top_p."""
    order = sorted(range(len(p)), key=lambda i: -p[i])
    return [sum(p[j] for j in order[: order.index(i)]) < top_p for i in range(len(p))]


def nucleus(logits: Logits, top_p: float | int) -> list[float]:
    pairs = zip(logits, kept(softmax(logits), top_p), strict=True)
    return [x if there else -INF for x, there in pairs]


def near_the_largest(logits: Logits, min_p: float | int) -> list[float]:
    """A ratio of probabilities is e to a difference of logits."""
    return [x if math.exp(x - max(logits)) >= min_p else -INF for x in logits]


def allowed(logits: Logits, text: Sequence[int], size: int) -> list[float]:
    """Try every token, and see whether its n-gram is among those before."""
    there = {tuple(text[i : i + size]) for i in range(len(text) - size + 1)}
    tries = [(*text, token)[-size:] for token in range(len(logits))]
    found = [-INF if t in there else x for t, x in zip(tries, logits, strict=True)]
    return found if max(found) > -INF else list(logits)


def distribution(logits: Logits, text: Sequence[int], options: dict[str, Any]) -> list[float]:
    s = Sampling(**options)
    x = penalized(logits, [token in text for token in range(len(logits))], s.repetition_penalty)
    x = allowed(x, text, s.no_repeat_ngram) if s.no_repeat_ngram else x
    if s.temperature == 0:
        return [float(i == x.index(max(x))) for i in range(len(x))]
    x = largest([a / s.temperature for a in x], s.top_k or len(x))
    return softmax(near_the_largest(nucleus(x, s.top_p) if s.top_p < 1 else x, s.min_p))


repetition_penalty = of_rows(Check("apply_repetition_penalty", "transforms"), penalized, {
    "four tokens, by hand": [(row(2, -2, 0, 2), torch.arange(4)[None] < 3, p) for p in (2.0, 0.5)],
    "each row has its own set of seen tokens": [(row(2, -2).repeat(2, 1), torch.eye(2) > 0, 2)],
    "random rows agree with a plain loop": lambda: [(batch(3), torch.rand(3, 20) < 0.4, 1.7)],
}, through=call)  # fmt: skip

temperature = of_rows(Check("apply_temperature", "transforms"), lambda x, t: [
    math.log(math.exp(a) ** (1 / t)) for a in x
], {
    "three tokens, by hand": [(row(3, 1, -2), t) for t in (0.5, 2)],
    "it raises probabilities to the power 1 / temperature": lambda: [
        (batch().log_softmax(-1), 0.7)
    ],
}, through=call)  # fmt: skip

top_k = of_rows(Check("apply_top_k", "transforms", mistakes=DROPPING), largest, {
    "four tokens, by hand": [(FOUR, 2)],
    "one token, all tokens, and a top_k above the vocabulary size": [(FOUR, k) for k in (1, 4, 9)],
    "tokens that tie with the last one kept are kept, too": [(row(1, 3, 2, 2, 0), 2)],
    "each row keeps its own largest logits": lambda: [
        (torch.cat([row(9, 8, 7), row(-3, -1, -2)]), 2), *[(batch(), k) for k in (1, 3, 17)]
    ],
})  # fmt: skip

top_p = of_rows(Check("apply_top_p", "transforms", mistakes=DROPPING), nucleus, {
    "four tokens, by hand": [(FOUR, 0.8)],
    "the most likely token is always kept": [(FOUR, 0.1)],
    "each row keeps the fewest tokens that reach top_p": lambda: [
        (batch(2), p) for p in (0.3, 0.75, 0.95)
    ],
    "tokens that were already dropped stay dropped": [(row(1, 3, -INF, 2), 0.8)],
    "top_p = 1 keeps every token": [(FOUR, 1.0)],
})  # fmt: skip


@top_p.probe("of equally likely tokens, only as many as needed are kept, lower ids first")
def equals(apply_top_p: Any) -> Iterator[Case]:
    got = cut(apply_top_p, torch.zeros(1, 4), 0.5)
    yield Case(got, row(0, 0, -INF, -INF), "logits [0, 0, 0, 0] and top_p = 0.5")
    kept = cut(apply_top_p, torch.zeros(1, 200), 0.4999).isfinite()
    words = "200 equal logits and top_p = 0.4999, as"
    yield Case(kept.sum(), 100, f"{words} how many are kept")
    yield Case(bool(kept[0, :100].all()), True, f"{words} whether the lower ids are kept")


min_p = of_rows(Check("apply_min_p", "transforms", mistakes=DROPPING), near_the_largest, {
    "four tokens, by hand": [(FOUR, p) for p in (0.2, 0.05)],
    "the most likely token is always kept, and so are its equals": [
        (FOUR, 1), (row(0, 0, 0, 0), 0.9)
    ],
    "each row has its own threshold": lambda: [
        (torch.cat([row(4, 0, 0), row(1, 0, 0)]), 0.3), *[(batch(2), p) for p in (0.02, 0.2, 0.6)]
    ],
})  # fmt: skip

no_repeat = Check("apply_no_repeat_ngram", "transforms", mistakes=DROPPING)
no_repeat_ngram = of_rows(no_repeat, allowed, {
    "no pair of tokens occurs twice": [
        (FIVE, [text], 2) for text in ([1, 2, 3, 1], [1, 2, 1, 3, 1], [4, 4])
    ],
    "three tokens repeat only in the same order": [
        (FIVE, [text], 3) for text in ([1, 2, 3, 1, 2], [1, 2, 3, 2, 1], [0, 1, 2])
    ],
    "texts too short to repeat anything, and size = 1": [
        (FIVE, [text], size) for text, size in (([1], 3), ([2, 2], 4), ([1, 2], 1))
    ],
    "a row whose tokens would all be banned is left unchanged": [(row(1, 2, 3), [[0, 1, 2]], 1)],
    "each row has its own text": lambda: [
        (row(1, 2, 3).repeat(2, 1), [[0, 1, 0], [0, 2, 0]], 2),
        *[(batch()[:, :9], torch.randint(4, (3, 12)).tolist(), size) for size in (2, 3)],
    ],
})  # fmt: skip


def after(text: list[int], logits: Tensor = FOUR, **options: Any) -> tuple[Any, ...]:
    return logits, [text], options


def together(**options: Any) -> tuple[Any, ...]:
    return batch(3), torch.randint(20, (3, 10)).tolist(), options


next_token = of_rows(Check("next_token_probabilities", "transforms"), distribution, {
    "without options, it is softmax": [after([])],
    "each option by itself": [
        after([], temperature=2.0), after([], top_k=2), after([], top_p=0.8), after([], min_p=0.2),
        after([1], repetition_penalty=2.0), after([0, 1, 0], no_repeat_ngram=2),
        after([1], repetition_penalty=0.5), after([1] + 300 * [0], repetition_penalty=2.0),
        after([], repetition_penalty=2.0),
    ],
    "temperature 0 is greedy, and a tie goes to the lowest id": [
        after([], temperature=0), after([], row(0, 4, 4, 1), temperature=0),
        after([1], temperature=0, repetition_penalty=4.0),
        after([2, 1, 2], temperature=0, no_repeat_ngram=2),
    ],
    "the order is penalties, temperature, top-k, top-p, min-p": [
        after([], temperature=2.0, top_p=0.8), after([], top_k=2, top_p=0.7),
        after([], temperature=2.0, min_p=0.2), after([], top_p=0.9, min_p=0.1),
        after([1], repetition_penalty=4.0, top_k=1), after([2, 1, 2], no_repeat_ngram=2, top_k=1),
    ],
    "a batch, with several options at once": lambda: [
        together(temperature=0.7, top_p=0.9), together(temperature=0, repetition_penalty=1.3),
        together(temperature=1.5, top_k=15, top_p=0.85, min_p=0.1, repetition_penalty=1.3),
        together(temperature=1.2, no_repeat_ngram=1),
    ],
}, through=lambda f, x, texts, options: call(f, x, texts, Sampling(**options)))  # fmt: skip
