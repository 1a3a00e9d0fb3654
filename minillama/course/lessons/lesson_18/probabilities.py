"""The check of the distribution that a next token is drawn from, against loops in float64."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from minillama.config import Sampling
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint, Known
from minillama.course.lessons.lesson_18.min_p import near_the_largest
from minillama.course.lessons.lesson_18.no_repeat import allowed
from minillama.course.lessons.lesson_18.top_p import nucleus

next_token_probabilities = Check("next_token_probabilities", "transforms")


def distribution(
    logits: Sequence[float],
    text: Sequence[int],
    temperature: float | int = 1.0,
    top_k: int = 0,
    top_p: float | int = 1.0,
    min_p: float | int = 0.0,
    repetition_penalty: float | int = 1.0,
    no_repeat_ngram: int = 0,
) -> list[float]:
    """One row's distribution by loops, in float64."""
    factors = [repetition_penalty if i in text else 1.0 for i in range(len(logits))]
    row = [x / f if x > 0 else x * f for x, f in zip(logits, factors, strict=True)]
    if no_repeat_ngram:
        row = allowed(row, text, no_repeat_ngram)
    if temperature == 0:
        return [float(i == row.index(max(row))) for i in range(len(row))]
    row = [x / temperature for x in row]
    if top_k:
        limit = sorted(row, reverse=True)[min(top_k, len(row)) - 1]
        row = [x if x >= limit else -math.inf for x in row]
    if top_p < 1:
        row = nucleus(row, top_p)
    if min_p:
        row = near_the_largest(row, min_p)
    weights = [math.exp(x) for x in row]
    return [weight / sum(weights) for weight in weights]


def drawn_from(
    next_token_probabilities: Any, rows: list[list[float]], texts: list[list[int]], **options: Any
) -> Case:
    """What an answer makes of rows of logits, beside what is right."""
    logits = torch.tensor(rows, dtype=torch.float64)
    right = [distribution(x, text, **options) for x, text in zip(rows, texts, strict=True)]
    words = ", ".join(f"{name} = {value:g}" for name, value in options.items()) or "no options"
    if len(rows) == 1:
        text = str(texts[0])
        if len(texts[0]) > 9:
            text = f"[{texts[0][0]}, {texts[0][1]}, ..., {texts[0][-1]}] of {len(texts[0])} tokens"
        after = f" after the text {text}" if texts[0] or "repetition_penalty" in options else ""
        words = f"logits {[f'{x:g}' for x in rows[0]]}{after} and {words}".replace("'", "")
    return Case(
        call(next_token_probabilities, logits, texts, Sampling(**options)),
        torch.tensor(right, dtype=torch.float64),
        words,
        "batch vocab_size",
    )


FOUR, NO_TEXT = [[1.0, 3.0, 2.0, 0.0]], [list[int]()]


@next_token_probabilities.probe("without options it is softmax")
def plain(next_token_probabilities: Any) -> Iterator[Case]:
    yield drawn_from(next_token_probabilities, FOUR, NO_TEXT)


@next_token_probabilities.probe("each option by itself")
def options_alone(next_token_probabilities: Any) -> Iterator[Case]:
    yield drawn_from(next_token_probabilities, FOUR, NO_TEXT, temperature=2.0)
    yield drawn_from(next_token_probabilities, FOUR, NO_TEXT, top_k=2)
    yield drawn_from(next_token_probabilities, FOUR, NO_TEXT, top_p=0.8)
    yield drawn_from(next_token_probabilities, FOUR, NO_TEXT, min_p=0.2)
    yield drawn_from(next_token_probabilities, FOUR, [[1]], repetition_penalty=2.0)
    yield drawn_from(next_token_probabilities, FOUR, [[0, 1, 0]], no_repeat_ngram=2)
    yield drawn_from(next_token_probabilities, FOUR, [[1]], repetition_penalty=0.5)
    yield drawn_from(next_token_probabilities, FOUR, [[1] + 300 * [0]], repetition_penalty=2.0)
    try:
        yield drawn_from(next_token_probabilities, FOUR, NO_TEXT, repetition_penalty=2.0)
    except Complaint as complaint:
        words = "logits [1, 3, 2, 0] after the text [] and repetition_penalty = 2, it"
        raise Known(
            "empty-text-refused", f"\n  It shows where, given {words} {complaint}"
        ) from complaint


@next_token_probabilities.probe("temperature 0 is greedy, and takes the lowest id of equals")
def greedy(next_token_probabilities: Any) -> Iterator[Case]:
    yield drawn_from(next_token_probabilities, FOUR, NO_TEXT, temperature=0)
    equals = [[0.0, 4.0, 4.0, 1.0]]
    yield drawn_from(next_token_probabilities, equals, NO_TEXT, temperature=0)
    yield drawn_from(next_token_probabilities, FOUR, [[1]], temperature=0, repetition_penalty=4.0)
    yield drawn_from(next_token_probabilities, FOUR, [[2, 1, 2]], temperature=0, no_repeat_ngram=2)


@next_token_probabilities.probe("the order is penalties, temperature, top-k, top-p, min-p")
def order(next_token_probabilities: Any) -> Iterator[Case]:
    yield drawn_from(next_token_probabilities, FOUR, NO_TEXT, temperature=2.0, top_p=0.8)
    yield drawn_from(next_token_probabilities, FOUR, NO_TEXT, top_k=2, top_p=0.7)
    yield drawn_from(next_token_probabilities, FOUR, NO_TEXT, temperature=2.0, min_p=0.2)
    yield drawn_from(next_token_probabilities, FOUR, NO_TEXT, top_p=0.9, min_p=0.1)
    yield drawn_from(next_token_probabilities, FOUR, [[1]], repetition_penalty=4.0, top_k=1)
    yield drawn_from(next_token_probabilities, FOUR, [[2, 1, 2]], no_repeat_ngram=2, top_k=1)


@next_token_probabilities.probe("rows of a batch, with all options")
def all_options(next_token_probabilities: Any) -> Iterator[Case]:
    rows = (3 * torch.randn(3, 30, dtype=torch.float64)).tolist()
    texts = torch.randint(30, (3, 10)).tolist()
    for options in (
        {"temperature": 0.7, "top_p": 0.9},
        {"temperature": 1.5, "top_k": 20, "top_p": 0.85, "min_p": 0.1, "repetition_penalty": 1.3},
        {"temperature": 0, "repetition_penalty": 1.3},
        {"temperature": 1.2, "no_repeat_ngram": 1},
    ):
        yield drawn_from(next_token_probabilities, rows, texts, **options)
