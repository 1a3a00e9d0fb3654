"""Sampling: the nucleus of a distribution, quality against diversity, numbers beside a spread."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from minillama.plots.colors import BLUE, FAINT, INK, ORANGE, QUIET, VERMILION
from minillama.plots.lines import LOOKS, Numbers
from minillama.plots.text import as_array, drawable, fonts

# On which side of its points the names of a curve stand, and how far away.
SIDES = (("left", 8, 5), ("right", -8, -7), ("center", 0, -12), ("center", 0, 13))


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
    named: how many of the likeliest are named above, if they have a hundredth or more.
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
        ax.text(top_k + 1.2, 0.25, f"top-k {top_k}", color=VERMILION, fontsize=8.5)
    known = [drawable(tokens[i]).strip("·") for i in order[:named] if values[i] >= 0.01]
    words = ", ".join(known) + ", …" * (size > len(known))
    ax.set_title(f"{title or ''}\n{words}".strip(), fontsize=9.5, family=fonts())
    ax.set(xlim=(0, last + 0.5), ylim=(0, 1.1), ylabel="probability")
    ax.set_xlabel(f"tokens, the likeliest first\ntop-p keeps {size:,} of {len(values):,} (blue)")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def nuclei(
    distributions: Mapping[str, Float[Tensor | np.ndarray, " tokens"]],
    tokens: Sequence[str],
    top_p: float | int,
    **how: Any,
) -> Figure:
    """The nucleus of several distributions beside each other, by name. how: as for `nucleus`."""
    size = (3.4 * len(distributions), 3.6)
    figure, axes = plt.subplots(1, len(distributions), figsize=size, layout="constrained")
    for ax, (title, probabilities) in zip(np.ravel(axes), distributions.items(), strict=True):
        nucleus(probabilities, tokens, top_p, title=title, ax=ax, **how)
    return figure


def trade_off(
    curves: Sequence[Mapping[str, Sequence[Numbers]]],
    goal: tuple[str, Sequence[Numbers]],
    *,
    xlabel: str = "diversity: fraction of 3-token sequences that no other text has",
    ylabel: str = "quality: fraction without a mistake",
    ax: Axes | None = None,
) -> Axes:
    """Two measures of texts against each other: a curve for each knob, a point for each setting.

    curves: for each knob, by the setting's name, the texts' numbers across and up. What is drawn
    is their means, with a standard error to both sides; a setting that several knobs share is
    named once. goal: a name, and such numbers of what the texts should be like.
    """
    if ax is None:
        ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")[1]
    named = set[str]()
    for settings, (color, line, mark), (side, x0, y0) in zip(
        curves, cycle(LOOKS), cycle(SIDES), strict=False
    ):
        places = np.array([_mean_and_error(numbers) for numbers in settings.values()])
        (x, y), (dx, dy) = places[..., 0].T, places[..., 1].T
        looks = {"color": color, "marker": mark, "linestyle": line, "markersize": 6}
        ax.errorbar(x, y, dy, dx, elinewidth=0.6, linewidth=1.8, **looks)
        for name, place in zip(settings, zip(x, y, strict=True), strict=True):
            shared = all(name in other for other in curves)
            if name not in named:
                ax.annotate(
                    name, place, (-9, -9) if shared else (x0, y0), textcoords="offset points",
                    ha="right" if shared else side, va="center", fontsize=9,
                    color=INK if shared else color,
                )  # fmt: skip
            named.add(name)
    name, numbers = goal
    (x, dx), (y, dy) = _mean_and_error(numbers)
    ax.errorbar([x], [y], [dy], [dx], color=INK, elinewidth=0.6)
    ax.plot([x], [y], marker="*", markersize=17, color=INK, linestyle="none")
    ax.annotate(
        name, (x, y), (0, 25), textcoords="offset points", ha="center", va="center", fontsize=9,
        weight="bold", color=INK,
    )  # fmt: skip
    ax.margins(0.09, 0.16)
    ax.set(xlabel=xlabel, ylabel=ylabel)
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
