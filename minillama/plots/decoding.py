"""What a model computes while it writes."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from minillama.plots.colors import BLUE


def computed_scores(prompt: int, step: int, *, cached: bool, ax: Axes | None = None) -> Axes:
    """Which scores of queries (down) with keys (across) are computed while a model writes.

    The prompt has `prompt` tokens, read in step 0; each later step reads one token more. Dark is
    what this step computes, light what earlier steps did. Without a cache a step computes all
    again; with one, only the rows of the new tokens.
    Raises ValueError for a prompt of no tokens, or a step below 0.
    """
    if prompt < 1 or step < 0:
        raise ValueError(f"there is no step {step} after a prompt of {prompt} tokens")
    if ax is None:
        ax = plt.subplots(figsize=(4.6, 4.4), layout="constrained")[1]
    seen = prompt + step  # tokens, the new one included
    first = prompt + step - 1 if cached and step else 0  # the first row that is computed now
    query, key = np.indices((seen, seen))
    states = np.where(query < first, 1, 2) * (key <= query)
    shades = ListedColormap(["white", "#C9E3F5", BLUE])
    ax.imshow(states, cmap=shades, vmin=0, vmax=2)
    ax.set_xticks(np.arange(seen + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(seen + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="both", length=0)
    ax.set(xlabel="key (token)", ylabel="query (token)")
    ax.spines[:].set_visible(False)
    rows = seen - first
    ax.set_title(f"step {step}: {rows} token{'s' * (rows > 1)} through the model", fontsize=11)
    colours = {"computed now": BLUE, "computed before": "#C9E3F5"}
    if not first:
        del colours["computed before"]
    handles = [Patch(color=color, label=label) for label, color in colours.items()]
    ax.legend(handles=handles, loc="upper right", frameon=False)
    return ax
