"""Sampling: the nucleus of a distribution, quality against diversity, numbers beside a spread."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from minillama.plots.colors import BLUE, FAINT, INK, ORANGE, QUIET, VERMILION
from minillama.plots.lines import LOOKS, Numbers
from minillama.plots.text import as_array, drawable, fonts


def nucleus(
    probabilities: Float[Tensor | np.ndarray, " tokens"],
    tokens: Sequence[str],
    top_p: float | int,
    *,
    top: int = 60,
    top_k: int = 0,
    named: int = 3,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The likeliest tokens by rank with their running sum, blue up to the one that reaches `top_p`.

    top: how many ranks to draw. top_k: where a line marks what top-k would keep, 0 for none.
    named: how many of the likeliest are named in a line of words.
    Raises ValueError for tokens that are not as many as the probabilities.
    """
    values = as_array(probabilities)
    if len(tokens) != len(values):
        raise ValueError(f"there are {len(tokens)} tokens, but {len(values)} probabilities")
    order = np.argsort(-values, kind="stable")
    sums = values[order].cumsum()
    size = int(np.searchsorted(sums, top_p)) + 1 if top_p < 1 else len(values)
    if ax is None:
        ax = plt.subplots(figsize=(4.5, 3.2), layout="constrained")[1]
    ranks = np.arange(1, min(top, len(values)) + 1)
    shown = order[: len(ranks)]
    colors = [BLUE if rank <= size else FAINT for rank in ranks]
    ax.bar(ranks, values[shown], width=0.85, color=colors)
    ax.plot(ranks, sums[: len(ranks)], color=ORANGE, linewidth=2)
    ax.axhline(top_p, color=INK, linestyle="--", linewidth=1)
    last = ranks[-1] + 0.5
    ax.text(last, top_p - 0.015, f"top-p {top_p:g}", ha="right", va="top", fontsize=8.5)
    ax.text(last, 1.02, "running sum", ha="right", va="bottom", fontsize=8.5, color=ORANGE)
    if top_k:
        ax.axvline(top_k + 0.5, color=VERMILION, linestyle=":", linewidth=1.5)
        ax.text(top_k + 1.2, 0.5, f"top-k {top_k}", color=VERMILION, fontsize=8.5)
    words = ", ".join(drawable(tokens[i]).strip("·") for i in order[:named])
    ax.set_title(f"{title or ''}\n{words}, …".strip(), fontsize=9.5, family=fonts())
    ax.set(xlim=(0, last + 0.5), ylim=(0, 1.1), ylabel="probability")
    ax.set_xlabel(f"tokens, the likeliest first\ntop-p keeps {size:,} of {len(values):,} (blue)")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def trade_off(
    curves: Mapping[str, Mapping[str, Sequence[Numbers]]],
    goal: tuple[str, Sequence[Numbers]],
    *,
    xlabel: str,
    ylabel: str,
    ax: Axes | None = None,
) -> Axes:
    """Two measures of texts against each other: a curve for each knob, a point for each setting.

    curves: for each knob, by the setting's name, the texts' numbers across and up; what is drawn
    is their means, with a standard error to both sides. goal: a name, and such numbers of what
    the texts should be like.
    """
    if ax is None:
        ax = plt.subplots(figsize=(7.5, 4.6), layout="constrained")[1]
    for (knob, settings), (color, line, mark) in zip(curves.items(), cycle(LOOKS), strict=False):
        places = np.array([_mean_and_error(numbers) for numbers in settings.values()])
        (x, y), (dx, dy) = places[..., 0].T, places[..., 1].T
        looks = {"color": color, "marker": mark, "linestyle": line, "markersize": 6}
        ax.errorbar(x, y, dy, dx, elinewidth=0.8, linewidth=1.8, label=knob, **looks)
        for setting, place in zip(settings, zip(x, y, strict=True), strict=True):
            offset = {"xytext": (-6, -5), "textcoords": "offset points"}
            ax.annotate(setting, place, ha="right", va="top", fontsize=8.5, color=color, **offset)
    name, numbers = goal
    (x, dx), (y, dy) = _mean_and_error(numbers)
    ax.errorbar([x], [y], [dy], [dx], color=INK, elinewidth=0.8)
    ax.plot([x], [y], marker="*", markersize=16, color=INK, linestyle="none", label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(frameon=False, fontsize=9)
    ax.grid(color=QUIET, alpha=0.15)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _mean_and_error(measures: Sequence[Numbers]) -> list[tuple[float, float]]:
    """The mean of each measure, and its standard error."""
    arrays = [as_array(numbers) for numbers in measures]
    return [(a.mean(), a.std(ddof=1) / len(a) ** 0.5) for a in arrays]


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

    label: what the numbers are, with their unit. what: whose numbers the
    histogram counts.
    """
    numbers = as_array(values)
    if ax is None:
        ax = plt.subplots(figsize=(7, 3), layout="constrained")[1]
    everything = np.array([*numbers, *marks.values()])
    edges = np.linspace(everything.min(), everything.max(), bins + 1)
    ax.hist(numbers, edges.tolist(), color=FAINT, edgecolor=QUIET, linewidth=0.5, label=what)
    for (name, mark), (color, line, _) in zip(marks.items(), cycle(LOOKS), strict=False):
        ax.axvline(mark, color=color, linestyle=line, linewidth=2)
        top = ax.get_xaxis_transform()
        words = f"{name} {mark:.2f}"
        ax.text(mark, 1.02, words, color=color, transform=top, ha="center", fontsize=9)
    ax.set(xlabel=label, ylabel=f"how many ({what}, gray)")
    ax.spines[["top", "right"]].set_visible(False)
    return ax
