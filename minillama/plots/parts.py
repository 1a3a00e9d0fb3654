"""Horizontal bars: shares of a whole, memory and what fills it, losses side by side."""

from collections.abc import Callable, Collection, Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from minillama.plots.colors import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    QUIET,
    SKY,
    VERMILION,
    YELLOW,
    ink_on,
)

GB = 1e9
SMALLEST = 4  # a share in percent; a smaller one has no room for its number
COLORS = (SKY, ORANGE, GREEN, YELLOW, PURPLE, BLUE, VERMILION)


def stacked_shares(
    rows: Mapping[str, Mapping[str, float | int]], *, ax: Axes | None = None
) -> Axes:
    """What each row consists of, in percent: a bar for each row, a colour for each part.

    Raises ValueError for more parts than there are colours, or a row that sums to nothing.
    """
    if empty := [row for row, parts in rows.items() if not sum(parts.values()) > 0]:
        raise ValueError(f"{empty[0]!r} has no parts to show")
    shares = {
        row: {name: 100 * part / sum(parts.values()) for name, part in parts.items()}
        for row, parts in rows.items()
    }
    ax = _stacked(shares, lambda share: f"{share:.0f}%" if share >= SMALLEST else "", ax)
    ax.set_xlim(0, 100)
    ax.set_xlabel("share (%)")
    ax.spines["left"].set_visible(False)
    return ax


def memory_bars(
    rows: Mapping[str, Mapping[str, float]],
    limits: Mapping[str, float] | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Bytes by what they hold ("weights", "cache"), a stacked bar in GB for each row.

    limits: memories of machines in bytes, each drawn as a line with its name. A GB is 10⁹ bytes.
    Raises ValueError for more parts than there are colours.
    """
    sizes = {row: {name: part / GB for name, part in parts.items()} for row, parts in rows.items()}
    if ax is None:  # with room for the legend, which stands below where limits have their names
        size = (7.5, 0.45 * len(rows) + 1.4)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    ax = _stacked(sizes, None, ax)
    ends = [sum(parts.values()) for parts in sizes.values()]
    for place, end in enumerate(ends):
        text = ax.annotate(
            f"{end:.3g} GB", (end, place), (5, 0), textcoords="offset points", va="center",
            fontsize=9, color=INK,
        )  # fmt: skip
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})  # no line through it
    for name, limit in (limits or {}).items():
        ends.append(limit / GB)
        ax.axvline(ends[-1], color=QUIET, linestyle=":", linewidth=1)
        ax.text(ends[-1], -0.55, name, ha="center", va="bottom", fontsize=8, color=QUIET)
    ax.set_xlim(0, 1.15 * max(ends))
    ax.set_xlabel("memory (GB)")
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=9)
    return ax


def loss_bars(
    losses: Mapping[str, float],
    *,
    floor: float | None = None,
    digits: int = 2,
    marked: Collection[str] = (),
    ax: Axes | None = None,
) -> Axes:
    """A loss in nats per token for each name, with its number; the floor dotted, if it is known.

    digits: how many of each number stand after the point; marked: names whose bars are vermilion
    and not blue. A loss that is no number gets the word "nan" in place of a bar.
    """
    if ax is None:
        size = (7, 0.36 * len(losses) + 0.8)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    numbers = np.array([*losses.values()], dtype=float)
    colors = [VERMILION if name in marked else BLUE for name in losses]
    bars = ax.barh(list(losses), np.nan_to_num(numbers), color=colors)
    labels = [f"{number:.{digits}f}" for number in numbers]
    ax.bar_label(bars, labels, padding=3, fontsize=9, color=INK)
    if floor is not None:
        ax.axvline(floor, color=INK, linestyle=":")
        ax.text(
            floor,
            -0.5,
            f"floor {floor:.{digits}f}",
            ha="center",
            va="bottom",
            fontsize=8,
            color=QUIET,
        )
    ax.set_xlabel("loss (nats per token)")
    ax.set_xlim(0, 1.12 * np.nanmax(numbers))
    ax.set_ylim(len(losses) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _stacked(
    rows: Mapping[str, Mapping[str, float | int]],
    words: Callable[[float], str] | None,
    ax: Axes | None,
) -> Axes:
    """Horizontal bars, one a row from the top; each part has a colour, and words on it."""
    names = list(dict.fromkeys(name for parts in rows.values() for name in parts))
    if len(names) > len(COLORS):
        raise ValueError(f"{len(names)} parts are too many for {len(COLORS)} colours")
    if ax is None:
        size = (8, 0.42 * len(rows) + 1.1)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    places, ends = np.arange(len(rows)), np.zeros(len(rows))
    for name, color in zip(names, COLORS, strict=False):
        lengths = np.array([float(parts.get(name, 0)) for parts in rows.values()])
        bars = ax.barh(places, lengths, 0.75, left=ends, color=color, label=name)
        if words is not None:
            labels = [words(length) for length in lengths]
            ax.bar_label(bars, labels, label_type="center", fontsize=9, color=ink_on(color))
        ends += lengths
    ax.set_yticks(places, list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names))
    return ax
