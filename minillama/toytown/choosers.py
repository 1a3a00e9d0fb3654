"""Who decides what the grammar writes: a sampler, a matcher, or a record of earlier draws.

`grammar.write_sentence` makes every decision through one of these. `choose` takes one of several
options, `say` writes text, and `pick` does both: it takes an option and writes it at once.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence


class Mismatch(Exception):
    """What the grammar would write now differs from the text."""


class Complete(Exception):
    """The text is used up; whatever the grammar writes from here on continues it."""


class Chooser:
    """What the grammar needs: `choose` and `say`."""

    def choose(self, name: str, options: Sequence, weights: Sequence[int] | None = None):
        raise NotImplementedError

    def say(self, text: str, tag: tuple | None = None) -> None:
        raise NotImplementedError

    def pick(
        self,
        name: str,
        options: Sequence,
        weights: Sequence[int] | None,
        surface: Callable,
        tag: Callable | None = None,
    ):
        """Choose an option and say its surface."""
        option = self.choose(name, options, weights)
        self.say(surface(option), tag and tag(option))
        return option


def log_share(weights: Sequence[int] | None, n: int, i: int) -> float:
    """The log-probability of option i among n, uniform where there are no weights, in nats."""
    return -math.log(n) if weights is None else math.log(weights[i] / sum(weights))


class Sampler(Chooser):
    """Draws at random and keeps the text, the draws of each sentence, and their probability."""

    def __init__(self, seed: str):
        self.random = random.Random(seed).random  # the same stream on every platform
        self.parts: list[str] = []
        self.draws: dict[str, int] = {}
        self.log_prob = 0.0

    def choose(self, name, options, weights=None):
        n = len(options)
        if n == 1:
            return options[0]
        if weights is None:
            i = int(self.random() * n)
        else:
            left = self.random() * sum(weights)
            i = 0
            while i < n - 1 and left >= weights[i]:
                left -= weights[i]
                i += 1
        self.draws[name] = i
        self.log_prob += log_share(weights, n, i)
        return options[i]

    def say(self, text, tag=None):
        self.parts.append(text)


class Replayer(Chooser):
    """Repeats recorded draws, in any language, and notes where each tagged thing stands."""

    def __init__(self):
        self.parts: list[str] = []
        self.draws: dict[str, int] = {}  # set to each sentence's before it is written
        self.spans: list[tuple[int, int, tuple]] = []
        self.position = 0

    def choose(self, name, options, weights=None):
        # Languages differ only in how many wordings they have, hence the remainder.
        return options[self.draws.get(name, 0) % len(options)]

    def say(self, text, tag=None):
        if tag:
            self.spans.append((self.position, self.position + len(text), tag))
        self.parts.append(text)
        self.position += len(text)


class Matcher(Chooser):
    """One attempt to write a given text: follows `path`, then takes first options.

    Every other option at a new decision goes on the agenda as a path of its own, so that running
    the grammar once for each path on the agenda tries every derivation.
    """

    def __init__(self, text: str, position: int, log_prob: float, path: tuple[int, ...], agenda):
        self.text, self.position, self.log_prob = text, position, log_prob
        self.path, self.agenda = path, agenda
        self.taken: tuple[int, ...] = ()
        self.draws: dict[str, int] = {}
        self.only: dict[str, set] = {}  # options known to be the only ones that can fit

    def choose(self, name, options, weights=None):
        if len(options) == 1:
            return options[0]
        if self.position == len(self.text):
            raise Complete  # all options continue the text, and their probabilities sum to one
        only = self.only.get(name)
        fitting = [i for i, o in enumerate(options) if only is None or o in only]
        return options[self._take(name, len(options), weights, fitting)]

    def pick(self, name, options, weights, surface, tag=None):
        if self.position == len(self.text):
            raise Complete
        fitting = [i for i, o in enumerate(options) if self._fits(surface(o))]
        i = 0 if len(options) == 1 else self._take(name, len(options), weights, fitting)
        self.say(surface(options[i]))
        return options[i]

    def say(self, text, tag=None):
        if not self._fits(text):
            raise Mismatch
        self.position += len(text)
        if self.position > len(self.text):
            raise Complete

    def _fits(self, text):
        if self.text.startswith(text, self.position):
            return True
        rest = len(self.text) - self.position
        return rest < len(text) and text.startswith(self.text[self.position :])

    def _take(self, name, n, weights, fitting):
        if not fitting:
            raise Mismatch
        k = len(self.taken)
        if k < len(self.path):
            i = self.path[k]
        else:
            i = fitting[0]
            self.agenda.extend((*self.taken, j) for j in fitting[1:])
        self.taken += (i,)
        self.draws[name] = i
        self.log_prob += log_share(weights, n, i)
        return i
