"""Lines to compare, read back from the Axes they were drawn on."""

import matplotlib

matplotlib.use("agg")
import numpy as np
import pytest
import torch
from matplotlib import pyplot

from minillama import plots


def test_each_series_is_a_line_with_its_name_and_its_own_dashes():
    ax = plots.line_chart({"a": torch.tensor([3.0, 2.0, 1.0]), "b": [1.0, 1.5, 2.0]})
    first, second = ax.get_lines()
    assert first.get_xdata().tolist() == [1, 2, 3]
    assert first.get_ydata().tolist() == [3, 2, 1]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss (nats per token)")


def test_smoothing_is_the_mean_of_the_last_few():
    ax = plots.line_chart({"a": [1.0, 3.0, 5.0, 9.0]}, x=[10, 20, 30, 40], smooth=2)
    [line] = ax.get_lines()
    assert line.get_xdata().tolist() == [20, 30, 40]
    assert line.get_ydata().tolist() == [2, 4, 7]
    assert ax.get_legend() is None


def test_levels_logarithms_and_gaps():
    series = {"a": [1.0, np.nan, 3.0]}
    ax = plots.line_chart(series, [1.0, 10.0, 100.0], log="xy", levels={"floor": 0.7})
    line, level = ax.get_lines()
    assert np.isnan(line.get_ydata()[1]) and line.get_marker() == "o"
    assert list(level.get_ydata()) == [0.7, 0.7]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "floor 0.70"]


def test_a_line_that_is_no_number_any_more_ends_with_a_cross():
    ax = plots.line_chart({"a": [1, 2, np.inf, np.nan], "b": [1, 2, 3, 4]}, xlabel="x", ylabel="y")
    [cross] = [line for line in ax.get_lines() if line.get_marker() == "x"]
    assert (cross.get_xdata(), cross.get_ydata()) == ([2], [2])
    assert cross.get_color() == ax.get_lines()[0].get_color()


def test_a_line_that_begins_as_no_number_has_its_cross_there():
    ax = plots.line_chart({"a": [np.nan, 2, 3]}, xlabel="x", ylabel="y")
    [cross] = [line for line in ax.get_lines() if line.get_marker() == "x"]
    assert (cross.get_xdata(), cross.get_ydata()) == ([2], [2])


def test_the_x_axis_can_have_chosen_numbers():
    ax = plots.line_chart({"a": [3, 2, 1]}, [46, 750, 6000], log="x", ticks=[46, 6000])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["46", "6,000"]
    assert not len(ax.get_xticks(minor=True))


def test_a_line_without_a_number_is_drawn_as_nothing():
    ax = plots.line_chart({"a": [np.nan, np.nan]}, xlabel="x", ylabel="y", log="y")
    assert np.isnan(ax.get_lines()[0].get_ydata()).all()


def test_a_series_may_end_before_x():
    ax = plots.line_chart({"a": [1.0], "b": [1.0, 2.0]}, x=range(2))
    assert [line.get_xdata().tolist() for line in ax.get_lines()] == [[0], [0, 1]]


def test_it_draws_into_axes_that_are_given():
    ax = pyplot.subplots()[1]
    assert plots.line_chart({"a": [1.0, 2.0]}, ax=ax, xlabel="x", ylabel="y") is ax


def test_numbers_that_do_not_fit_are_refused_by_name():
    with pytest.raises(ValueError, match="b has 3 numbers, but x has 2"):
        plots.line_chart({"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]}, x=[1.0, 2.0])
    with pytest.raises(ValueError, match="a has 2 numbers, which smooth=5 cannot take"):
        plots.line_chart({"a": [1.0, 2.0]}, smooth=5)
