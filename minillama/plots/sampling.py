"""Sampling: the nucleus of a distribution, and numbers beside a spread."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from minillama.plots.colors import BLUE, FAINT, INK, ORANGE, QUIET
from minillama.plots.lines import LOOKS
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
    for (name, mark), (color, line, _) in zip(marks.items(), cycle(LOOKS), strict=False):
        text = f"{name}: {mark:.2f}"
        ax.axvline(mark, color=color, linestyle=line, linewidth=2, label=text)
    ax.set(xlabel=label, ylabel="how many")
    ax.legend(frameon=False, fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
