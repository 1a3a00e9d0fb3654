"""Attention as a map: one row for each token that looks, one column for each it looks at."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from torch import Tensor

from minillama.plots.colors import FAINT, INK, QUIET, SHADES, VERMILION, ink_on
from minillama.plots.text import as_array, drawable, fonts

ANNOTATED = 12  # at most so many rows and columns have room for numbers


def attention_map(
    weights: Float[Tensor | np.ndarray, "time keys"],
    queries: Sequence[str],
    keys: Sequence[str] | None = None,
    *,
    mask: Bool[Tensor | np.ndarray, "time keys"] | None = None,
    framed: int | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """How much each query (down) takes from each key (across), 0 to 1; small maps have numbers.

    keys: None means that they are the queries.
    mask: True where a query may look; other cells are hatched. None takes those that are exactly
    zero and later than their query, if the queries are the last of the keys.
    framed: the number of a query whose row gets a frame.

    Raises ValueError for weights outside 0 to 1, or names that are not as many as the weights.
    """
    values = _checked(weights)
    keys = queries if keys is None else keys
    for what, names, size in (("queries", queries, len(values)), ("keys", keys, values.shape[1])):
        if len(names) != size:
            raise ValueError(f"there are {len(names)} {what}, but weights for {size}")
    if ax is None:
        cell = min(0.6, max(0.16, 5 / max(values.shape)))
        size = (cell * values.shape[1] + 2.2, cell * values.shape[0] + 1.3)
        ax = plt.subplots(figsize=(max(size[0], 3.6), max(size[1], 2.4)), layout="constrained")[1]
    may_look = _lower(values) if mask is None else as_array(mask).astype(bool)
    _draw(ax, values, may_look, _label_size(max(values.shape)))
    _name(ax, queries, keys)
    if max(values.shape) <= ANNOTATED:
        _annotate(ax, values, may_look)
    if framed is not None:
        frame = Rectangle((-0.5, framed - 0.5), values.shape[1], 1, fill=False, zorder=3)
        frame.set(edgecolor=VERMILION, linewidth=2, clip_on=False)
        ax.add_patch(frame)
    ax.set_xlabel(_keys(may_look.all()))
    ax.set_ylabel("queries: the tokens that look")
    ax.set_title(title or "")
    _colour_bar(ax.figure, ax)
    return ax


def head_grid(
    weights: Float[Tensor | np.ndarray, "heads time keys"],
    tokens: Sequence[str],
    *,
    titles: Sequence[str] | None = None,
) -> Figure:
    """The maps of several heads side by side, on one scale; of a layer or of any other choice.

    titles: one for each head; None means "head 0", "head 1", ...
    Raises ValueError for weights outside 0 to 1, or names that are not as many as the weights.
    """
    values = _checked(weights)
    heads, time, keys = values.shape
    titles = [f"head {head}" for head in range(heads)] if titles is None else titles
    if not len(tokens) == time == keys:
        raise ValueError(f"there are {len(tokens)} tokens, but weights for {time} × {keys}")
    if len(titles) != heads:
        raise ValueError(f"there are {len(titles)} titles, but {heads} heads")
    columns = min(heads, 4 if heads % 3 else 3)
    rows = -(-heads // columns)
    side = 6.3 / columns if columns > 1 else 4
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(side * columns + 1.0, (side + 0.35) * rows + 0.5),
        squeeze=False,
        sharex=True,
        sharey=True,
        layout="constrained",
    )
    size = min(8.0, 60 * side / time)  # in points: a token's row, less the space between rows
    for head, ax in enumerate(axes.flat):
        if head >= heads:
            ax.set_visible(False)
            continue
        _draw(ax, values[head], _lower(values[head]), size)
        ax.set_title(titles[head], fontsize=9)
        if size >= 4.5:
            _name(ax, tokens, tokens)
            ax.tick_params(labelbottom=head + columns >= heads, labelleft=head % columns == 0)
        else:
            ax.set_xticks([])
            ax.set_yticks([])
    figure.supxlabel(_keys(all(_lower(map_).all() for map_ in values)), fontsize=10)
    figure.supylabel("queries: the tokens that look", fontsize=10)
    _colour_bar(figure, axes)
    return figure


def _checked(weights: Tensor | np.ndarray) -> np.ndarray:
    values = as_array(weights)
    if not (values.min() >= 0 and values.max() <= 1 + 1e-3):
        low, high = values.min(), values.max()
        raise ValueError(f"weights must lie between 0 and 1, but these run from {low} to {high}")
    return values


def _lower(values: np.ndarray) -> np.ndarray:
    """True where a query may look, as far as one can tell: not later, or a weight above zero."""
    time, keys = values.shape
    return np.tri(time, keys, keys - time, dtype=bool) | (values > 0) | (keys < time)


def _draw(ax: Axes, values: np.ndarray, may_look: np.ndarray, label_size: float) -> None:
    time, keys = values.shape
    # What may not be looked at is hatched, and not white, which is a weight of nothing: a sheet
    # behind the map, which has holes there.
    if not may_look.all():
        hatch = "//////" if max(values.shape) < 20 else "////"
        sheet = Rectangle((-0.5, -0.5), keys, time, facecolor="#F3F4F6", hatch=hatch)
        sheet.set(edgecolor=FAINT, linewidth=0, zorder=0)
        ax.add_patch(sheet)
    seen = np.where(may_look, values, np.nan)
    ax.imshow(seen, cmap=SHADES, vmin=0, vmax=1, aspect="equal", zorder=1)
    # Not the grid of minor ticks: a slider waits for the drawing, and ticks take long.
    lines: dict[str, Any] = {"color": "#EEF0F3", "linewidth": 0.5, "zorder": 1.5}
    ax.hlines(np.arange(time - 1) + 0.5, -0.5, keys - 0.5, **lines)
    ax.vlines(np.arange(keys - 1) + 0.5, -0.5, time - 0.5, **lines)
    ax.tick_params(length=0, labelsize=label_size)
    ax.spines[:].set_color(FAINT)


def _name(ax: Axes, queries: Sequence[str], keys: Sequence[str]) -> None:
    upright = max(map(len, keys)) <= 3 and len(keys) <= ANNOTATED
    names = [drawable(key) for key in keys]
    ax.set_xticks(range(len(keys)), names, rotation=0 if upright else 90, family=fonts())
    ax.set_yticks(range(len(queries)), [drawable(query) for query in queries], family=fonts())


def _keys(all_seen: bool | np.bool_) -> str:
    return "keys: the tokens looked at" + ("" if all_seen else " (hatched: hidden)")


def _label_size(tokens: int) -> float:
    return 9.5 if tokens <= ANNOTATED else 8 if tokens <= 28 else 7


def _annotate(ax: Axes, values: np.ndarray, may_look: np.ndarray) -> None:
    for (row, column), value in np.ndenumerate(values):
        if may_look[row, column]:
            ink = ink_on(SHADES(float(value))[:3])
            text = f"{value:.2f}".replace("1.00", "1").replace("0.00", "0")
            ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=8)


def _colour_bar(figure: Figure | SubFigure, axes: Axes | np.ndarray) -> None:
    mapped = ScalarMappable(Normalize(0, 1), SHADES)
    bar = figure.colorbar(mapped, ax=axes, shrink=0.7, aspect=22, pad=0.02)
    bar.set_label("attention weight (each row sums to 1)", color=INK, fontsize=9)
    bar.ax.tick_params(labelsize=8, color=QUIET)
    bar.outline.set_edgecolor(FAINT)
