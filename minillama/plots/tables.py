"""A table of numbers as a map: the larger, the darker, each written into its cell."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from torch import Tensor

from minillama.plots.colors import FAINT, SHADES, VERMILION, ink_on
from minillama.plots.text import as_array, drawable_text, fonts, number


def number_table(
    values: Float[Tensor | np.ndarray, "rows columns"],
    rows: Sequence[object] | None = None,
    columns: Sequence[object] | None = None,
    *,
    axes: tuple[str, str],
    words: Sequence[Sequence[str]] | None = None,
    marked: Bool[Tensor | np.ndarray, "_ _"] | None = None,
    limits: tuple[float | int | None, float | int | None] = (None, None),
    label: str = "",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Numbers in rows and columns, darker for more; NaN leaves its cell empty.

    rows, columns: their names; None counts from 0. axes: what the rows and the columns are.
    words: what stands above the number of each cell. marked: cells that get a frame. limits: the
    numbers at the light and the dark end, for None the smallest and the largest; beyond them it
    gets no lighter or darker. label: what the numbers are, with their unit, beside a scale of the
    shades.

    Raises ValueError for names, words or marks that are not as many as the rows and columns.
    """
    numbers = as_array(values)
    height, width = numbers.shape
    rows = range(height) if rows is None else rows
    columns = range(width) if columns is None else columns
    if numbers.shape != (len(rows), len(columns)):
        raise ValueError(
            f"there are {len(rows)} × {len(columns)} names, but {height} × {width} numbers"
        )
    if words is not None and [len(row) for row in words] != [width] * height:
        raise ValueError(f"words must be {height} rows of {width}")
    frames = np.zeros(numbers.shape, bool) if marked is None else np.asarray(marked)
    if frames.shape != numbers.shape:
        raise ValueError(f"marks must be {height} rows of {width}")
    least, most = limits
    least = float(np.nanmin(numbers)) if least is None else least
    most = float(np.nanmax(numbers)) if most is None else most
    if ax is None:
        longest = max(len(str(name)) for name in rows)
        size = (0.85 * width + 0.08 * longest + 1.5, 0.5 * height + 1.2)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    shade = Normalize(least, max(most, least + 1e-9), clip=True)
    image = ax.imshow(numbers, cmap=SHADES, norm=shade, aspect="auto")
    for (row, column), value in np.ndenumerate(numbers):
        if np.isnan(value):
            continue
        word = "" if words is None else drawable_text(words[row][column])
        look: dict[str, Any] = {"fontsize": 8.5, "family": fonts(), "ha": "center", "va": "center"}
        ink = ink_on(SHADES(float(shade(value)))[:3])
        ax.text(column, row, f"{word}\n{number(value)}".strip(), color=ink, **look)
        if frames[row, column]:
            frame = Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, fill=False)
            frame.set(edgecolor=VERMILION, linewidth=2.5)
            ax.add_patch(frame)
    ax.set_yticks(range(height), [str(name) for name in rows], family=fonts())
    ax.set_xticks(range(width), [str(name) for name in columns], family=fonts())
    ax.set_yticks(np.arange(1, height) - 0.5, minor=True)
    ax.set_xticks(np.arange(1, width) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_color(FAINT)
    ax.set(ylabel=axes[0], xlabel=axes[1], title=title)
    if label:
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.85, aspect=22, pad=0.02)
        bar.set_label(label, fontsize=9)
        bar.ax.tick_params(labelsize=8)
        bar.outline.set_edgecolor(FAINT)
    return ax
