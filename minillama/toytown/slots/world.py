"""Slots for things, numbers, places, weather and moods."""

from __future__ import annotations

from functools import cache

from .. import english
from ..world import (
    ITEMS_AT,
    N_COLOURS,
    N_PLACES,
    N_THINGS,
    N_WEATHERS,
    SPOTS_AT,
    State,
    allowed,
    held_out,
)
from .line import SLOTS, slot


@cache
def pairs(split: str) -> tuple[tuple[int, int], ...]:
    """The (colour, noun) pairs that a split may write."""
    return tuple(
        (c, n) for c in range(N_COLOURS) for n in range(N_THINGS) if allowed(held_out(c, n), split)
    )


def nouns_in(state: State) -> set[int | None]:
    """Nouns in use: a story has one thing of a kind, so that "the kite" is clear."""
    return {t.noun for t in state.things} | {c.want for c in state.children}


@slot
def a_thing(line):
    want, used = line.a.get("noun"), nouns_in(line.s)
    new = [p for p in pairs(line.s.split) if (p[1] not in used if want is None else p[1] == want)]
    i = len(line.s.things)
    line.a["pair"] = line.pick(
        "thing", new, lambda p: line.words.a_thing(*p), None, lambda p: ("thing", i)
    )


@slot
def a_noun(line):
    used = nouns_in(line.s)
    new = [n for n in range(N_THINGS) if n not in used]
    line.a["noun"] = line.pick("noun", new, line.words.a_noun)


def known_thing(role, form):
    def fill(line):
        thing = line.s.things[line.a[role]]
        line.say(getattr(line.words, form)(thing.colour, thing.noun), ("thing", line.a[role]))

    return fill


SLOTS |= {"thing": known_thing("thing", "thing"), "thing2": known_thing("thing2", "thing")}
SLOTS["thing_m"] = known_thing("thing", "thing_m")


@slot
def colour(line):
    line.say(line.words.COLOURS[line.a["colour"]])


@slot
def spot(line):
    line.a["spot"] = line.pick("spot", SPOTS_AT[line.s.place], line.words.SPOTS.__getitem__)


@slot
def n_items(line):
    items = ITEMS_AT[line.s.place] if line.s.item is None else (line.s.item,)
    n = line.a["n"]
    line.a["item"] = line.pick("item", items, lambda i: line.words.count(n, i))


def counted(number, form):
    """A slot for a number that follows from the state: of the item, or of "it"."""

    def fill(line):
        line.say(getattr(line.words, form)(number(line), line.s.item))

    return fill


def count_of(line, role="who"):
    return line.s.children[line.a[role]].count


SLOTS |= {
    "m": counted(lambda line: line.a["m"], "number"),
    "m_items": counted(lambda line: line.a["m"], "count"),
    "left": counted(lambda line: count_of(line) - line.a["m"], "number"),
    "total_items": counted(lambda line: count_of(line) + line.a.get("m", 0), "count"),
    "other_count": counted(lambda line: count_of(line, "other"), "number"),
}


@slot
def weather(line):
    words = line.words.WEATHER
    line.a["weather"] = line.pick("weather", range(N_WEATHERS), words.__getitem__)


@slot
def change(line):
    new = [w for w in range(N_WEATHERS) if w != line.s.weather]
    line.a["weather"] = line.pick("weather", new, line.words.CHANGES.__getitem__)


@slot
def time(line):
    line.pick("time", range(len(english.TIMES)), line.words.TIMES.__getitem__)


def place_slot(line, surface):
    new = [p for p in range(N_PLACES) if line.kind == "scene" or p != line.s.place]
    line.a["place"] = line.pick("place", new, surface, None, lambda p: ("place", p))


@slot
def place(line):
    place_slot(line, line.words.place)


@slot
def at_place(line):
    place_slot(line, line.words.at_place)


@slot
def game(line):
    line.pick("game", range(len(english.GAMES)), line.words.GAMES.__getitem__)


@slot
def song(line):
    line.pick("song", range(len(english.SONGS)), line.words.SONGS.__getitem__)


@slot
def mood(line):
    line.say(line.words.MOODS[line.s.children[line.a["who"]].mood])
