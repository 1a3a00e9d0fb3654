"""The table of events: what can happen in ToyTown, when, and what it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..world import State

# Who does it to whom and with what: indices of children and things, numbers, colours.
Binding = dict


@dataclass
class Event:
    """A kind of event.

    bindings: lists the ways in which it can happen in a state; none where the facts forbid it.
    change: what it does to the state. weight: how likely it is among the possible ones.
    limit: how often a story of length 1 tells it.
    """

    kind: str
    bindings: Callable[[State], list[Binding]]
    weight: int
    limit: int
    change: Callable[[State, Binding], None] = lambda s, a: None

    def effect(self, change: Callable[[State, Binding], None]):
        """Decorator: this function changes the state when the event has been told."""
        self.change = change
        return change


EVENTS: dict[str, Event] = {}


def event(weight: int, limit: int = 1, kind: str | None = None):
    """Decorator: register an event by its bindings, under the function's name or `kind`."""

    def register(bindings):
        name = kind or bindings.__name__.rstrip("_")
        EVENTS[name] = Event(name, bindings, weight, limit)
        return EVENTS[name]

    return register


def kids(s: State) -> range:
    return range(len(s.children))
