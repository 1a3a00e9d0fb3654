"""Several runs of each kind: every run thin, their mean thick."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from minillama.plots.colors import INK
from minillama.plots.lines import LOOKS
from minillama.plots.text import as_array


def seed_curves(
    curves: Mapping[str, Float[Tensor | np.ndarray, "seeds steps"]],
    *,
    smooth: int = 1,
    steps: Float[Tensor | np.ndarray, " steps"] | None = None,
    marks: Mapping[str, float] | None = None,
    ylabel: str = "loss (nats per token)",
    ax: Axes | None = None,
) -> Axes:
    """Loss over the steps of several runs of each kind: each run thin, the mean of a kind thick.

    smooth: each point is the mean of so many steps, that one the last; steps: their numbers, if
    not 1, 2, 3, ...; marks: heights to compare with, by what they are, as dotted lines.

    Raises ValueError for more than seven kinds, or fewer steps than are smoothed over.
    """
    if len(curves) > len(LOOKS):
        raise ValueError(f"at most {len(LOOKS)} kinds can be told apart, not {len(curves)}")
    if ax is None:
        ax = plt.subplots(figsize=(7, 3.6), layout="constrained")[1]
    for (name, runs), (color, style, _) in zip(curves.items(), LOOKS, strict=False):
        values = as_array(runs)
        if values.shape[1] < smooth:
            raise ValueError(f"{name} has {values.shape[1]} steps, fewer than smooth={smooth}")
        at = np.arange(1, values.shape[1] + 1) if steps is None else as_array(steps)
        means = np.lib.stride_tricks.sliding_window_view(values, smooth, axis=1).mean(-1)
        at = at[smooth - 1 :]
        if len(means) > 1:
            ax.plot(at, means.T, color=color, linestyle=style, linewidth=0.7, alpha=0.6)
        ax.plot(at, means.mean(0), color=color, linestyle=style, linewidth=2.2, label=name)
    for name, height in (marks or {}).items():
        ax.axhline(height, color=INK, linestyle=":", linewidth=1)
        ax.annotate(
            name, (1, height), xycoords=("axes fraction", "data"), xytext=(-2, 3),
            textcoords="offset points", ha="right", va="bottom", fontsize=8, color=INK,
        )  # fmt: skip
    ax.set(xlabel="step", ylabel=ylabel)
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
