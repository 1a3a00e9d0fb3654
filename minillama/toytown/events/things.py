"""Things: owning, wishing, giving, losing, finding, breaking, mending, painting, playing."""

from __future__ import annotations

from ..world import BREAKABLE, N_COLOURS, PAINTABLE, PLAYABLE, Thing, allowed, held_out
from .registry import event, kids


def usable(s, nouns=None):
    return [i for i, t in enumerate(s.things) if t.usable and (nouns is None or t.noun in nouns)]


def new_thing(a, **how):
    colour, noun = a["pair"]
    return Thing(colour, noun, a["who"], **how)


@event(4, limit=2)
def own(s):
    return [{"who": c} for c in kids(s)]


@own.effect
def _(s, a):
    s.things.append(new_thing(a))


@event(2)
def want(s):
    return [{"who": c} for c in kids(s) if s.children[c].want is None]


@want.effect
def _(s, a):
    s.children[a["who"]].want = a["noun"]


@event(12)
def get(s):
    return [
        {"who": c, "noun": s.children[c].want} for c in kids(s) if s.children[c].want is not None
    ]


@get.effect
def _(s, a):
    child = s.children[a["who"]]
    s.things.append(new_thing(a, moved=True, given=True))
    child.want = None
    child.feel("happy")


def with_other(s, nouns=None):
    """The owner of a thing at hand, and somebody else."""
    if len(s.children) < 2:
        return []
    return [
        {"who": s.things[i].owner, "other": c, "thing": i}
        for i in usable(s, nouns)
        for c in kids(s)
        if c != s.things[i].owner
    ]


@event(4, limit=2)
def give(s):
    return with_other(s)


@give.effect
def _(s, a):
    thing = s.things[a["thing"]]
    thing.owner, thing.moved, thing.given = a["other"], True, True
    s.children[a["other"]].feel("happy")
    s.debt = (a["other"], a["who"])


@event(25, limit=2)
def thank(s):
    return [{"who": s.debt[0], "other": s.debt[1]}] if s.debt else []


@event(12)
def swap(s):
    return [
        {"who": s.things[i].owner, "other": s.things[j].owner, "thing": i, "thing2": j}
        for i in usable(s)
        for j in usable(s)
        if s.things[i].owner != s.things[j].owner
    ]


@swap.effect
def _(s, a):
    for thing, owner in ((a["thing"], a["other"]), (a["thing2"], a["who"])):
        thing = s.things[thing]
        thing.owner, thing.moved, thing.given = owner, True, True
        s.children[owner].feel("happy")


def at_hand(s, nouns=None):
    return [{"who": s.things[i].owner, "thing": i} for i in usable(s, nouns)]


@event(3)
def lose(s):
    return at_hand(s)


@lose.effect
def _(s, a):
    s.things[a["thing"]].lost_at = s.place
    s.children[a["who"]].feel("sad")


def lost_here(s):
    return [i for i, t in enumerate(s.things) if t.lost_at == s.place and t.lost_at is not None]


@event(8, limit=2)
def seek(s):
    return [{"who": c, "thing": i} for i in lost_here(s) for c in kids(s)]


@event(6, limit=2)
def find_own(s):
    return [{"who": s.things[i].owner, "thing": i} for i in lost_here(s)]


@find_own.effect
def _(s, a):
    thing = s.things[a["thing"]]
    thing.lost_at, thing.moved = None, True
    s.children[a["who"]].feel("happy")


def helper(s, things):
    """Somebody who can help the owner of a thing with it."""
    return [
        {"who": c, "other": s.things[i].owner, "thing": i}
        for i in things
        for c in kids(s)
        if c != s.things[i].owner
    ]


@event(8, limit=2)
def find_other(s):
    return helper(s, lost_here(s))


def helped(s, a):
    s.children[a["other"]].feel("happy")
    s.children[a["who"]].feel("proud")
    s.debt = (a["other"], a["who"])


@find_other.effect
def _(s, a):
    thing = s.things[a["thing"]]
    thing.lost_at, thing.moved = None, True
    helped(s, a)


@event(4)
def break_(s):
    return at_hand(s, BREAKABLE)


@break_.effect
def _(s, a):
    s.things[a["thing"]].broken = True
    s.children[a["who"]].feel("sad")


def broken(s):
    return [i for i, t in enumerate(s.things) if t.broken]


@event(8, limit=2)
def mend_own(s):
    return [{"who": s.things[i].owner, "thing": i} for i in broken(s)]


@mend_own.effect
def _(s, a):
    s.things[a["thing"]].broken = False
    s.children[a["who"]].feel("proud")


@event(10, limit=2)
def mend_other(s):
    return helper(s, broken(s))


@mend_other.effect
def _(s, a):
    s.things[a["thing"]].broken = False
    helped(s, a)


@event(4)
def paint(s):
    return [
        {"who": s.things[i].owner, "thing": i, "colour": c}
        for i in usable(s, PAINTABLE)
        for c in range(N_COLOURS)
        if c != s.things[i].colour and allowed(held_out(c, s.things[i].noun), s.split)
    ]


@paint.effect
def _(s, a):
    s.things[a["thing"]].colour = a["colour"]


@event(3, limit=2)
def play_alone(s):
    return at_hand(s, PLAYABLE)


@event(4, limit=2)
def play_together(s):
    return with_other(s, PLAYABLE)


@play_alone.effect
@play_together.effect
def _(s, a):
    for c in (a["who"], a.get("other", a["who"])):
        s.children[c].feel("happy")


event(3, limit=2, kind="show")(with_other)


@event(8, limit=2)
def recall(s):
    return at_hand(s)


@recall.effect
def _(s, a):
    s.things[a["thing"]].moved = False
