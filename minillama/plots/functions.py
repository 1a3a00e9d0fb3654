"""Functions as pictures: of one number as curves with their slopes, of two numbers as maps."""

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from minillama.plots.colors import FAINT, INK, QUIET, TWO_SIDED
from minillama.plots.lines import LOOKS
from minillama.plots.text import as_array


def function_curves(
    functions: Mapping[str, Callable[[Tensor], Tensor]],
    least: float = -4.0,
    most: float = 4.0,
    *,
    label: str = "x",
) -> Figure:
    """Functions of one number side by side with their derivatives, which autograd computes.

    functions: elementwise, by the name that the legend gives them; label: what runs from `least`
    to `most`. Raises ValueError where there is no function, or none that the styles are left for.
    """
    if not 1 <= len(functions) <= len(LOOKS):
        raise ValueError(f"give one to {len(LOOKS)} functions, not {len(functions)}")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for (name, function), (color, style, _) in zip(functions.items(), LOOKS, strict=False):
        x = torch.linspace(least, most, 401, dtype=torch.float64, requires_grad=True)
        y = function(x)
        (slope,) = torch.autograd.grad(y.sum(), x)
        for ax, values in ((left, y), (right, slope)):
            ax.plot(as_array(x), as_array(values), color=color, linestyle=style, label=name)
    left.set(xlabel=label, ylabel=f"f({label})", title="the function")
    right.set(xlabel=label, ylabel=f"slope of f at {label}", title="its derivative")
    for ax in (left, right):
        ax.axhline(0, color=FAINT, linewidth=1, zorder=0)
        ax.axvline(0, color=FAINT, linewidth=1, zorder=0)
        ax.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    return figure


def function_maps(
    functions: Mapping[str, Callable[[Tensor], Tensor]],
    reach: float,
    *,
    inner: float | None = None,
    label: str = "value",
) -> Figure:
    """Functions of x (across) and y (up) side by side as maps, on the first one's scale.

    functions: by title; each takes points (n, 2) and gives n values, or (n, outputs), of which the
    first is drawn. Both axes run from -reach to reach; inner: draws the square from -inner to
    inner, to mark what was seen in training. Raises ValueError where there is no function.
    """
    if not functions:
        raise ValueError("give one function at least")
    line = torch.linspace(-reach, reach, 81)
    y, x = torch.meshgrid(line, line, indexing="ij")
    points = torch.stack([x.flatten(), y.flatten()], dim=-1)
    with torch.no_grad():
        values = {title: f(points).reshape(len(points), -1)[:, 0] for title, f in functions.items()}
    tables = {title: as_array(column.view(81, 81)) for title, column in values.items()}
    top = max(float(np.abs(next(iter(tables.values()))).max()), 1e-9)
    size = (2.7 * len(tables) + 1.0, 3.5)
    figure, axes = plt.subplots(
        1, len(tables), figsize=size, layout="constrained", sharey=True, squeeze=False
    )
    ends = (-reach, reach, -reach, reach)
    for ax, (title, table) in zip(axes.flat, tables.items(), strict=True):
        drawn = ax.imshow(table, origin="lower", extent=ends, cmap=TWO_SIDED, vmin=-top, vmax=top)
        heights = np.linspace(-top, top, 9)[1:-1]
        ax.contour(table, heights, extent=ends, colors=QUIET, linewidths=0.7)
        if inner is not None:
            corner, side = (-inner, -inner), 2 * inner
            ax.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=INK, linestyle="--"))
        ax.set_title(title, fontsize=9)
        ax.set_xlabel("x")
        ax.set_xticks([-reach / 2, 0, reach / 2])
        ax.spines[:].set_color(FAINT)
    axes[0, 0].set_ylabel("y")
    bar = figure.colorbar(drawn, ax=axes, shrink=0.6, aspect=20, pad=0.02, extend="both")
    bar.set_label(label, fontsize=9)
    bar.outline.set_edgecolor(FAINT)
    return figure
