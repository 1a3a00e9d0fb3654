"""A training run at a glance: its loss, and beside it what the loop did to get there."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from minillama.plots.colors import FAINT, QUIET
from minillama.plots.curves import TRAINING, loss_curve
from minillama.runs import Reference, RunLog, read_log, read_reference

SIDE = {
    "learning_rate": "learning rate",
    "gradient_norm": "gradient norm",
    "tokens_per_second": "tokens a second",
}
SIZE = (9.6, 4.0)  # inches


def training_panels(
    log: RunLog,
    steps: int | None = None,
    floor: float | None = None,
    reference: Reference | None = None,
) -> Figure:
    """The loss of a run with its floor, and small panels: learning rate, gradient norm, speed.

    `log` comes from `minillama.runs.read_log(folder)`. steps: of the whole run; given them, the
    axes stay where they are while the run goes on. floor, reference: as `loss_curve` takes them.
    The figure is not one of pyplot's: it may be drawn in a thread, and needs no closing.
    """
    figure = Figure(figsize=SIZE)
    grid = figure.add_gridspec(
        3, 2, width_ratios=(2.5, 1), left=0.07, right=0.985, top=0.93, bottom=0.12,
        wspace=0.2, hspace=0.5,
    )  # fmt: skip
    loss = loss_curve(log, floor, figure.add_subplot(grid[:, 0]), reference)
    # In one line above, where no curve can come, however short or long the run is.
    looks = {"frameon": False, "ncols": 3, "fontsize": 8, "columnspacing": 1, "handlelength": 1.5}
    loss.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.3, **looks)
    losses = log.training["loss"][np.isfinite(log.training["loss"])]
    bottom = log.validation["floor"][-1:] if floor is None else [floor]
    if len(losses) and np.isfinite(bottom).all() and len(bottom):
        loss.set_ylim(0.93 * float(bottom[0]), 1.08 * max(losses[0], losses.max()))
    panels = [figure.add_subplot(grid[row, 1]) for row in range(len(SIDE))]
    for ax, (name, title) in zip(panels, SIDE.items(), strict=True):
        _panel(ax, log.training["step"], log.training[name], title)
    if not len(log.training):  # numbers at the axes would be about nothing
        if legend := loss.get_legend():
            legend.remove()
        for ax in (loss, *panels):
            ax.set_yticks([], minor=True)
            ax.set_yticks([])
    for ax in (loss, *panels):
        ax.set_xlim(0, max(steps or 0, log.training["step"].max(initial=1)))
        ax.xaxis.set_major_locator(MaxNLocator(6 if ax is loss else 3, integer=True))
        ax.tick_params(labelsize=9 if ax is loss else 8)
    panels[-1].set_xlabel("step", fontsize=9)
    for ax in panels[:-1]:
        ax.tick_params(labelbottom=False)
    return figure


def _panel(ax: Axes, step: np.ndarray, values: np.ndarray, title: str) -> None:
    ax.plot(step, values, color=TRAINING, linewidth=1)
    finite = values[np.isfinite(values)]
    # A few steps far above the others, such as one that had to wait, would flatten the rest.
    most = float(np.quantile(finite, 0.99)) if len(finite) else 1.0
    ax.set_ylim(0, 1.15 * most or 1.0)
    ax.yaxis.set_major_locator(MaxNLocator(3))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    ax.grid(axis="y", color=FAINT, linewidth=0.6)
    ax.set_title(title, loc="left", fontsize=9, color=QUIET)
    ax.spines[["top", "right"]].set_visible(False)


def run_panels(folder: Path, steps: int | None = None, floor: float | None = None) -> Figure:
    """The panels of the run in a folder, which may be going on; empty ones before its first step.

    Where a log is damaged, or just being written, they are empty too.
    """
    try:
        log = read_log(folder)
        return training_panels(log, steps, floor, read_reference(folder))
    except (OSError, ValueError):
        columns = [(name, "f8") for name in ("step", "loss", "floor", *SIDE)]
        empty = np.empty(0, dtype=columns)
        return training_panels(RunLog(empty, empty), steps, floor)
