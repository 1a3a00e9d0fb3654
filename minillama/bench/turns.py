"""Measuring rivals in turns, because only neighbours in time can be compared.

The clock of a laptop slows down when it gets warm, and other programs come and go: the same work
easily takes half as long again a minute later. So each rival does its work once a round, one after
the other, and what is compared are the times of one round.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """How many times faster ours is: the median of the rounds' ratios, the least and the most."""

    median: float
    least: float
    most: float
    rounds: int

    def __str__(self) -> str:
        return f"{self.median:.2f} times ({self.least:.2f} to {self.most:.2f})"


def in_turns(works: Mapping[str, Work], rounds: int) -> dict[str, list[float]]:
    """The seconds that each work took in each round; a call of each comes first, to warm up.

    Raises ValueError for less than one round.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, not {rounds}")
    for work in works.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def faster(ours: Sequence[float], theirs: Sequence[float], more: float = 1.0) -> Ratio:
    """How many times faster ours is than theirs, of two works measured in turns.

    more: how many times as much our work gets done. Raises ValueError unless both have a time for
    each round.
    """
    pairs = [more * slow / fast for fast, slow in zip(ours, theirs, strict=True)]
    if not pairs:
        raise ValueError("there are no times to compare")
    return Ratio(median(pairs), min(pairs), max(pairs), len(pairs))


def least_seconds(work: Work, repeats: int) -> float:
    """The shortest of so many timed calls, after one that warms up: what the machine can do."""
    return min(in_turns({"work": work}, repeats)["work"])
