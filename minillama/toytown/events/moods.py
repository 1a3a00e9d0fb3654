"""Moods and pastimes: feelings told, troubles and their cures, games, walks, the weather."""

from __future__ import annotations

from .registry import event, kids


def feeling(mood):
    def bindings(s):
        return [{"who": c} for c in kids(s) if s.children[c].mood == mood]

    return bindings


def tell(s, a):
    s.children[a["who"]].fresh = 0


for _mood in ("calm", "happy", "sad", "scared", "tired", "hungry", "proud"):
    event(6, limit=2, kind=f"feel_{_mood}")(feeling(_mood)).effect(tell)


def becoming(kind, mood, weight):
    """An event that puts somebody into a mood and says so."""

    def bindings(s):
        return [{"who": c} for c in kids(s) if s.kinds[1:] and s.children[c].mood != mood]

    def change(s, a):
        s.children[a["who"]].feel(mood)

    event(weight, kind=kind)(bindings).effect(change)


becoming("hungry", "hungry", 1)
becoming("tired", "tired", 1)
becoming("scare", "scared", 1)


def relief(s, a):
    s.children[a["who"]].feel("calm")


event(25, kind="eat", limit=2)(feeling("hungry")).effect(relief)
event(15, kind="rest", limit=2)(feeling("tired")).effect(relief)


@event(10, limit=2)
def comfort(s):
    return [
        {"who": c, "other": d}
        for d in kids(s)
        if s.children[d].mood in ("sad", "scared")
        for c in kids(s)
        if c != d
    ]


@comfort.effect
def _(s, a):
    s.children[a["other"]].feel("calm")


@event(3)
def go(s):
    return [{"all": True}] if s.kinds[1:] else []


@go.effect
def _(s, a):
    s.place = a["place"]


@event(3)
def game(s):
    return [{"all": True}] if len(s.children) > 1 else []


@game.effect
def _(s, a):
    for child in s.children:
        child.feel("happy")


@event(1)
def sing(s):
    return [{"who": c} for c in kids(s)] if s.kinds[1:] else []


@event(2)
def weather(s):
    return [{"who": 0}] if s.kinds[1:] else []


@weather.effect
def _(s, a):
    s.weather = a["weather"]
