"""Reading: every way in which the grammar can write a text, with its exact probability."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from .choosers import Complete, Matcher, Mismatch
from .events import apply, available
from .grammar import write_sentence
from .slots import LANGUAGES, template
from .world import State

# No sentence of ToyTown has more characters. In a longer one the patterns below would look for
# every slot at every place, which takes the fourth or fifth power of its length.
LONGEST_SENTENCE = 120


@dataclass
class Reading:
    """A derivation of the text up to `position`, which is the end of a sentence."""

    state: State
    position: int = 0
    log_prob: float = 0.0
    draws: tuple[dict[str, int], ...] = ()

    @property
    def ended(self) -> bool:
        return self.state.kinds[-1:] == ["close"]


@cache
def patterns(language: str) -> tuple[tuple[str, str, re.Pattern], ...]:
    """Each wording as (kind, wording, pattern with anything in its slots), to rule most out."""
    table = []
    for kind, wordings in LANGUAGES[language].WORDINGS.items():
        for wording in wordings:
            parts = [re.escape(lit) + (".+?" if slot else "") for lit, slot in template(wording)]
            table.append((kind, wording, re.compile("".join(parts), re.DOTALL | re.IGNORECASE)))
    return tuple(table)


def fitting(sentence: str, language: str) -> dict[str, set[str]]:
    """The kinds of event and the wordings that could have written a whole sentence."""
    if len(sentence) > LONGEST_SENTENCE:
        return {"kind": set(), "wording": set()}
    hits = [(kind, w) for kind, w, pattern in patterns(language) if pattern.fullmatch(sentence)]
    return {"kind": {kind for kind, _ in hits}, "wording": {w for _, w in hits}}


def sentence_end(text: str, position: int, language: str) -> int | None:
    """Where the sentence that starts at a position ends; None if the text stops before."""
    match = re.compile(LANGUAGES[language].SENTENCE_END).search(text, position)
    return match and match.end()


def whole_sentences(text: str, language: str) -> str:
    """The sentences of a text without the last, which may break off, be it before a last quote."""
    end = 0
    while (after := sentence_end(text, end + 1, language) or len(text)) < len(text):
        end = after
    return text[:end]


def next_sentences(
    reading: Reading, text: str, language: str, only: dict[str, set[str]], options=None
) -> Iterator[Reading | float]:
    """Every reading of the next sentence; for one that the text breaks off, its log-probability.

    `only` names the kinds and wordings worth trying (empty: all).
    """
    options = options or available(reading.state)
    agenda: list[tuple[int, ...]] = [()]
    while agenda:
        m = Matcher(text, reading.position, reading.log_prob, agenda.pop(), agenda)
        m.only = only
        try:
            kind, about = write_sentence(reading.state, m, language, options)
        except Mismatch:
            continue
        except Complete:
            yield m.log_prob
            continue
        state = reading.state.copy()
        apply(state, kind, about)
        yield Reading(state, m.position, m.log_prob, (*reading.draws, m.draws))


def derivations(text: str, language: str, split: str, length: float) -> list[Reading]:
    """All derivations of a whole story. For a text that ToyTown wrote there is exactly one."""
    open_readings, whole = [Reading(State(split, length))], []
    while open_readings:
        reading = open_readings.pop()
        end = sentence_end(text, reading.position + 1, language)
        if end is None:
            continue
        start = reading.position + len(LANGUAGES[language].SPACE) * bool(reading.draws)
        for r in next_sentences(reading, text, language, fitting(text[start:end], language)):
            if isinstance(r, Reading):
                if r.ended and r.position == len(text):
                    whole.append(r)
                elif not r.ended:
                    open_readings.append(r)
    return whole


class PrefixReader:
    """Exact probabilities of beginnings. Remembers the sentences it has read, so that asking for
    one prefix after another of the same story is quick."""

    def __init__(self, language: str, split: str = "train", length: float = 1.0):
        self.language = language
        # Readings of every text that ends with a sentence, by that text.
        self.known: dict[str, list[Reading]] = {"": [Reading(State(split, length))]}

    def log_prob(self, text: str) -> float:
        """The log-probability that a story begins with `text`, in nats; -inf if none does."""
        if not text:
            return 0.0
        total = []
        begun = max((t for t in self.known if text.startswith(t) and t != text), key=len)
        agenda = list(self.known[begun])
        while agenda:
            reading = agenda.pop()
            end = sentence_end(text, reading.position + 1, self.language)
            only = {}
            if end is not None and end < len(text):  # the sentence is whole
                start = reading.position + len(LANGUAGES[self.language].SPACE) * bool(reading.draws)
                only = fitting(text[start:end], self.language)
            for r in next_sentences(reading, text, self.language, only):
                if not isinstance(r, Reading):
                    total.append(r)
                elif r.position == len(text):
                    total.append(r.log_prob)
                elif not r.ended:
                    self.known.setdefault(text[: r.position], []).append(r)
                    agenda.append(r)
        return log_sum(total)


def log_sum(log_probs: list[float]) -> float:
    if not log_probs:
        return -math.inf
    top = max(log_probs)
    return top + math.log(sum(math.exp(x - top) for x in log_probs))
