"""Curves of a training run: the loss as it falls, and the floor it cannot fall below."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from minillama.runs import Reference, RunLog, read_log, read_reference
from minillama.system.files import write_atomically

# Okabe and Ito's colours, told apart with any colour vision, and in grey by their lightness.
TRAINING, VALIDATION, FLOOR, REFERENCE = "#56B4E9", "#D55E00", "#000000", "#009E73"


def loss_curve(
    log: RunLog,
    floor: float | None = None,
    ax: Axes | None = None,
    reference: Reference | None = None,
) -> Axes:
    """Training loss (thin) and validation loss (points) in nats per token over the steps of a run.

    `log` comes from `minillama.runs.read_log(folder)`. The floor is drawn dashed; where it is not
    given, the log's own is taken if its corpus knows one. reference: that of a run without a floor
    (`minillama.runs.read_reference(folder)`), drawn dotted: the loss of an n-gram model. The loss
    is on a logarithmic scale, since the last tenth of a nat takes as much learning as the first
    five nats.
    """
    if ax is None:
        ax = plt.subplots(figsize=(7, 4), layout="constrained")[1]
    training, validation = log.training, log.validation
    if floor is None and len(validation) and np.isfinite(validation["floor"][-1]):
        floor = float(validation["floor"][-1])

    ax.plot(training["step"], training["loss"], color=TRAINING, linewidth=0.8, label="training")
    if len(validation):
        label = f"validation, now {validation['loss'][-1]:.3f}"
        if floor is not None:
            label += f" ({validation['loss'][-1] / floor:.3f} × floor)"
        ax.plot(
            validation["step"],
            validation["loss"],
            "o-",
            color=VALIDATION,
            markersize=4,
            label=label,
        )
    if floor is not None:
        label = f"floor {floor:.3f}: no model can be better"
        ax.axhline(floor, color=FLOOR, linestyle="--", linewidth=1, label=label)

    if reference is not None:
        label = f"{reference.n}-gram model {reference.loss:.3f}"
        ax.axhline(reference.loss, color=REFERENCE, linestyle=":", linewidth=1.5, label=label)

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("step")
    ax.set_ylabel("loss (nats per token)")
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def save_loss_curve(folder: Path) -> Path:
    """Draw the loss curve of the run in `folder` into `loss.png` there; return its path."""
    figure = Figure(figsize=(7, 4), layout="constrained")  # no pyplot: no window, no global state
    loss_curve(read_log(folder), ax=figure.add_subplot(), reference=read_reference(folder))
    path = folder / "loss.png"
    write_atomically(path, lambda partial: figure.savefig(partial, format="png", dpi=150))
    return path
