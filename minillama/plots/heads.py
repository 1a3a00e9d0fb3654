"""The heads of a model: which of them share keys, and a number or a name for each."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from minillama.plots.colors import BLUE, FAINT, INK, ORANGE, QUIET, SHADES, ink_on
from minillama.plots.text import as_array


def head_groups(
    n_heads: int, n_kv_heads: Sequence[int], *, titles: Sequence[str] | None = None
) -> Figure:
    """Which key-value head each query head uses, for several numbers of them side by side.

    Query heads stand above, key-value heads below. titles: one for each number; None says what
    it is called.

    Raises ValueError if the query heads cannot be shared out evenly, or titles are not as many.
    """
    if titles is None:
        titles = [f"{_kind(n_heads, n)}: {n} of keys and values" for n in n_kv_heads]
    if len(titles) != len(n_kv_heads):
        raise ValueError(f"there are {len(titles)} titles, but {len(n_kv_heads)} drawings")
    width = 0.33 * n_heads + 0.3
    figure, axes = plt.subplots(
        1,
        len(n_kv_heads),
        figsize=(width * len(n_kv_heads) + 0.9, 1.9),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for ax, n, title in zip(axes.flat, n_kv_heads, titles, strict=True):
        _wires(ax, n_heads, n)
        ax.set_title(title, fontsize=9)
    return figure


def _kind(n_heads: int, n_kv_heads: int) -> str:
    return "MHA" if n_kv_heads == n_heads else "MQA" if n_kv_heads == 1 else "GQA"


def _wires(ax: Axes, n_heads: int, n_kv_heads: int) -> None:
    if n_kv_heads < 1 or n_heads % n_kv_heads:
        raise ValueError(f"{n_heads} query heads cannot share {n_kv_heads} key-value heads evenly")
    group = n_heads // n_kv_heads
    for head in range(n_heads):
        shared = (head // group + 0.5) * group - 0.5  # below the middle of its group
        ax.plot([head, shared], [1, 0], color=QUIET, linewidth=1.2, zorder=1)
        ax.scatter(head, 1, s=170, color=BLUE, zorder=2)
        ax.text(head, 1, str(head), color="white", ha="center", va="center", fontsize=8)
    for head in range(n_kv_heads):
        place = (head + 0.5) * group - 0.5
        ax.scatter(place, 0, s=190, marker="s", color=ORANGE, zorder=2)
        ax.text(place, 0, str(head), color=INK, ha="center", va="center", fontsize=8)
    ax.set(xlim=(-0.8, n_heads - 0.2), ylim=(-0.4, 1.4))
    ax.set_xticks([])
    ax.set_yticks([0, 1], ["keys,\nvalues", "queries"])
    ax.tick_params(length=0, labelsize=9)
    ax.spines[:].set_visible(False)


def head_table(
    values: Float[Tensor | np.ndarray, "layers heads"],
    names: Sequence[Sequence[str]] | None = None,
    *,
    unit: str,
    title: str | None = None,
    most: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A cell for every head, layers down and heads across, darker for more, with its number.

    names: a word for each head, that stands above its number; most: what is darkest (None: the
    largest). Numbers below zero are as light as zero.

    Raises ValueError for names that are not as many as the values.
    """
    numbers = as_array(values)
    layers, heads = numbers.shape
    if names is not None and [len(row) for row in names] != [heads] * layers:
        raise ValueError(f"names must be {layers} rows of {heads}")
    if ax is None:
        size = (0.85 * heads + 1.6, 0.55 * layers + 1.1)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    norm = Normalize(0, most or max(float(numbers.max()), 1e-9), clip=True)
    image = ax.imshow(numbers, cmap=SHADES, norm=norm, aspect="auto")
    for (layer, head), number in np.ndenumerate(numbers):
        ink = ink_on(SHADES(norm(number))[:3])
        text = f"{number:.2f}".replace("-0.00", "0.00")
        text = f"{names[layer][head]}\n{text}".strip() if names is not None else text
        ax.text(head, layer, text, ha="center", va="center", color=ink, fontsize=8)
    ax.set_xticks(range(heads))
    ax.set_yticks(range(layers))
    ax.set_xticks(np.arange(1, heads) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, layers) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_color(FAINT)
    ax.set(xlabel="head", ylabel="layer", title=title or "")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, aspect=22, pad=0.02)
    bar.set_label(unit, color=INK, fontsize=9)
    bar.ax.tick_params(labelsize=8, color=QUIET)
    bar.outline.set_edgecolor(FAINT)
    return ax
