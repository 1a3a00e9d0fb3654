"""The check of the ban on repeated n-grams, by hand and by a set of those that were."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint
from minillama.course.lessons.lesson_18.top_k import BY_LARGE, INF

apply_no_repeat_ngram = Check("apply_no_repeat_ngram", "transforms")


def allowed(logits: Sequence[float], text: Sequence[int], size: int) -> list[float]:
    """One row by another way: try every token, and see whether its n-gram is among those before."""
    there = {tuple(text[i : i + size]) for i in range(len(text) - size + 1)}
    tries = [(*text, token)[-size:] for token in range(len(logits))]
    return [-INF if t in there else x for t, x in zip(tries, logits, strict=True)]


def ruled(answer: Any, logits: list[list[float]], texts: list[list[int]], size: int) -> Case:
    """What an answer makes of logits and texts, beside what is right."""
    right = [allowed(row, text, size) for row, text in zip(logits, texts, strict=True)]
    got = call(answer, torch.tensor(logits), texts, size)
    if isinstance(got, torch.Tensor) and -torch.inf < got.min() < -1e3:
        raise Complaint(f"gives {got.min():.4g} for what it bans. {BY_LARGE}", "not-infinite")
    shown = texts[0] if len(texts) == 1 else texts
    example = f"the text {shown}, a vocabulary of {len(logits[0])} and size = {size}"
    return Case(got, torch.tensor(right), example, "batch vocab_size")


@apply_no_repeat_ngram.probe("a pair that was there does not come again")
def pairs(f: Any) -> Iterator[Case]:
    logits = [[1.0, 2.0, 3.0, 4.0, 5.0]]
    yield ruled(f, logits, [[1, 2, 3, 1]], 2)
    yield ruled(f, logits, [[1, 2, 1, 3, 1]], 2)
    yield ruled(f, logits, [[4, 4]], 2)


@apply_no_repeat_ngram.probe("three tokens in their order")
def triples(f: Any) -> Iterator[Case]:
    logits = [[1.0, 2.0, 3.0, 4.0, 5.0]]
    yield ruled(f, logits, [[1, 2, 3, 1, 2]], 3)
    yield ruled(f, logits, [[1, 2, 3, 2, 1]], 3)
    yield ruled(f, logits, [[0, 1, 2]], 3)


@apply_no_repeat_ngram.probe("a text too short to repeat anything, and single tokens")
def short_and_single(f: Any) -> Iterator[Case]:
    logits = [[1.0, -2.0, 3.0]]
    yield ruled(f, logits, [[1]], 3)
    yield ruled(f, logits, [[2, 2]], 4)
    yield ruled(f, logits, [[1, 2]], 1)


@apply_no_repeat_ngram.probe("a row where no token would be left stays as it is")
def all_banned(f: Any) -> Iterator[Case]:
    got = call(f, torch.tensor([[1.0, 2.0, 3.0]]), [[0, 1, 2]], 1)
    yield Case(
        got, torch.tensor([[1.0, 2.0, 3.0]]), "the text [0, 1, 2], a vocabulary of 3 and size = 1"
    )


@apply_no_repeat_ngram.probe("each row has its own text")
def own_text(f: Any) -> Iterator[Case]:
    logits = [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
    yield ruled(f, logits, [[0, 1, 0], [0, 2, 0]], 2)
    texts = torch.randint(4, (3, 12)).tolist()
    for size in (2, 3):
        yield ruled(f, torch.randn(3, 9).tolist(), texts, size)
