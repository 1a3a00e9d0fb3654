"""A text whose tokens are coloured by a number, such as the model's surprise at each."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from torch import Tensor

from minillama.plots.colors import FAINT, SHADES, TWO_SIDED
from minillama.plots.pieces import LINE, WIDTH, broken_lines, write_tokens
from minillama.plots.text import as_array, drawable


def token_colors(
    tokens: Sequence[str],
    numbers: Float[Tensor | np.ndarray, " tokens"],
    *,
    label: str,
    top: float | None = None,
    signed: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """The tokens in reading order, each on a background as dark as its number is large.

    label: what the numbers are, with their unit; it stands at the colour bar. The scale runs from
    0 to `top`, or else to the largest number. signed: it begins as far below 0, in another colour.

    Raises ValueError for tokens that are not as many as the numbers, and for numbers below 0 that
    are not signed.
    """
    values = as_array(numbers)
    if len(tokens) != len(values):
        raise ValueError(f"there are {len(tokens)} tokens, but {len(values)} numbers")
    if values.size and not signed and not values.min() >= 0:
        raise ValueError(f"the numbers must be 0 or more, and one is {values.min()}")
    lines = broken_lines([drawable(token) for token in tokens])
    if ax is None:
        size = (WIDTH, LINE * len(lines) + 0.9)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    top = top or max(np.abs(values).max(initial=0), 1e-9)
    scale = Normalize(-top if signed else 0, top, clip=True)
    shades = TWO_SIDED if signed else SHADES
    write_tokens(ax, lines, [shades(float(scale(value)))[:3] for value in values])
    bar = ax.figure.colorbar(
        ScalarMappable(scale, shades), ax=ax, location="bottom", shrink=0.5, aspect=40, pad=0.04
    )
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_edgecolor(FAINT)
    return ax
