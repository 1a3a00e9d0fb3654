"""What a model computes while it writes."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from minillama.plots.colors import BLUE

LIGHT = "#C9E3F5"


def computed_scores(prompt: int, step: int) -> Figure:
    """Which scores of queries (down) with keys (across) a step computes, without a cache and with.

    The prompt has `prompt` tokens, which step 0 reads; each later step reads one token more. Dark
    is what this step computes, light what earlier steps did. Without a cache a step computes all
    again; with one, only the rows of the new tokens. The titles count tokens, not scores.

    Raises ValueError for a prompt of no tokens, or a step below 0.
    """
    if prompt < 1 or step < 0:
        raise ValueError(f"there is no step {step} after a prompt of {prompt} tokens")
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 4.5), layout="constrained")
    seen = prompt + step  # tokens, the new one included
    _panel(axes[0], "without a cache", seen, 0, sum(range(prompt, seen + 1)))
    _panel(axes[1], "with a cache", seen, seen - 1 if step else 0, seen)
    colors = {"computed now": BLUE, "computed before": LIGHT}
    handles = [Patch(color=color, label=label) for label, color in colors.items()]
    figure.legend(handles=handles, loc="outside lower center", frameon=False, ncols=2)
    return figure


def _panel(ax: Axes, title: str, seen: int, first: int, total: int) -> None:
    """All scores of the tokens seen so far; the rows from `first` on are computed now."""
    query, key = np.indices((seen, seen))
    states = np.where(query < first, 1, 2) * (key <= query)
    ax.imshow(states, cmap=ListedColormap(["white", LIGHT, BLUE]), vmin=0, vmax=2)
    ax.set_xticks(np.arange(seen + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(seen + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="both", length=0)
    ax.set(xlabel="key (token)", ylabel="query (token)")
    ax.spines[:].set_visible(False)
    rows = seen - first
    read = f"{rows} token{'s' * (rows > 1)} read now, {total} in all"
    ax.set_title(f"{title}:\n{read}", fontsize=11)
