"""Sampling: the nucleus of a distribution, a grid of measurements, and numbers beside a spread."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from minillama.plots.colors import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    QUIET,
    SHADES,
    VERMILION,
    ink_on,
)
from minillama.plots.text import as_array, drawable, fonts


def nucleus(
    probabilities: Float[Tensor | np.ndarray, " tokens"],
    tokens: Sequence[str],
    top_p: float | int,
    *,
    top: int = 12,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The likeliest tokens with their running sum, coloured up to the one that reaches `top_p`.

    Raises ValueError for tokens that are not as many as the probabilities.
    """
    values = as_array(probabilities)
    if len(tokens) != len(values):
        raise ValueError(f"there are {len(tokens)} tokens, but {len(values)} probabilities")
    order = np.argsort(-values, kind="stable")
    sums = values[order].cumsum()
    size = int(np.searchsorted(sums, top_p)) + 1 if top_p < 1 else len(values)
    if ax is None:
        ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")[1]
    shown = min(top, len(values))
    places = np.arange(shown)
    colors = [BLUE if rank < size else FAINT for rank in places]
    ax.bar(places, values[order[:shown]], color=colors)
    ax.plot(places, sums[:shown], "o-", color=ORANGE, markersize=4, label="running sum")
    ax.axhline(top_p, color=INK, linestyle="--", linewidth=1, label=f"top_p = {top_p:g}")
    names = [drawable(tokens[i]) for i in order[:shown]]
    ax.set_xticks(places, names, rotation=60, ha="right", fontsize=8, family=fonts())
    ax.set(ylim=(0, 1.05), ylabel="probability", title=title or "")
    ax.set_xlabel(f"the likeliest tokens\n{size:,} of {len(values):,} are kept (blue)")
    ax.legend(frameon=False, loc="center right", fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def number_grid(
    values: Float[Tensor | np.ndarray, "rows columns"],
    rows: Sequence[object],
    columns: Sequence[object],
    *,
    axes: tuple[str, str],
    title: str = "",
    marked: Bool[Tensor | np.ndarray, "rows columns"] | None = None,
    limits: tuple[float | int, float | int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A table of numbers as a map: the larger, the darker, each written into its cell.

    axes: what the rows and the columns are. marked: cells that get a frame. limits: the numbers at
    the light and the dark end; None takes the smallest and the largest.

    Raises ValueError for names that are not as many as the rows and columns.
    """
    numbers = as_array(values)
    if numbers.shape != (len(rows), len(columns)):
        raise ValueError(
            f"there are {len(rows)} × {len(columns)} names, but {numbers.shape} numbers"
        )
    low, high = (numbers.min(), numbers.max()) if limits is None else limits
    if ax is None:
        size = (0.75 * len(columns) + 1.3, 0.5 * len(rows) + 1.1)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    shares = (numbers - low) / max(high - low, 1e-9)
    ax.imshow(shares, cmap=SHADES, vmin=0, vmax=1, aspect="auto")
    for (row, column), number in np.ndenumerate(numbers):
        ink = ink_on(SHADES(float(np.clip(shares[row, column], 0, 1)))[:3])
        ax.text(column, row, f"{number:.2f}", ha="center", va="center", color=ink, fontsize=9)
        if marked is not None and bool(marked[row, column]):
            frame = Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, fill=False)
            frame.set(edgecolor=VERMILION, linewidth=2.5)
            ax.add_patch(frame)
    ax.set_yticks(range(len(rows)), [str(name) for name in rows])
    ax.set_xticks(range(len(columns)), [str(name) for name in columns])
    ax.set(ylabel=axes[0], xlabel=axes[1], title=title)
    ax.tick_params(length=0)
    ax.spines[:].set_color(FAINT)
    return ax


def spread(
    values: Float[Tensor | np.ndarray, " n"],
    marks: Mapping[str, float | int],
    *,
    label: str,
    what: str = "values",
    bins: int = 30,
    ax: Axes | None = None,
) -> Axes:
    """How numbers spread, as a histogram, and where a few others fall, as upright lines.

    label: what the numbers are, with their unit. what: the histogram's name in the legend.
    """
    numbers = as_array(values)
    if ax is None:
        ax = plt.subplots(figsize=(7, 3), layout="constrained")[1]
    everything = np.array([*numbers, *marks.values()])
    edges = np.linspace(everything.min(), everything.max(), bins + 1)
    ax.hist(numbers, edges.tolist(), color=FAINT, edgecolor=QUIET, linewidth=0.5, label=what)
    styles = zip((VERMILION, BLUE, GREEN, PURPLE, INK), ("-", "--", "-.", ":", "-"), strict=True)
    for (name, mark), (color, line) in zip(marks.items(), styles, strict=False):
        text = f"{name}: {mark:.2f}"
        ax.axvline(mark, color=color, linestyle=line, linewidth=2, label=text)
    ax.set(xlabel=label, ylabel="how many")
    ax.legend(frameon=False, fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
