"""Pictures of layers, read back from the Axes they were drawn on."""

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("agg")
from matplotlib import pyplot

from minillama import plots


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines() if line.get_label()[0] != "_"}


def test_stream_sizes_draw_the_first_position_and_the_median_of_the_others():
    sizes = torch.tensor([[9.0, 1.0, 2.0, 3.0], [90.0, 4.0, 5.0, 60.0]])
    ax = plots.stream_sizes(sizes, first="<s>")
    np.testing.assert_array_equal(lines(ax)["<s>"].get_ydata(), [9, 90])
    np.testing.assert_array_equal(lines(ax)["their median"].get_ydata(), [2, 5])
    assert len(ax.get_lines()) == 3 + 3  # the others, and what stands for them in the legend
    assert ax.get_yscale() == "log" and ax.get_ylabel() and ax.get_xlabel() == "blocks passed"


def test_a_stream_of_one_position_has_no_others():
    assert lines(plots.stream_sizes(torch.ones(3, 1))).keys() == {"first position"}


def test_lines_have_names_and_look_different():
    ax = plots.named_lines({"a": [1, 2], "b": torch.tensor([3.0])}, xlabel="x", ylabel="y")
    drawn = lines(ax)
    assert drawn["a"].get_xdata().tolist() == [0, 1] and drawn["b"].get_xdata().tolist() == [0]
    looks = [(line.get_color(), line.get_linestyle()) for line in drawn.values()]
    assert looks[0][0] != looks[1][0] and looks[0][1] != looks[1][1]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_a_line_that_is_no_number_any_more_ends_with_a_cross():
    ax = plots.named_lines({"a": [1, 2, np.inf, np.nan], "b": [1, 2, 3, 4]}, xlabel="x", ylabel="y")
    [cross] = [line for line in ax.get_lines() if line.get_marker() == "x"]
    assert (cross.get_xdata(), cross.get_ydata()) == ([1], [2])
    assert cross.get_color() == lines(ax)["a"].get_color()


def test_a_line_without_a_number_is_drawn_as_nothing():
    ax = plots.named_lines({"a": [np.nan, np.nan]}, xlabel="x", ylabel="y", log="y")
    assert np.isnan(lines(ax)["a"].get_ydata()).all()


def test_levels_have_names_and_values_and_scales_can_be_logarithmic():
    ax = plots.named_lines(
        {"a": [3, 2]}, [10, 100], xlabel="x", ylabel="y", log="xy", levels={"floor": 1.5}
    )
    assert set(lines(ax)["floor 1.50"].get_ydata()) == {1.5}
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_a_line_longer_than_x_is_told():
    with pytest.raises(ValueError, match="'a' has 3 points, but x only 2"):
        plots.named_lines({"a": [1, 2, 3]}, [1, 2], xlabel="x", ylabel="y")


def test_components_are_bars_with_their_mean_and_size_in_the_title():
    figure = plots.component_bars({"x": torch.tensor([3.0, -4.0]), "y": torch.zeros(2)})
    first, second = figure.axes
    assert [bar.get_height() for bar in first.patches] == [3, -4]
    assert first.get_title() == "x\nmean -0.50, RMS 3.54"
    assert first.get_ylim()[1] == -first.get_ylim()[0] > 4
    assert second.get_title() == "y\nmean 0.00, RMS 0.00"
    same = plots.component_bars({"x": torch.ones(2), "y": torch.ones(2)}, limit=5)
    assert all(ax.get_ylim() == (-5, 5) for ax in same.axes)
