"""What makes a good story: which of the possible events come next, and how likely each is.

The facts alone stand with the events, so that the judge can ask about them without taste.
"""

from __future__ import annotations

from ..world import State
from .registry import EVENTS, Binding

COUNTING = ("gather", "more", "share", "drop", "tally", "compare")
TROUBLED = ("sad", "scared", "tired", "hungry")
# What a story goes on with while somebody is in trouble: one trouble at a time, and cures first.
IN_TROUBLE = frozenset(
    "seek find_own find_other mend_own mend_other comfort eat rest thank friend recall close"
    " feel_sad feel_scared feel_tired feel_hungry feel_proud".split()
)
# What a story does not end on.
UNFINISHED = ("own", "want", "friend", "animal", "go", "weather", "flee", "scare")
TOGETHER = ("like", "game", "show", "play_together", "give", "share")


def tasteful(s: State, kind: str, a: Binding) -> bool:
    """Whether a possible event makes a good next sentence; the facts would allow it either way."""
    last = s.kinds[-1]
    if kind.startswith("feel_"):
        return s.children[a["who"]].fresh > 0
    if kind == "friend":  # one in a story of usual length, two in a long one
        return len(s.children) < (2 if s.length < 2 else 3)
    if kind == "like":
        return not s.children[a["who"]].likes
    if kind == "own":
        return len(s.things) < 1 + 2 * s.length and a["who"] not in [t.owner for t in s.things]
    if kind in ("give", "swap"):
        return not any(s.things[a[role]].given for role in ("thing", "thing2") if role in a)
    if kind == "recall":
        return s.things[a["thing"]].moved
    if kind in ("tally", "compare"):
        return last not in COUNTING
    if kind == "go":  # nobody leaves an animal behind without a word
        return len(s.kinds) > 3 and (s.animal is None or (s.animal.here and bool(s.animal.name)))
    if kind == "scare":
        return len(s.children) > 1
    if kind == "close":
        return last not in UNFINISHED
    return True


def in_trouble(s: State) -> bool:
    return any(not t.usable for t in s.things) or any(c.mood in TROUBLED for c in s.children)


def weight_of(s: State, kind: str, trouble: bool) -> int:
    """How much a kind of event weighs among those that may come next."""
    n, weight = len(s.kinds), EVENTS[kind].weight
    if kind == "close":
        low = round(6 * s.length)
        open_ends = trouble or any(c.want is not None for c in s.children)
        return int((1 if open_ends else 6) * (1 + (n + 1 - low) / s.length)) if n + 1 >= low else 0
    if trouble and kind not in IN_TROUBLE:
        return 0
    if n < 5 and kind in ("own", "friend", "like", "animal"):
        return 3 * weight
    if s.kinds[-1] == "friend" and kind in TOGETHER:
        return 4 * weight
    return weight


def available(s: State) -> tuple[list[str], list[int], dict[str, list[Binding]]]:
    """The kinds of event that may come next, their weights, and the bindings of each."""
    n = len(s.kinds)
    if n < 2:
        kind = ("opening", "scene")[n]
        return [kind], [1], {kind: EVENTS[kind].bindings(s)}
    if n + 1 >= round(14 * s.length):
        return ["close"], [1], {"close": EVENTS["close"].bindings(s)}
    trouble = in_trouble(s)
    kinds, weights, found = [], [], {}
    for kind, event in EVENTS.items():
        if kind == s.kinds[-1] or s.kinds.count(kind) >= event.limit * s.length:
            continue
        weight = weight_of(s, kind, trouble)
        bindings = weight and [a for a in event.bindings(s) if tasteful(s, kind, a)]
        if bindings:
            kinds.append(kind)
            weights.append(weight)
            found[kind] = bindings
    if not kinds:  # every cure has been told: the story ends here
        return ["close"], [1], {"close": EVENTS["close"].bindings(s)}
    return kinds, weights, found
