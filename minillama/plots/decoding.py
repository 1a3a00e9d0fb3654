"""What a model computes while it writes, and what it has to keep for that."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from minillama.plots.colors import BLUE, FAINT, INK, ORANGE, PURPLE, QUIET, SKY

GB = 1e9


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


def memory_bars(
    rows: Mapping[str, Mapping[str, float]],
    limits: Mapping[str, float] | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Bytes by what they hold ("weights", "cache"), a stacked bar in GB for each row.

    limits: memories of machines in bytes, each drawn as a line with its name. A GB is 10⁹ bytes.
    """
    if ax is None:
        size = (7.5, 0.45 * len(rows) + 1.4)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    names = list(dict.fromkeys(name for parts in rows.values() for name in parts))
    places, ends = np.arange(len(rows)), np.zeros(len(rows))
    for name, color in zip(names, (SKY, ORANGE, PURPLE, FAINT), strict=False):
        sizes = np.array([parts.get(name, 0.0) for parts in rows.values()]) / GB
        ax.barh(places, sizes, 0.7, left=ends, color=color, label=name)
        ends += sizes
    for place, end in zip(places, ends, strict=True):
        ax.text(float(end), float(place), f" {end:.3g} GB", va="center", fontsize=9, color=INK)
    widest = ends.max()
    for name, limit in (limits or {}).items():
        ax.axvline(limit / GB, color=QUIET, linestyle=":", linewidth=1)
        ax.text(limit / GB, -0.55, name, ha="center", va="bottom", fontsize=8, color=QUIET)
        widest = max(widest, limit / GB)
    ax.set_xlim(0, 1.15 * widest)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_yticks(places, list(rows))
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("memory (GB)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=len(names))
    return ax
