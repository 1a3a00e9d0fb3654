"""A text whose tokens are coloured by a number, such as the model's surprise at each."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from torch import Tensor

from minillama.plots.colors import FAINT, SHADES, ink_on
from minillama.plots.text import MISSING, as_array, drawable, fonts

COLUMNS = 80  # letters in a line
WIDTH, LINE = 8.0, 0.3  # of the picture and of a line of text, in inches


def token_colors(
    tokens: Sequence[str],
    numbers: Float[Tensor | np.ndarray, " tokens"],
    *,
    label: str,
    top: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The tokens in reading order, each on a background as dark as its number is large.

    label: what the numbers are, with their unit; it stands at the colour bar. The scale runs from
    0 to `top`, or else to the largest number.

    Raises ValueError for tokens that are not as many as the numbers, and for numbers below 0.
    """
    values = as_array(numbers)
    if len(tokens) != len(values):
        raise ValueError(f"there are {len(tokens)} tokens, but {len(values)} numbers")
    if values.size and not values.min() >= 0:
        raise ValueError(f"the numbers must be 0 or more, and one is {values.min()}")
    lines = _lines([drawable(token) for token in tokens])
    if ax is None:
        size = (WIDTH, LINE * len(lines) + 0.9)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    scale = Normalize(0, top or max(values.max(initial=0), 1e-9), clip=True)
    position = 0
    for row, line in enumerate(lines):
        column = 0.0
        for name in line:
            color = SHADES(float(scale(values[position])))[:3]
            width = _width(name)
            ax.barh(row, width, 0.9, left=column, color=color, edgecolor=FAINT, linewidth=0.5)
            ax.text(
                column + width / 2,
                row,
                name,
                ha="center",
                va="center",
                fontsize=8,
                color=ink_on(color),
                family=("DejaVu Sans Mono", *fonts()),
            )
            column += width
            position += 1
    ax.set(xlim=(-0.2, COLUMNS + 0.2), ylim=(len(lines) - 0.5, -0.5))
    ax.axis("off")
    bar = ax.figure.colorbar(
        ScalarMappable(scale, SHADES), ax=ax, location="bottom", shrink=0.5, aspect=40, pad=0.04
    )
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_edgecolor(FAINT)
    return ax


def _width(name: str) -> int:
    """Columns that a token takes: one a letter, two a Han character, and a margin."""
    return sum(2 if ord(c) > 0x2E7F or c == MISSING else 1 for c in name) + 1


def _lines(names: list[str]) -> list[list[str]]:
    """The tokens broken into lines of at most COLUMNS columns."""
    lines, used = [list[str]()], 0
    for name in names:
        if used + _width(name) > COLUMNS and lines[-1]:
            lines.append([])
            used = 0
        lines[-1].append(name)
        used += _width(name)
    return lines
