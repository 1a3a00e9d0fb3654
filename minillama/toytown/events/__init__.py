"""What can happen in ToyTown.

`@event` registers a function that lists an event's *bindings* in a state; `@NAME.effect` says what
it changes. Importing a module registers its events; the order is part of ToyTown v1.
"""

from __future__ import annotations

from ..world import State
from . import cast, counting, moods, things  # noqa: F401
from .plot import available
from .registry import EVENTS, Binding, Event

__all__ = ["EVENTS", "Binding", "Event", "apply", "available"]


def apply(s: State, kind: str, a: Binding) -> None:
    """Change the state by an event that has been told."""
    s.debt = None
    for child in s.children:
        child.fresh = max(0, child.fresh - 1)
    EVENTS[kind].change(s, a)
    s.kinds.append(kind)
    if kind == "opening":
        s.focus, s.mentioned = 0, (0,)
    elif "all" in a:
        s.focus, s.mentioned = (0 if len(s.children) == 1 else None), tuple(range(len(s.children)))
    else:
        named = len(s.children) - 1 if kind == "friend" else a.get("other", a["who"])
        s.focus, s.mentioned = a["who"], (a["who"], named)
