"""The check of beam search, against every text there is, on models whose sums fit on a page."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking.answer import Case, call, refusal
from minillama.course.checking.check import Check
from minillama.course.checking.compare import wrong_with
from minillama.course.complaint import Complaint, Known
from minillama.course.lessons.lesson_18.beam_texts import DETOUR, Toy, a_beam, every_text, race

beam_search = Check("beam_search", "beam")


def searched(
    answer: Any,
    model: Toy,
    prompt: list[int],
    n_beams: int,
    example: str,
    right: list[tuple[list[int], float]],
    **options: Any,
) -> Iterator[Case]:
    """The texts that an answer finds, and their scores, beside what is right."""
    got = call(answer, model, prompt, n_beams, **options)
    try:
        pairs = [([int(token) for token in text], float(score)) for text, score in got]
    except (TypeError, ValueError) as error:
        raise Complaint("gives no list of pairs (tokens, score).") from error
    words = f"{example}, n_beams = {n_beams}, " + ", ".join(
        f"{k} = {v}" for k, v in options.items()
    )
    yield Case([text for text, _ in pairs], [text for text, _ in right], f"{words}, as texts")
    scores, theirs = (torch.tensor([score for _, score in found]) for found in (pairs, right))
    yield Case(scores, theirs, f"{words}, as scores")


@beam_search.probe("a second beam finds the better text that begins worse")
def detour(beam_search: Any) -> Iterator[Case]:
    words = "p(1|0) = 0.5, p(3|1) = 0.3, p(2|0) = 0.4, p(3|2) = 0.9, the prompt [0]"
    right = [([2, 3], math.log(0.4 * 0.9)), ([1, 3], math.log(0.5 * 0.3))]
    options = {"max_new_tokens": 2, "length_penalty": 0}
    yield from searched(beam_search, Toy(DETOUR), [0], 2, words, right, **options)
    yield from searched(beam_search, Toy(DETOUR), [0], 1, words, right[1:], **options)


@beam_search.probe("a text ends with its stop token, and its score counts that")
def ends(beam_search: Any) -> Iterator[Case]:
    words = "the same, but 3 ends a text"
    for penalty in (0, 1, 2):
        options = {"max_new_tokens": 3, "length_penalty": penalty, "stop": {3}}
        right = a_beam(DETOUR, [2, 0], 2, 3, penalty, {3})
        yield from searched(beam_search, Toy(DETOUR), [2, 0], 2, words, right, **options)


@beam_search.probe("with beams enough it finds what is best of all texts")
def exhaustive(beam_search: Any) -> Iterator[Case]:
    words = "a vocabulary of 3, tokens that depend on the two before"
    tables = 1.5 * torch.randn(2, 3, 3, dtype=torch.float64)
    for penalty in (0.0, 1.0):
        right = every_text(tables, [0, 1], 4, penalty, {2})
        options = {"max_new_tokens": 4, "length_penalty": penalty, "stop": {2}}
        model = Toy(tables)
        yield from searched(beam_search, model, [0, 1], len(right), words, right, **options)


@beam_search.probe("few beams go on from the best beginnings, each with its own past")
def narrow(beam_search: Any) -> Iterator[Case]:
    words = "a vocabulary of 6, tokens that depend on the three before"
    for penalty, stop in ((0.0, set[int]()), (1.0, {5}), (1.5, {4, 5}), (-0.5, {5})):
        tables = torch.randn(3, 6, 6, dtype=torch.float64)
        right = a_beam(tables, [0, 3, 1], 3, 7, penalty, stop)
        options = {"max_new_tokens": 7, "length_penalty": penalty, "stop": stop}
        model = Toy(tables)
        yield from searched(beam_search, model, [0, 3, 1], 3, words, right, **options)
        if max(model.read) > 3:
            raise Known(
                "without-cache",
                f"\n  It shows where, given {words}, and a prompt "
                f"of 3, a forward reads {max(model.read)} tokens of a text.",
            )


@beam_search.probe("it is over when nothing better can come, and no sooner")
def over(beam_search: Any) -> Iterator[Case]:
    words = "a vocabulary of 4, tokens that depend on the one before"
    options = {"max_new_tokens": 9, "length_penalty": 1.0, "stop": {3}}
    cases = list[Case]()
    for _ in range(6):
        tables = 2 * torch.randn(1, 4, 4, dtype=torch.float64)
        right, enough = race(tables, [0], 2, 9, 1.0, {3})
        model = Toy(tables)
        cases += searched(beam_search, model, [0], 2, words, right, **options)
        early = model.longest - 1 <= enough  # it may read what was chosen last, for nothing
        example = f"{words}, for whether it is over with texts of {enough} tokens"
        cases.append(Case(early, True, example))
    yield from cases
    if not any(map(wrong_with, cases)):
        refusals(beam_search)


def refusals(beam_search: Any) -> None:
    """What cannot be read or written is refused, and the end of the context ends a text."""
    try:
        found = call(beam_search, Toy(DETOUR), [0] * 13, 2, max_new_tokens=9)
        what = f"gives texts of {max(len(text) for text, _ in found)} tokens"
    except Complaint as complaint:
        what = str(complaint)
    if what != "gives texts of 3 tokens":
        example = "a prompt of 13 tokens, max_seq_len = 16 and max_new_tokens = 9"
        raise Known("beyond-the-context", f"\n  It shows where, given {example}, it {what}")
    for prompt in ([], [0, 4]):
        how = refusal(beam_search, Toy(DETOUR), prompt, 2, max_new_tokens=2)
        if how != "a ValueError":
            example = f"the prompt {prompt} and a vocabulary of 4"
            raise Known(
                "any-prompt-accepted", f"\n  It shows where, given {example}, there is {how}."
            )
    if refusal(beam_search, Toy(DETOUR), [0], 0, max_new_tokens=2) != "a ValueError":
        raise Known("no-beams-accepted")
