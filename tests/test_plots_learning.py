"""Learning curves, a step of training, attention through a training: read back from the Axes."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.text import Annotation

from minillama import ModelConfig, plots


@pytest.fixture(autouse=True)
def _closed():
    yield
    pyplot.close("all")


def words(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


RUNS = {
    "few": {"training": (range(1, 41), np.linspace(7, 0.1, 40)), "validation": ([20, 40], [5, 6])},
    "many": {"training": (range(1, 41), np.linspace(7, 0.9, 40)), "validation": ([40], [0.9])},
}
FLOORS = {"few": 0.6, "many": 0.7}


def test_learning_curves_are_on_one_scale_against_their_floors():
    figure = plots.learning_curves(RUNS, FLOORS)
    few, many = figure.axes
    assert few.get_ylim() == many.get_ylim() and few.get_yscale() == many.get_yscale() == "log"
    assert few.get_ylim()[0] < 0.1 < 7 < few.get_ylim()[1]
    for ax, (title, curves) in zip(figure.axes, RUNS.items(), strict=True):
        *drawn, floor = ax.get_lines()
        for line, (steps, losses) in zip(drawn, curves.values(), strict=True):
            assert line.get_xdata().tolist() == list(steps)
            assert line.get_ydata().tolist() == list(losses)
        assert set(floor.get_ydata()) == {FLOORS[title]}
        assert ax.get_title(loc="left") == title
        assert {*words(ax)} == {*curves, f"floor {FLOORS[title]:.2f}"}


def test_a_curve_has_its_name_in_its_color_and_names_stay_apart():
    figure = plots.learning_curves(RUNS, FLOORS)
    for ax in figure.axes:
        names = {t.get_text(): t for t in ax.texts if not isinstance(t, Annotation)}
        training, validation = ax.get_lines()[:2]
        assert to_hex(names["training"].get_color()) == to_hex(training.get_color())
        assert to_hex(names["validation"].get_color()) == to_hex(validation.get_color())
    figure.canvas.draw()
    first, second = (names[name].get_window_extent() for name in ("training", "validation"))
    assert not first.overlaps(second)  # though these two curves end in the same place


def test_every_run_needs_a_floor():
    with pytest.raises(ValueError, match="floors of"):
        plots.learning_curves(RUNS, {"few": 0.6})


def test_a_step_of_training_has_all_its_shapes():
    config = ModelConfig.preset("tiny")
    text = words(plots.training_flow(config, 223552, 2, 128))
    assert {"(2, 128)", "(2, 128, 2048)", "223,552 weights", "2 × 223,552"} <= {*text}
    text = words(plots.training_flow(config))
    assert {"(B, T)", "(B, T, 2048)", "N weights", "2 × N"} <= {*text}


def test_attention_through_a_training_frames_the_marked_piece():
    weights = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
    ax = plots.attention_over_training(weights, [10, 2000], ["a", "b", "c"], 1, title="head 0")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["10", "2,000"]
    assert ax.get_title() == "head 0"
    assert [(p.get_x(), p.get_width()) for p in ax.patches if not p.get_fill()] == [(0.5, 1)]
