"""The loss curve, read back from the Axes it was drawn on."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
from matplotlib.figure import Figure

from minillama.plots.curves import loss_curve, save_loss_curve
from minillama.runs import CsvLog, RunLog


def table(**columns):
    names = list(columns)
    return np.array(list(zip(*columns.values(), strict=True)), [(name, "f8") for name in names])


def log(floor=0.8):
    steps = np.arange(1.0, 101)
    return RunLog(
        table(step=steps, loss=1 + 6 / steps),
        table(step=[50.0, 100.0], loss=[1.2, 1.0], floor=[floor, floor]),
    )


def axes():
    return Figure().add_subplot()


def lines(ax):
    return {line.get_label().split()[0].rstrip(","): line for line in ax.get_lines()}


def test_the_curve_shows_both_losses_and_the_floor():
    ax = loss_curve(log(), ax=axes())
    drawn = lines(ax)
    assert drawn.keys() == {"training", "validation", "floor"}
    np.testing.assert_array_equal(drawn["training"].get_ydata(), log().training["loss"])
    np.testing.assert_array_equal(drawn["validation"].get_xdata(), [50, 100])
    assert set(drawn["floor"].get_ydata()) == {0.8}
    assert drawn["floor"].get_linestyle() == "--"
    assert drawn["training"].get_linewidth() < 1
    assert "1.000 (1.250 × floor)" in drawn["validation"].get_label()
    assert "0.800" in drawn["floor"].get_label()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss (nats per token)")


def test_without_a_floor_none_is_drawn():
    assert lines(loss_curve(log(np.nan), ax=axes())).keys() == {"training", "validation"}


def test_a_floor_can_be_given():
    drawn = lines(loss_curve(log(np.nan), floor=0.5, ax=axes()))
    assert set(drawn["floor"].get_ydata()) == {0.5}


def test_a_run_without_validation_yet_has_a_curve():
    young = RunLog(log().training, log().validation[:0])
    assert lines(loss_curve(young, ax=axes())).keys() == {"training"}


def test_without_axes_it_makes_its_own():
    from matplotlib import pyplot

    ax = loss_curve(log())
    assert ax.figure.number in pyplot.get_fignums()
    pyplot.close(ax.figure)


def test_a_run_folder_gets_a_picture(tmp_path):
    for name, rows in zip(("log.csv", "validation.csv"), log(), strict=True):
        file = CsvLog(tmp_path / name, rows.dtype.names, 1)
        for row in rows.view(np.recarray):
            file.add(type("Row", (), {key: float(row[key]) for key in rows.dtype.names}))
        file.close()
    path = save_loss_curve(tmp_path)
    assert path == tmp_path / "loss.png"
    assert path.read_bytes().startswith(b"\x89PNG\r\n")


def test_a_folder_without_a_log_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"log\.csv"):
        save_loss_curve(tmp_path)
