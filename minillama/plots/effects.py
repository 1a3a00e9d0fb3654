"""Effects: what a change does, to several things at once or in several runs."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from torch import Tensor

from minillama.plots.colors import BLUE, FAINT, GREEN, INK, QUIET, SHADES, VERMILION, ink_on
from minillama.plots.text import as_array, fonts


def effect_map(
    effects: Mapping[str, Sequence[float] | Float[Tensor | np.ndarray, " measures"]],
    measures: Sequence[str],
    *,
    label: str,
    top: float | None = None,
    axis_names: tuple[str, str] = ("what was changed", "what was measured"),
    ax: Axes | None = None,
) -> Axes:
    """A table of effects, one row a change and one column a measure: darker is more.

    effects: by the name of the change, a number for each of the measures; label: what the numbers
    are, with their unit. The scale runs from 0 to `top`, or else to the largest; below 0 everything
    is as light as 0, and its number says so.
    Raises ValueError for effects that are not as many as the measures.
    """
    for name, row in effects.items():
        if len(row) != len(measures):
            raise ValueError(
                f"{name} has {len(row)} effects, but there are {len(measures)} measures"
            )
    values = np.stack([as_array(np.asarray(row)) for row in effects.values()])
    if ax is None:
        size = (0.85 * values.shape[1] + 3.4, 0.42 * values.shape[0] + 1.4)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    scale = Normalize(0, top or max(values.max(), 1e-9), clip=True)
    drawn = ax.imshow(values, cmap=SHADES, norm=scale, aspect="auto")
    for (at, column), value in np.ndenumerate(values):
        ink = ink_on(SHADES(float(scale(value)))[:3])
        ax.text(column, at, number(value), ha="center", va="center", color=ink, fontsize=9)
    ax.set_xticks(range(len(measures)), measures, family=fonts())
    ax.set_yticks(range(len(effects)), list(effects), family=fonts())
    ax.set_ylabel(axis_names[0])
    ax.set_xlabel(axis_names[1])
    ax.tick_params(length=0)
    ax.spines[:].set_color(FAINT)
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.9, aspect=20, pad=0.02)
    bar.set_label(label, fontsize=9)
    bar.outline.set_edgecolor(FAINT)
    return ax


def by_layer(
    shares: Mapping[str, Sequence[float] | Float[Tensor | np.ndarray, " layers"]],
    *,
    label: str,
    ax: Axes | None = None,
) -> Axes:
    """Shares from 0 to 1, each as a line over the layers, the first of which is layer 0.

    label: what they are shares of. Raises ValueError for more than four lines.
    """
    styles = ((BLUE, "o-"), (VERMILION, "s--"), (QUIET, "^:"), (GREEN, "d-."))
    if len(shares) > len(styles):
        raise ValueError(f"at most {len(styles)} lines can be told apart, not {len(shares)}")
    if ax is None:
        ax = plt.subplots(figsize=(7, 3.2), layout="constrained")[1]
    for (name, values), (color, style) in zip(shares.items(), styles, strict=False):
        ax.plot(range(len(values)), as_array(np.asarray(values)), style, color=color, label=name)
    ax.set(xlabel="layer", ylabel=label, ylim=(0, 1))
    ax.set_xticks(range(max(map(len, shares.values()))))
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


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


def number(value: float, form: str = ".2f") -> str:
    """A number in words, without a sign where it is rounded to nothing."""
    text = f"{value:{form}}"
    return text if float(text) else text.lstrip("+-")
