"""A neuron of a feed-forward layer: where in a text it is active, and which tokens it pushes."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from minillama.plots.text import drawable, fonts
from minillama.plots.tokens import token_colors


def neuron_text(
    tokens: Sequence[str],
    numbers: Float[Tensor | np.ndarray, " tokens"],
    pushed: Sequence[str],
    *,
    layer: int,
    neuron: int,
    top: float | None = None,
) -> Axes:
    """The tokens, darker where the neuron's activation is larger: purple above 0, orange below.

    numbers: the activations. pushed: the tokens that its value makes likelier, for the title. The
    scale runs to `top` on both sides, or else to the largest.
    Raises ValueError for tokens that are not as many as the numbers.
    """
    ax = token_colors(tokens, numbers, label="activation of the neuron", top=top, signed=True)
    words = "  ".join(drawable(word) for word in pushed)
    title = f"layer {layer}, neuron {neuron}    pushes:  {words}"
    ax.set_title(title, fontsize=10, family=fonts(), loc="left")
    return ax
