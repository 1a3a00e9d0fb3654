"""Shares of a whole, and broken parts side by side: horizontal bars."""

from collections.abc import Mapping

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

SMALLEST = 0.04  # a share below has no room for its number
COLORS = (SKY, ORANGE, GREEN, YELLOW, PURPLE, BLUE, VERMILION)


def stacked_shares(
    rows: Mapping[str, Mapping[str, float | int]], *, ax: Axes | None = None
) -> Axes:
    """What each row consists of, in percent: a bar for each row, a colour for each part.

    Raises ValueError for more parts than there are colours, or a row that sums to nothing.
    """
    names = list(dict.fromkeys(name for parts in rows.values() for name in parts))
    if len(names) > len(COLORS):
        raise ValueError(f"{len(names)} parts are too many for {len(COLORS)} colours")
    if empty := [row for row, parts in rows.items() if not sum(parts.values()) > 0]:
        raise ValueError(f"{empty[0]!r} has no parts to show")
    if ax is None:
        size = (8, 0.42 * len(rows) + 1.1)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    places, ends = np.arange(len(rows)), np.zeros(len(rows))
    for name, color in zip(names, COLORS, strict=False):
        shares = np.array([parts.get(name, 0) / sum(parts.values()) for parts in rows.values()])
        bars = ax.barh(places, 100 * shares, 0.75, left=ends, color=color, label=name)
        labels = [f"{share:.0%}" if share >= SMALLEST else "" for share in shares]
        ax.bar_label(bars, labels, label_type="center", fontsize=9, color=ink_on(color))
        ends += 100 * shares
    ax.set_yticks(places, list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(0, 100)
    ax.set_xlabel("share (%)")
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names))
    return ax


def loss_bars(
    losses: Mapping[str, float], *, floor: float | None = None, ax: Axes | None = None
) -> Axes:
    """A loss in nats per token for each name, with its number; the floor dotted, if it is known.

    A loss that is no number gets the word "nan" in place of a bar.
    """
    if ax is None:
        size = (7, 0.36 * len(losses) + 0.8)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    numbers = np.array([*losses.values()], dtype=float)
    bars = ax.barh(list(losses), np.nan_to_num(numbers), color=BLUE)
    labels = [f"{number:.2f}" for number in numbers]
    ax.bar_label(bars, labels, padding=3, fontsize=9, color=INK)
    if floor is not None:
        ax.axvline(floor, color=INK, linestyle=":")
        ax.text(
            floor, -0.5, f"floor {floor:.2f}", ha="center", va="bottom", fontsize=8, color=QUIET
        )
    ax.set_xlabel("loss (nats per token)")
    ax.set_xlim(0, 1.12 * np.nanmax(numbers))
    ax.set_ylim(len(losses) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
