"""Lines for a few things to compare: losses of several runs, or any numbers over any axis."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from minillama.plots.colors import BLACK, BLUE, GREEN, ORANGE, PURPLE, QUIET, SKY, VERMILION
from minillama.plots.text import as_array

Numbers = Tensor | np.ndarray | Sequence[float | int]

# Told apart by colour, and in grey and in print by dashes and marks.
LOOKS: tuple[Any, ...] = (
    (BLUE, "-", "o"),
    (VERMILION, "--", "s"),
    (GREEN, "-.", "^"),
    (PURPLE, ":", "v"),
    (ORANGE, (0, (5, 1, 1, 1)), "D"),
    (BLACK, (0, (8, 2)), "P"),
    (SKY, (0, (3, 1, 1, 1, 1, 1)), "X"),
)
ACROSS: tuple[Any, ...] = (":", (0, (1, 3)))  # for levels, thin dots
MARKED = 12  # a line of at most so many points has a mark at each


def line_chart(
    series: Mapping[str, Numbers],
    x: Numbers | None = None,
    *,
    xlabel: str = "step",
    ylabel: str = "loss (nats per token)",
    log: str = "",
    smooth: int = 1,
    levels: Mapping[str, float] | None = None,
    ticks: Sequence[float | int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Named series of numbers as lines over `x`, which counts from 1 where it is not given.

    A series may end before `x` does. Numbers that are none leave a gap; a series that begins or
    ends with them has a large cross there. log: which axes are logarithmic, "x", "y" or "xy".
    smooth: each point becomes the mean of so many up to and with it, and the first ones are left
    out. levels: numbers by name, drawn as dotted lines across, such as a floor. ticks: the only
    numbers of the x axis.

    Raises ValueError where a series has more numbers than `x`, or fewer than `smooth`.
    """
    if ax is None:
        ax = plt.subplots(figsize=(7, 3.2), layout="constrained")[1]
    for (name, numbers), look in zip(series.items(), cycle(LOOKS), strict=False):
        values = as_array(numbers)
        places = np.arange(1, len(values) + 1) if x is None else as_array(x)
        if len(values) > len(places):
            raise ValueError(f"{name} has {len(values)} numbers, but x has {len(places)}")
        if not 1 <= smooth <= len(values):
            raise ValueError(f"{name} has {len(values)} numbers, which smooth={smooth} cannot take")
        means = np.convolve(values, np.ones(smooth) / smooth, mode="valid")
        _line(ax, places[smooth - 1 : len(values)], means, name, look)
    for (name, level), dashes in zip((levels or {}).items(), cycle(ACROSS), strict=False):
        label = f"{name} {level:.2f}"
        ax.axhline(level, color=BLACK, linestyle=dashes, linewidth=1.2, label=label)
    for axis in log:
        ax.set(**{f"{axis}scale": "log"})
    if ticks is not None:
        ax.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
        ax.set_xticks([], minor=True)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    if len(series) + len(levels or {}) > 1:
        ax.legend(frameon=False, fontsize=9)
    ax.grid(axis="y", color=QUIET, alpha=0.15)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _line(ax: Axes, x: np.ndarray, y: np.ndarray, name: str, look: Any) -> None:
    """One series, and a cross where it begins or stops being numbers."""
    color, dashes, mark = look
    y = np.where(np.isfinite(y), y, np.nan)
    mark = mark if len(y) <= MARKED else ""
    ax.plot(x, y, color=color, linestyle=dashes, marker=mark, markersize=4, label=name)
    drawn = np.flatnonzero(np.isfinite(y))
    ends = [(drawn[0], 0), (drawn[-1], len(y) - 1)] if len(drawn) else []
    for end in (end for end, whole in ends if end != whole):
        ax.plot(x[end], y[end], "x", color=color, markersize=11, markeredgewidth=3)
