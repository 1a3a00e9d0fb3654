"""Counting: gathering, finding more, sharing, dropping, and saying how many."""

from __future__ import annotations

from ..world import ITEMS_AT
from .registry import event, kids


def lying_here(s):
    return s.item is None or s.item in ITEMS_AT[s.place]


@event(4, limit=2)
def gather(s):
    if len(s.kinds) < 2 or not lying_here(s):
        return []
    return [{"who": c, "n": n} for c in kids(s) if not s.children[c].count for n in range(2, 7)]


@gather.effect
def _(s, a):
    s.item = a["item"]
    s.children[a["who"]].count = a["n"]


@event(5, limit=2)
def more(s):
    if s.item is None or not lying_here(s):
        return []
    return [
        {"who": c, "m": m}
        for c in kids(s)
        if 0 < s.children[c].count < 10
        for m in range(1, min(4, 10 - s.children[c].count) + 1)
    ]


@more.effect
def _(s, a):
    s.children[a["who"]].count += a["m"]


def fewer(s, c):
    """How many a child can part with and still have some."""
    return range(1, min(4, s.children[c].count - 1) + 1)


@event(5, limit=2)
def share(s):
    return [
        {"who": c, "other": d, "m": m}
        for c in kids(s)
        for d in kids(s)
        if c != d
        for m in fewer(s, c)
        if s.children[d].count + m <= 10
    ]


@share.effect
def _(s, a):
    s.children[a["who"]].count -= a["m"]
    s.children[a["other"]].count += a["m"]
    s.children[a["other"]].feel("happy")
    s.debt = (a["other"], a["who"])


@event(2)
def drop(s):
    return [{"who": c, "m": m} for c in kids(s) for m in fewer(s, c)]


@drop.effect
def _(s, a):
    s.children[a["who"]].count -= a["m"]


@event(3)
def tally(s):
    return [{"who": c} for c in kids(s) if s.children[c].count]


@event(15)
def compare(s):
    having = [c for c in kids(s) if s.children[c].count]
    return [{"who": c, "other": d} for c in having for d in having if c != d]
