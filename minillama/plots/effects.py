"""Effects of a change, measured several times, with their interval."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from minillama.plots.colors import BLUE, INK, QUIET
from minillama.plots.text import as_array, number


def intervals(
    samples: Mapping[str, Sequence[float] | Float[Tensor | np.ndarray, " samples"]],
    half_widths: Mapping[str, float],
    *,
    label: str,
    ax: Axes | None = None,
) -> Axes:
    """Samples by name as dots, and their mean with an interval, against a line at zero.

    half_widths: by the same names, how far an interval reaches to both sides of its mean; one that
    does not cover zero is drawn strong. label: what the samples are, with their unit.
    Raises ValueError where the names are not the same.
    """
    if samples.keys() != half_widths.keys():
        raise ValueError(f"samples of {list(samples)}, but intervals of {list(half_widths)}")
    if ax is None:
        size = (7, 0.55 * len(samples) + 1.1)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    ax.axvline(0, color=INK, linewidth=1, linestyle=":")
    for row, (name, values) in enumerate(samples.items()):
        points = as_array(np.asarray(values))
        mean, half = points.mean(), half_widths[name]
        color = BLUE if abs(mean) > half else QUIET
        ax.plot(points, np.full(len(points), row + 0.22), "o", color=color, markersize=3, alpha=0.6)
        ax.errorbar(
            mean, row, xerr=half, fmt="s", color=color, capsize=5, markersize=6, linewidth=2
        )
        words = f"{number(mean, '+.3f')} ± {half:.3f}"
        ax.annotate(
            words, (mean, row), (0, 7), textcoords="offset points", ha="center", va="bottom",
            fontsize=9, color=color,
        )  # fmt: skip
    ax.set_yticks(range(len(samples)), list(samples))
    ax.set_ylim(len(samples) - 0.5, -0.65)
    ax.set_xlabel(label)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
