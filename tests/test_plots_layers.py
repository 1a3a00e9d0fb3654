"""Pictures of layers, read back from the Axes they were drawn on."""

import matplotlib
import numpy as np
import torch

matplotlib.use("agg")

from minillama import plots


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


def test_components_are_bars_with_their_mean_and_size_in_the_title():
    figure = plots.component_bars({"x": torch.tensor([3.0, -4.0]), "y": torch.zeros(2)})
    first, second = figure.axes
    assert [bar.get_height() for bar in first.patches] == [3, -4]
    assert first.get_title() == "x\nmean -0.50, RMS 3.54"
    assert first.get_ylim()[1] == -first.get_ylim()[0] > 4
    assert second.get_title() == "y\nmean 0.00, RMS 0.00"
    same = plots.component_bars({"x": torch.ones(2), "y": torch.ones(2)}, limit=5)
    assert all(ax.get_ylim() == (-5, 5) for ax in same.axes)


def test_signals_and_gradients_share_an_axis_and_end_in_a_cross():
    nan = float("nan")
    figure = plots.sizes_by_depth(
        {"none": [1, 100, nan]}, {"none": [nan, nan, 1]}, limits=(0.1, 50)
    )
    forward, backward = figure.axes
    assert all(ax.get_ylim() == (0.1, 50) and ax.get_yscale() == "log" for ax in figure.axes)
    assert forward.get_ylabel() and forward.get_xlabel() and backward.get_xlabel()
    np.testing.assert_array_equal(lines(forward)["none"].get_ydata(), [1, 100, nan])
    assert [line.get_marker() for line in forward.get_lines()].count("x") == 1
    assert [line.get_marker() for line in backward.get_lines()].count("x") == 1
