"""A distribution over tokens as bars, the likeliest first."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from minillama.plots.colors import BLUE, ORANGE
from minillama.plots.text import as_array, drawable, fonts


def distribution_bars(
    probabilities: Float[Tensor | np.ndarray, " tokens"],
    tokens: Sequence[str],
    *,
    top: int = 12,
    other: Float[Tensor | np.ndarray, " tokens"] | None = None,
    labels: tuple[str, str] = ("", ""),
    ax: Axes | None = None,
) -> Axes:
    """The `top` likeliest tokens of a distribution, as bars with their probabilities.

    other: a second distribution over the same tokens, drawn beside it for comparison; labels: what
    the two are. What is left over is summed up in the axis label, and for two distributions in a
    last pair of bars.

    Raises ValueError for tokens that are not as many as the probabilities.
    """
    values = as_array(probabilities)
    if len(tokens) != len(values):
        raise ValueError(f"there are {len(tokens)} tokens, but {len(values)} probabilities")
    likeliest = np.argsort(-values, kind="stable")[:top]
    if ax is None:
        size = (6.5, 0.3 * (len(likeliest) + (other is not None)) + 0.9)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    rest = len(values) - len(likeliest)
    names = [drawable(tokens[i]) for i in likeliest]
    series = [(values[likeliest], BLUE, labels[0])]
    if other is not None:
        second = as_array(other)
        series.append((second[likeliest], ORANGE, labels[1]))
        if rest:
            names.append(f"all {rest:,} others")
            series = [
                (np.append(shown, max(0, whole.sum() - shown.sum())), color, label)
                for (shown, color, label), whole in zip(series, (values, second), strict=True)
            ]
    height = 0.8 / len(series)
    for i, (numbers, color, label) in enumerate(series):
        places = np.arange(len(names)) + (i - (len(series) - 1) / 2) * height
        bars = ax.barh(places, numbers, height, color=color, label=label)
        amounts = [f"{p:.3f}" if p >= 5e-4 or p == 0 else "<0.001" for p in numbers]
        ax.bar_label(bars, amounts, padding=3, fontsize=8)
    ax.set_yticks(range(len(names)), names, family=fonts())
    ax.invert_yaxis()
    ax.set_xlim(0, 1.12 * max(numbers.max() for numbers, _, _ in series))
    ax.set_xlabel(
        f"probability (the other {rest:,} tokens: {1 - values[likeliest].sum():.3f})"
        if rest and other is None
        else "probability"
    )
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right"]].set_visible(False)
    if any(labels):
        ax.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.45, 1))
    return ax
