"""What happens from layer to layer: sizes of vectors, and their components."""

from collections.abc import Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from minillama.plots.colors import BLACK, BLUE, QUIET, SKY, VERMILION
from minillama.plots.lines import LOOKS, Numbers, line_chart
from minillama.plots.text import as_array

Number = float | int


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


def sizes_by_depth(
    signals: Mapping[str, Numbers],
    gradients: Mapping[str, Numbers],
    *,
    limits: tuple[Number, Number],
) -> Figure:
    """Sizes after 0, 1, 2, ... blocks of several models, on logarithmic axes with these limits.

    signals: the size of what passes through, by the model's name; gradients: that of the gradient
    on its way back. A line ends in a cross where the numbers are no longer finite.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), sharey=True, layout="constrained")
    for ax, title, lines in zip(
        axes, ("signal, forward →", "← gradient, backward"), (signals, gradients), strict=True
    ):
        blocks = range(len(next(iter(lines.values()))))
        line_chart(lines, blocks, xlabel="blocks passed", ylabel="", log="y", ax=ax)
        ax.set(ylim=limits, title=title)
        if gone := [name for name, line in lines.items() if not np.isfinite(line[0])]:
            words = f"not finite: {', '.join(gone)}"
            ax.text(0.98, 0.95, words, transform=ax.transAxes, ha="right", va="top", color=QUIET)
    axes[0].set_ylabel("root mean square")
    if legend := axes[1].get_legend():
        legend.remove()  # the left one says it
    return figure


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
        axes.flat, vectors.items(), cycle(LOOKS), strict=False
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
