"""The panels of a training run: they hold the log, and stay where they are while it grows."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
from matplotlib import pyplot

from minillama.plots import training_panels
from minillama.plots.training import run_panels
from minillama.runs import RunLog

TRAINING = ("step", "loss", "learning_rate", "gradient_norm", "tokens_per_second")


def log_of(n, floor=0.5, looks=(5, 10)):
    training = np.zeros(n, dtype=[(name, "f8") for name in TRAINING])
    training["step"] = np.arange(1, n + 1)
    training["loss"] = 0.5 + 7 / training["step"]
    training["learning_rate"] = 1e-3
    training["gradient_norm"] = 1 / training["step"]
    training["tokens_per_second"] = 12345
    rows = [(float(step), 0.6 + 7 / step, floor) for step in looks if step <= n]
    return RunLog(training, np.array(rows, dtype=[(n, "f8") for n in ("step", "loss", "floor")]))


def limits(figure):
    return [(ax.get_xlim(), ax.get_ylim()) for ax in figure.axes]


def test_every_panel_holds_its_column():
    log = log_of(12)
    figure = training_panels(log, steps=20)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["", "learning rate", "gradient norm", "tokens a second"]
    for ax, name in zip(figure.axes, TRAINING[1:], strict=True):
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), log.training["step"])
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), log.training[name])
    assert not pyplot.get_fignums()  # nothing to close
    figure.canvas.draw()
    ticks = [label.get_text() for label in figure.axes[3].get_yticklabels()]
    assert "10,000" in ticks


def test_the_axes_of_the_loss_stay_while_the_run_goes_on():
    first, later = (training_panels(log_of(n), steps=20, floor=0.5) for n in (3, 20))
    assert limits(first)[0] == limits(later)[0]
    (left, right), (bottom, top) = limits(first)[0]
    assert (left, right) == (0, 20) and bottom < 0.5 and top > 7.5
    assert [ax.get_xlim() for ax in later.axes] == [(0, 20)] * 4


def test_a_single_slow_or_wild_step_does_not_flatten_the_others():
    log = log_of(1000)
    log.training["gradient_norm"][500] = 1e6
    assert training_panels(log).axes[2].get_ylim()[1] < 2


@pytest.mark.parametrize("floor", [None, 0.5])
def test_before_the_first_step_the_panels_are_empty(floor):
    figure = training_panels(log_of(0), steps=20, floor=floor)
    figure.canvas.draw()
    assert [ax.get_yticks().tolist() for ax in figure.axes] == [[]] * 4
    assert figure.axes[0].get_legend() is None


def test_without_a_floor_the_loss_is_drawn_too():
    figure = training_panels(log_of(12, floor=np.nan))
    figure.canvas.draw()
    assert len(figure.axes[0].lines) == 2


def test_a_folder_without_a_log_or_with_a_damaged_one_gives_empty_panels(tmp_path):
    assert len(run_panels(tmp_path).axes) == 4
    for name in ("log.csv", "validation.csv"):
        (tmp_path / name).write_text("step,x\n1,2,3\n", encoding="utf-8")
    assert len(run_panels(tmp_path).axes) == 4
