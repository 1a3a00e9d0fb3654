"""The check of the ban on repeated n-grams, by hand and by a set of those that were."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.checks.logits import PROBABILITIES
from minillama.course.checks.top_k import BY_LARGE, BY_ZERO, INF
from minillama.course.probing import Case, Complaint, call

LATEST = "latest = text[len(text) - size + 1 :]"
STARTS = "range(len(text) - size + 1)"
SAME = "banned[row, token] |= before == list(latest)"
GUARD = "    banned &= ~banned.all(-1, keepdim=True)\n"
BANNED = "logits.masked_fill(banned, -torch.inf)"

apply_no_repeat_ngram = Check(
    "apply_no_repeat_ngram",
    "transforms",
    hints={
        "apply_no_repeat_ngram": "The last size - 1 tokens of a text are how the next n-gram "
        "begins. Wherever the text has them already, the token that followed is banned. For "
        "size = 1 every token of the text is. Leave a row alone where nothing would be left.",
    },
    mistakes=(
        Mistake(
            "too-long",
            "What is compared is one token too long: the last `size` tokens. An n-gram of `size` "
            "tokens is the last size - 1 and the next.",
            {"    banned = ": "    size += 1\n    banned = "},
        ),
        Mistake(
            "minus-nothing",
            "For size = 1 the last size - 1 tokens are none, but text[-0:] is the whole text. "
            "Count from the front: text[len(text) - size + 1:].",
            {LATEST: "latest = text[-(size - 1) :]"},
        ),
        Mistake(
            "last-not-looked-at",
            "The n-gram at the end of the text is not looked at. It counts as well: after "
            "'no no', another 'no' would repeat the pair.",
            {STARTS: "range(len(text) - size)"},
        ),
        Mistake(
            "all-tokens-of-the-text",
            "Every token of the text is banned. Only one that would end an n-gram which is there "
            "already is to be.",
            {SAME: "banned[row, list(text)] = True"},
        ),
        Mistake(
            "only-the-last-of-them",
            "Where the same tokens came several times, only one of those that followed is banned. "
            "All of them are.",
            {SAME: "if before == list(latest):\n"
             "                banned[row] = False\n                banned[row, token] = True"},
        ),
        Mistake(
            "in-any-order",
            "The order of the tokens is not looked at. 'she saw' is not 'saw she'.",
            {"before == list(latest)": "sorted(before) == sorted(latest)"},
        ),
        Mistake(
            "first-token-banned",
            "The token that the n-gram begins with is banned. It is the one that it ends with.",
            {"*before, token =": "first, *before = gram =", "banned[row, token]":
             "banned[row, first]", "before ==": "gram[:-1] =="},
        ),
        Mistake(
            "rows-mixed",
            "What one row has said is banned in all rows. Each row is a text of its own.",
            {"banned[row, token]": "banned[:, token]"},
        ),
        Mistake(
            "first-row-only",
            "All rows are held against the text of the first. Each row is a text of its own.",
            {"enumerate(texts)": "enumerate([texts[0]] * len(texts))"},
        ),
        Mistake(
            "nothing-left",
            "Where every token is banned nothing is left to draw: softmax of nothing but minus "
            "infinity is not a number. Such a row stays as it is.",
            {GUARD: ""},
        ),
        Mistake("masked-with-0", BY_ZERO, {"-torch.inf": "0.0"}),
        Mistake("not-infinite", BY_LARGE, {"-torch.inf": "-1e9"}),
        Mistake("probabilities", PROBABILITIES, {BANNED: f"{BANNED}.softmax(-1)"}),
        Mistake("nothing-banned", "Nothing is banned.", {BANNED: "logits.clone()"}),
    ),
)  # fmt: skip


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
