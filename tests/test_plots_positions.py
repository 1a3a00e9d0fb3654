"""The pictures of positions: what they draw is what was computed."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from minillama import ModelConfig, plots
from minillama.plots.colors import BLUE, VERMILION
from minillama.rope import rope_frequencies


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def title(figure):
    return figure.axes[1].get_title()


def test_the_plane_shows_the_dot_product_of_what_is_turned():
    # A quarter turn for each of two steps: (1, 0) at 3 and (0, 1) at 2 are both (0, -1).
    figure = plots.rotation_plane((1.0, 0.0), (0.0, 1.0), 3, 2, math.pi / 2)
    assert title(figure) == "distance 1: dot product 1.000"
    moved = plots.rotation_plane((1.0, 0.0), (0.0, 1.0), 20, 19, math.pi / 2)
    assert title(moved) == title(figure)
    other = plots.rotation_plane((1.0, 0.0), (0.0, 1.0), 4, 2, math.pi / 2)
    assert title(other) == "distance 2: dot product 0.000"


def test_the_plane_marks_the_distance_on_the_curve():
    figure = plots.rotation_plane((1.0, 0.2), (0.6, 0.7), 33, 1, 0.3)
    curve, dot = figure.axes[1].lines
    [x], [y] = dot.get_data()
    assert x == 32 and curve.get_xdata().max() == 32
    assert np.interp(x, *curve.get_data()) == pytest.approx(y, abs=1e-6)
    # The tips of the arrows: before the turn (fainter) and after it.
    tips = [text.xy for text in figure.axes[0].texts]
    assert np.hypot(*tips[0]) == pytest.approx(np.hypot(*tips[1]))
    assert tips[1] == pytest.approx(tuple(rotated((1.0, 0.2), 33 * 0.3)))


def rotated(point, angle):
    turned = complex(*point) * np.exp(1j * angle)
    return turned.real, turned.imag


def hand(ax, pair):
    """Where a hand points, from the middle of its clock."""
    x, y = ax.lines[pair].get_data()
    return x[1] - x[0], y[1] - y[0]


def test_a_clock_points_where_its_pair_has_turned():
    ax = plots.rope_clocks(torch.tensor([math.pi / 2, 0.01]), 3)
    assert hand(ax, 0) == pytest.approx((0, -1), abs=1e-6)
    assert hand(ax, 1) == pytest.approx((math.cos(0.03), math.sin(0.03)))
    words = [text.get_text() for text in ax.texts]
    assert words == ["pair 0\n4.0 tokens", "pair 1\n628 tokens"]
    assert ax.get_title() == "3 tokens apart"


def test_hands_where_training_never_was_are_red_and_counted():
    paces = rope_frequencies(ModelConfig.preset("toytown"))
    for distance, outside in ((0, 0), (256, 0), (1000, 9)):
        ax = plots.rope_clocks(paces, distance, seen=256 * paces)
        colors = [line.get_color() for line in ax.lines]
        assert colors.count(VERMILION) == outside
        assert colors.count(BLUE) == 16 - outside
        words = f"{distance:,} tokens apart: {outside} of 16 hands where training never was"
        assert ax.get_title() == words


def test_clocks_of_any_number_lie_inside_and_apart():
    for pairs in (1, 8, 11, 64):
        ax = plots.rope_clocks(torch.ones(pairs), 1)
        middles = [line.get_xydata()[0] for line in ax.lines]
        for n, (x, y) in enumerate(middles):
            assert ax.get_xlim()[0] < x - 1 and x + 1 < ax.get_xlim()[1]
            assert ax.get_ylim()[0] < y - 1 and y + 1 < ax.get_ylim()[1]
            assert all(np.hypot(x - a, y - b) > 2 for a, b in middles[:n])
        plt.close("all")
    with pytest.raises(ValueError, match="there are 2 frequencies, but 3 angles seen"):
        plots.rope_clocks(torch.ones(2), 1, seen=torch.ones(3))


def test_loss_by_position_is_the_mean_of_each_bin():
    losses = torch.stack((torch.arange(6.0), torch.arange(6.0) + 2))
    floor = torch.tensor([0.1, 0.2, 0.3])
    ax = plots.loss_by_position({"mine": losses}, width=2, trained=4, floor=floor)
    mine, least, end = ax.lines
    assert mine.get_xdata().tolist() == [1, 3, 5]
    assert mine.get_ydata().tolist() == [1.5, 3.5, 5.5]
    assert least.get_ydata() == pytest.approx([0.1, 0.2, 0.3])
    assert end.get_xdata() == [4, 4]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["mine, at the end 5.50", "floor, at the end 0.30"]


def test_bins_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="6 positions cannot be cut into bins of 4"):
        plots.loss_by_position({"mine": torch.ones(2, 6)}, width=4)
    with pytest.raises(ValueError, match="there are 3 points, but 2 of the floor"):
        plots.loss_by_position({"mine": torch.ones(2, 6)}, width=2, floor=torch.ones(2))
