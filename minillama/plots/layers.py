"""What happens from layer to layer: sizes of vectors, several lines with names, components."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from minillama.plots.colors import BLACK, BLUE, GREEN, ORANGE, PURPLE, QUIET, SKY, VERMILION
from minillama.plots.text import as_array

Number = float | int

# Told apart by colour, and in grey by their dashes and marks.
STYLES = (
    (BLUE, "-", "o"),
    (VERMILION, "--", "s"),
    (GREEN, "-.", "^"),
    (ORANGE, (0, (5, 1, 1, 1, 1, 1)), "D"),
    (PURPLE, ":", "v"),
)
MARKED = 12  # a line of at most so many points has a mark at each


def stream_sizes(
    sizes: Float[Tensor | np.ndarray, "layers positions"],
    first: str = "first position",
    *,
    ax: Axes | None = None,
) -> Axes:
    """How large the vector at each position is after 0, 1, 2, ... blocks, on a logarithmic scale.

    sizes: one row for the embedding and one after each block, all above zero. The first position
    (`first` is its name) stands out, and the median of the others.
    """
    values = as_array(sizes)
    if ax is None:
        ax = plt.subplots(figsize=(7, 3.6), layout="constrained")[1]
    blocks = np.arange(len(values))
    if values.shape[1] > 1:
        ax.plot(blocks, values[:, 1:], color=SKY, linewidth=0.5, alpha=0.5)
        median = np.median(values[:, 1:], axis=1)
        ax.plot([], color=SKY, linewidth=1, label="every other position")
        ax.plot(blocks, median, "o-", color=BLUE, linewidth=2, label="their median")
    ax.plot(blocks, values[:, 0], "s--", color=VERMILION, linewidth=2, label=first)
    ax.set(yscale="log", xlabel="blocks passed", ylabel="root mean square of the vector")
    ax.set_xticks(blocks)
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def named_lines(
    lines: Mapping[str, Sequence[Number] | np.ndarray | Tensor],
    x: Sequence[Number] | np.ndarray | None = None,
    *,
    xlabel: str,
    ylabel: str,
    log: str = "",
    levels: Mapping[str, Number] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Several lines over the same x, told apart by colour, dashes and marks.

    x: None counts from 0, and a line may be shorter than x. log: "x", "y" or "xy". levels: values
    that lines are held against, such as a floor, each with its name. Where a line is no longer
    finite it ends, with a large ×.

    Raises ValueError for a line of more points than x has.
    """
    if ax is None:
        ax = plt.subplots(figsize=(7, 3.6), layout="constrained")[1]
    for (name, line), (color, dashes, mark) in zip(lines.items(), cycle(STYLES), strict=False):
        y = as_array(line if isinstance(line, Tensor) else np.asarray(line, dtype=np.float64))
        places = np.arange(len(y)) if x is None else np.asarray(x, dtype=np.float64)
        if len(y) > len(places):
            raise ValueError(f"{name!r} has {len(y)} points, but x only {len(places)}")
        places = places[: len(y)]
        y = np.where(np.isfinite(y), y, np.nan)
        ax.plot(
            places,
            y,
            color=color,
            linestyle=dashes,
            marker=mark if len(y) <= MARKED else "",
            markersize=5,
            label=name,
        )
        drawn = np.flatnonzero(np.isfinite(y))
        if len(drawn) and drawn[-1] < len(y) - 1:
            end = drawn[-1]
            ax.plot(places[end], y[end], "x", color=color, markersize=11, markeredgewidth=3)
    for (name, level), dashes in zip((levels or {}).items(), cycle((":", "--")), strict=False):
        label = f"{name} {level:.2f}"
        ax.axhline(level, color=BLACK, linestyle=dashes, linewidth=1.2, label=label)
    for axis in log:
        getattr(ax, f"set_{axis}scale")("log")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def component_bars(
    vectors: Mapping[str, Float[Tensor | np.ndarray, " dim"]], *, limit: Number | None = None
) -> Figure:
    """Vectors side by side, a bar for each component; titles give mean and root mean square.

    limit: the vertical axes run from -limit to limit; None fits each vector by itself.
    """
    figure, axes = plt.subplots(
        1, len(vectors), figsize=(3.1 * len(vectors), 2.7), squeeze=False, layout="constrained"
    )
    for ax, (name, vector), (color, *_) in zip(
        axes.flat, vectors.items(), cycle(STYLES), strict=False
    ):
        values = as_array(vector)
        ax.bar(range(len(values)), values, color=color)
        ax.axhline(0, color=BLACK, linewidth=0.8)
        ax.axhline(values.mean(), color=QUIET, linestyle=":", linewidth=1.5)
        size = np.sqrt(np.mean(values**2))
        ax.set_title(f"{name}\nmean {values.mean():.2f}, RMS {size:.2f}", fontsize=10)
        top = limit or 1.15 * max(np.abs(values).max(), 1e-9)
        ax.set(xlabel="component", ylim=(-top, top))
        ax.set_xticks(range(len(values)))
        ax.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("value (dotted: the mean)")
    return figure
