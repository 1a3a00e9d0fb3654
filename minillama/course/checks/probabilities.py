"""The check of the distribution that a next token is drawn from, against loops in float64."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.checks.min_p import near_the_largest
from minillama.course.checks.no_repeat import allowed
from minillama.course.checks.top_p import nucleus
from minillama.course.probing import Case, call

PENALTY = (
    "    if repetition_penalty != 1:\n"
    "        seen = torch.zeros_like(logits, dtype=torch.bool)\n"
    "        for row, text in enumerate(texts):\n"
    "            seen[row, list(text)] = True\n"
    "        logits = apply_repetition_penalty(logits, seen, repetition_penalty)\n"
)
NO_REPEAT = (
    "    if no_repeat_ngram > 0:\n"
    "        logits = apply_no_repeat_ngram(logits, texts, no_repeat_ngram)\n"
)
GREEDY = (
    "    if temperature == 0:\n"
    "        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits)\n"
)
TEMPERATURE = "    if temperature != 1:\n        logits = apply_temperature(logits, temperature)\n"
TOP_K = "    if top_k > 0:\n        logits = apply_top_k(logits, top_k)\n"
TOP_P = "    if top_p < 1:\n        logits = apply_top_p(logits, top_p)\n"
MIN_P = "    if min_p > 0:\n        logits = apply_min_p(logits, min_p)\n"
SOFTMAX = "    return logits.softmax(-1)"

next_token_probabilities = Check(
    "next_token_probabilities",
    "transforms",
    hints={
        "next_token_probabilities": "In this order, each where its option asks for it: penalty "
        "(mark the tokens of each text in a table of False); no repeated n-grams; for temperature "
        "0 all probability on the argmax; temperature; top-k; top-p; min-p. Softmax last.",
    },
    mistakes=(
        Mistake(
            "temperature-after-top-p",
            "Top-p comes before the temperature. It goes by the probabilities that tokens are "
            "drawn with, and those are known only when the logits have been divided.",
            {TEMPERATURE: "", TOP_P: TOP_P + TEMPERATURE},
        ),
        Mistake(
            "temperature-last",
            "The temperature comes last, when top-p and min-p have chosen. They go by the "
            "probabilities that tokens are drawn with, and those are known only when the logits "
            "have been divided.",
            {TEMPERATURE: "", SOFTMAX: TEMPERATURE + SOFTMAX},
        ),
        Mistake(
            "top-p-first",
            "Top-p comes before the temperature and top-k. It comes after both: it goes by the "
            "probabilities that tokens are drawn with.",
            {TEMPERATURE: "", TOP_K + TOP_P: TOP_P + TOP_K + TEMPERATURE},
        ),
        Mistake(
            "top-p-before-top-k",
            "Top-p comes before top-k. The other way round it adds up the probabilities of what "
            "top-k has left, which are larger, and so keeps fewer tokens.",
            {TOP_K + TOP_P: TOP_P + TOP_K},
        ),
        Mistake(
            "penalty-last",
            "The penalty comes last. It belongs first: a token that it makes unlikely must be able "
            "to lose its place among the top-k and top-p.",
            {PENALTY: "", SOFTMAX: PENALTY + SOFTMAX},
        ),
        Mistake(
            "greedy-before-penalty",
            "For temperature 0 the largest logit is taken before the penalty. Greedy texts are "
            "those that repeat most, and need it.",
            {PENALTY: "", GREEDY: GREEDY + PENALTY},
        ),
        Mistake(
            "greedy-before-ban",
            "For temperature 0 the largest logit is taken before repeated n-grams are ruled out. "
            "Greedy texts are those that repeat most, and need it.",
            {NO_REPEAT: "", GREEDY: GREEDY + NO_REPEAT},
        ),
        Mistake(
            "ban-last",
            "Repeated n-grams are ruled out last. What top-k, top-p or min-p has left may then be "
            "ruled out altogether, and nothing remains to draw: rule out first.",
            {NO_REPEAT: "", SOFTMAX: NO_REPEAT + SOFTMAX},
        ),
        Mistake(
            "min-p-before-temperature",
            "Min-p comes before the temperature. It goes by the probabilities that tokens are "
            "drawn with, and those are known only when the logits have been divided.",
            {MIN_P: "", TEMPERATURE: MIN_P + TEMPERATURE},
        ),
        Mistake(
            "min-p-before-top-p",
            "Min-p comes before top-p. The other way round, top-p adds up the probabilities of "
            "all tokens, and not only of those that min-p has left.",
            {MIN_P: "", TOP_P: MIN_P + TOP_P},
        ),
        Mistake("min-p-not-used", "min_p is not used.", {MIN_P: ""}),
        Mistake("ban-not-used", "no_repeat_ngram is not used.", {NO_REPEAT: ""}),
        Mistake(
            "first-text-for-all",
            "All rows are penalised for the text of the first. Each row is a text of its own.",
            {"enumerate(texts)": "enumerate([texts[0]] * len(texts))"},
        ),
        Mistake(
            "no-greedy",
            "Temperature 0 divides by zero. It means greedy: all probability on the largest logit.",
            {GREEDY: ""},
        ),
        Mistake(
            "greedy-by-small-temperature",
            "Temperature 0 is replaced by a small one, so equal logits share the probability. "
            "Greedy is to give the same text every time: take the lowest id of equals.",
            {GREEDY: "    if temperature == 0:\n"
             "        largest = logits == logits.amax(-1, keepdim=True)\n"
             "        return largest.to(logits) / largest.sum(-1, keepdim=True)\n"},
        ),
        Mistake(
            "greedy-all-equals",
            "Of equal logits each gets the probability 1 for temperature 0, and together they have "
            "more than 1. One token has it: the lowest id of equals, which argmax finds.",
            {"F.one_hot(logits.argmax(-1), logits.shape[-1])":
             "(logits == logits.amax(-1, keepdim=True))"},
        ),
        Mistake(
            "greedy-highest-id",
            "Of equal logits greedy takes the highest id. Take the lowest, as argmax does.",
            {"F.one_hot(logits.argmax(-1), logits.shape[-1])":
             "F.one_hot(logits.shape[-1] - 1 - logits.flip(-1).argmax(-1), logits.shape[-1])"},
        ),
        Mistake(
            "greedy-gives-ids",
            "For temperature 0 the ids come back. A distribution is asked for: 1 at the largest "
            "logit and 0 elsewhere.",
            {"F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits)": "logits.argmax(-1)"},
        ),
        Mistake(
            "greedy-whole-numbers",
            "For temperature 0 the probabilities are whole numbers: give them the logits' dtype.",
            {".to(logits)": ""},
        ),
        Mistake(
            "temperature-on-probabilities",
            "The temperature divides probabilities. It divides logits; softmax comes last.",
            {"apply_temperature(logits, temperature)":
             "apply_temperature(logits.softmax(-1), temperature)"},
        ),
        Mistake("temperature-not-used", "The temperature is not used.", {TEMPERATURE: ""}),
        Mistake("top-k-not-used", "top_k is not used.", {TOP_K: ""}),
        Mistake("top-p-not-used", "top_p is not used.", {TOP_P: ""}),
        Mistake("penalty-not-used", "The repetition penalty is not used.", {PENALTY: ""}),
        Mistake(
            "penalty-on-all",
            "All tokens are penalised, and not only those that were seen.",
            {"(logits, seen, rep": "(logits, torch.ones_like(seen), rep"},
        ),
        Mistake(
            "top-k-always",
            "top_k = 0 stands for all tokens, and not for none.",
            {TOP_K: "    logits = apply_top_k(logits, top_k)\n"},
        ),
        Mistake(
            "logits-given",
            "Logits come back: softmax is missing.",
            {SOFTMAX: "    return logits"},
        ),
        Mistake(
            "softmax-twice",
            "Softmax is taken twice. The second takes probabilities for logits, and makes all "
            "tokens nearly equal.",
            {SOFTMAX: SOFTMAX + ".softmax(-1)"},
        ),
        Mistake(
            "softmax-over-batch",
            "Softmax is taken along the axis of the batch. It is along the vocabulary, the last "
            "axis.",
            {"logits.softmax(-1)": "logits.softmax(0)"},
        ),
        Mistake(
            "log-probabilities",
            "Logarithms of the probabilities come back, and not the probabilities.",
            {"logits.softmax(-1)": "logits.log_softmax(-1)"},
        ),
        Mistake(
            "not-renormalised",
            "The probabilities do not add up to 1: those of the tokens that were dropped are "
            "missing. Take softmax after the dropping, and it divides by the sum of what is left.",
            {TOP_K: "    whole = logits.softmax(-1)\n" + TOP_K,
             SOFTMAX: "    return whole.masked_fill(logits == -torch.inf, 0.0)"},
        ),
    ),
)  # fmt: skip


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
        after = f" after the text {texts[0]}" if texts[0] else ""
        words = f"logits {[f'{x:g}' for x in rows[0]]}{after} and {words}".replace("'", "")
    return Case(
        call(next_token_probabilities, logits, texts, **options),
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
