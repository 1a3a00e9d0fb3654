"""A sentence while it is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from .. import chinese, english
from ..world import State

LANGUAGES = {"en": english, "zh": chinese}
NAME_OR_PRONOUN = (2, 1)  # weights, where both would be clear


@cache
def template(wording: str) -> tuple[tuple[str, str | None], ...]:
    """A wording cut into (literal, slot) pairs; the last slot is None."""
    pieces = re.split(r"\{(\w+)\}", wording)
    return tuple(zip(pieces[::2], [*pieces[1::2], None], strict=True))


class Line:
    """A sentence while it is written: the chooser, the state before it, and what it is about."""

    def __init__(self, chooser, state: State, words, kind: str, about: dict):
        self.chooser, self.s, self.words, self.kind, self.a = chooser, state, words, kind, about
        self.first = words is english  # an English sentence begins with a capital

    def say(self, text: str, tag: tuple | None = None) -> None:
        if text:
            if self.first:
                text = text[0].upper() + text[1:]
                self.first = False
            self.chooser.say(text, tag)

    def pick(self, name: str, options, surface, weights=None, tag=None):
        if self.first:
            self.first = False
            plain = surface
            surface = lambda o: plain(o)[0].upper() + plain(o)[1:]  # noqa: E731
        return self.chooser.pick(name, options, weights, surface, tag)

    def name(self, name) -> str:
        return spell(self.words, name)

    def child(self, i: int) -> str:
        return self.name(self.s.children[i].name)


def spell(words, name) -> str:
    """How a name is written: (boy or girl, i) or (boy or girl, first, [middle,] last syllable)."""
    gender, *syllables = name
    if len(syllables) == 1:
        return words.NAMES[gender][syllables[0]]
    first, *middle, last = syllables
    return words.FIRST[first] + "".join(words.MIDDLE[m] for m in middle) + words.LAST[gender][last]


SLOTS: dict[str, Callable[[Line], None]] = {}


def slot(function):
    """Register what fills the slot of this name in a wording."""
    SLOTS[function.__name__.rstrip("_")] = function
    return function
