"""How learning goes: losses of several trainings side by side, against the floor."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from torch import Tensor

from minillama.plots.attention import attention_map
from minillama.plots.colors import FAINT, INK, QUIET, VERMILION
from minillama.plots.lines import LOOKS, Numbers
from minillama.plots.text import as_array

Curves = Mapping[str, tuple[Numbers, Numbers]]
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
FEW = 20  # a curve of at most so many points is one that was looked at now and then
GAP = 0.065  # from name to name, as a part of the picture's height


def learning_curves(runs: Mapping[str, Curves], floors: Mapping[str, float]) -> Figure:
    """Losses over the steps, a panel for each run, all on one logarithmic scale.

    runs: by title, the steps and losses of each curve by its name, which stands at the curve's end;
    a name has the same color in all panels. floors: of each run, by the same titles; the area below
    is shaded.

    Raises ValueError where the titles are not the same.
    """
    if runs.keys() != floors.keys():
        raise ValueError(f"there are runs {list(runs)}, but floors of {list(floors)}")
    names = dict.fromkeys(name for curves in runs.values() for name in curves)
    looks = dict(zip(names, cycle(LOOKS), strict=False))
    losses = np.concatenate([as_array(y) for curves in runs.values() for _, y in curves.values()])
    limits = 0.8 * min(float(np.nanmin(losses)), *floors.values()), 1.2 * float(np.nanmax(losses))
    figure, axes = plt.subplots(
        1, len(runs), figsize=(5 * len(runs), 3.8), layout="constrained", sharey=True, squeeze=False
    )
    axes[0, 0].set(yscale="log", ylim=limits, ylabel="loss (nats per token)")
    axes[0, 0].yaxis.set_major_locator(FixedLocator(TICKS))
    axes[0, 0].yaxis.set_minor_locator(NullLocator())
    axes[0, 0].yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
    for ax, (title, curves) in zip(axes.flat, runs.items(), strict=True):
        for name, (steps, values) in curves.items():
            color, dashes, mark = looks[name]
            few = len(as_array(steps)) <= FEW
            ax.plot(
                as_array(steps), as_array(values), color=color, linestyle=dashes, markersize=4,
                marker=mark if few else "", linewidth=2 if few else 1.2,
            )  # fmt: skip
        _name(ax, curves, {name: looks[name][0] for name in curves})
        floor = floors[title]
        ax.axhline(floor, color=INK, linestyle="--", linewidth=1.2)
        ax.axhspan(limits[0], floor, color="#F3EFE2", zorder=0)
        ax.annotate(
            f"floor {floor:.2f}", (0.015, floor), (0, -3), xycoords=ax.get_yaxis_transform(),
            textcoords="offset points", va="top", fontsize=9, color=QUIET,
        )  # fmt: skip
        ax.set_title(title, loc="left", fontsize=11)
        ax.set_xlabel("training step")
        ax.grid(axis="y", color=FAINT, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def attention_over_training(
    rows: Float[Tensor | np.ndarray, "steps keys"],
    steps: Sequence[int],
    pieces: Sequence[str],
    marked: int,
    title: str = "",
) -> Axes:
    """One query's attention at several moments of a training, from early (above) to late.

    marked: the number of a piece whose column gets a frame.
    """
    names = [f"{step:,}" for step in steps]
    size = (0.29 * len(pieces) + 2.6, 0.29 * len(steps) + 1.8)
    ax = plt.subplots(figsize=size, layout="constrained")[1]
    everywhere = np.ones((len(steps), len(pieces)), bool)
    attention_map(rows, names, pieces, mask=everywhere, title=title, ax=ax)
    frame = Rectangle((marked - 0.5, -0.5), 1, len(steps), fill=False, clip_on=False, zorder=3)
    frame.set(edgecolor=VERMILION, linewidth=2)
    ax.add_patch(frame)
    ax.set_ylabel("training step")
    return ax


def _name(ax: Axes, curves: Curves, colors: Mapping[str, str]) -> None:
    """Write each curve's name at its end, names apart from each other, and make room for them."""
    last = max(float(as_array(steps)[-1]) for steps, _ in curves.values())
    ax.set_xlim(-0.02 * last, 1.36 * last)
    within = [step for step in MaxNLocator(5, integer=True).tick_values(0, last) if step <= last]
    ax.xaxis.set_major_locator(FixedLocator(within))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    low, high = np.log(ax.get_ylim())
    ends = {
        name: (float(np.log(as_array(values)[-1])) - low) / (high - low)
        for name, (_, values) in curves.items()
    }
    free = 0.0
    for name, height in sorted(ends.items(), key=lambda end: end[1]):
        lines = name.count("\n") + 1
        place = max(height, free + GAP * lines / 2)
        free = place + GAP * lines / 2
        x = float(as_array(curves[name][0])[-1]) + 0.03 * last
        ax.text(
            x, np.exp(low + place * (high - low)), name, color=colors[name], va="center",
            fontsize=9.5, weight="bold",
        )  # fmt: skip
