"""The heads of a model: which of them share keys and values."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minillama.plots.colors import BLUE, INK, ORANGE, QUIET


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
