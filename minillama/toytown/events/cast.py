"""Beginnings and ends, children and animals."""

from __future__ import annotations

from ..world import Animal, Child
from .registry import event, kids


@event(1)
def opening(s):
    return [] if s.kinds else [{"gender": "girl"}, {"gender": "boy"}]


@opening.effect
def _(s, a):
    s.children.append(Child(a["name"], a["gender"]))


@event(1)
def scene(s):
    return [{"who": 0}] if len(s.kinds) == 1 else []


@scene.effect
def _(s, a):
    s.place, s.weather = a["place"], a["weather"]


@event(1)
def close(s):
    return [{"who": 0}] if len(s.kinds) > 1 else []


@event(5, limit=2)
def friend(s):
    return [{"who": 0, "gender": "girl"}, {"who": 0, "gender": "boy"}] if s.kinds else []


@friend.effect
def _(s, a):
    s.children.append(Child(a["name"], a["gender"]))


@event(3, limit=2)
def like(s):
    return [{"who": c} for c in kids(s)]


@like.effect
def _(s, a):
    s.children[a["who"]].likes += (a["likes"],)


@event(4)
def animal(s):
    return [{"who": 0}] if s.kinds and s.animal is None else []


@animal.effect
def _(s, a):
    s.animal = Animal(a["animal"])


def pet_bindings(s):
    return [{"who": c} for c in kids(s)] if s.animal and s.animal.here else []


@event(5)
def name_animal(s):
    return pet_bindings(s) if s.animal and s.animal.name is None else []


@name_animal.effect
def _(s, a):
    s.animal.name = a["name"]


event(3, limit=2, kind="feed")(pet_bindings)
event(3, limit=2, kind="pat")(pet_bindings)


@event(2)
def flee(s):
    return [{"who": 0}] if s.animal and s.animal.here else []


@flee.effect
def _(s, a):
    s.animal.here = False


@event(8)
def return_(s):
    return [{"who": 0}] if s.animal and not s.animal.here else []


@return_.effect
def _(s, a):
    s.animal.here = True
