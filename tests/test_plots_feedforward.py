"""Pictures of functions and neurons, read back from the Axes they were drawn on."""

import matplotlib
import numpy as np
import pytest
import torch
import torch.nn.functional as F

matplotlib.use("agg")

from minillama import plots


def test_curves_are_drawn_with_their_derivatives():
    left, right = plots.function_curves({"SiLU": F.silu, "square": torch.square}, -2.0, 3.0).axes
    for name, of, slope in [
        ("SiLU", F.silu, lambda x: x.sigmoid() * (1 + x * (1 - x.sigmoid()))),
        ("square", torch.square, lambda x: 2 * x),
    ]:
        drawn = [{line.get_label(): line for line in ax.get_lines()}[name] for ax in (left, right)]
        x = torch.tensor(drawn[0].get_xdata())
        assert (x[0], x[-1]) == (-2, 3)
        np.testing.assert_allclose(drawn[0].get_ydata(), of(x), atol=1e-12)
        np.testing.assert_allclose(drawn[1].get_ydata(), slope(x), atol=1e-12)
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["SiLU", "square"]
    assert left.get_xlabel() == "x" and "slope" in right.get_ylabel()


@pytest.mark.parametrize("n", [0, 8])
def test_as_many_functions_as_there_are_styles(n):
    with pytest.raises(ValueError, match=f"one to 7 functions, not {n}"):
        plots.function_curves({str(i): F.relu for i in range(n)})


def test_maps_have_x_across_and_y_up_and_one_scale():
    figure = plots.function_maps(
        {"x": lambda xy: xy[:, 0], "ten y": lambda xy: 10 * xy[:, 1:]}, 2.0, inner=1.0
    )
    first, second, _ = figure.axes
    pictures = [ax.get_images()[0] for ax in (first, second)]
    x, y = (np.asarray(picture.get_array()) for picture in pictures)
    assert (x[0, 0], x[-1, 0], x[0, -1]) == (-2, -2, 2)
    assert (y[0, 0], y[-1, 0], y[0, -1]) == (-20, 20, -20)
    assert {picture.get_clim() for picture in pictures} == {(-2, 2)}
    assert pictures[0].get_extent() == [-2, 2, -2, 2] and pictures[0].origin == "lower"
    assert first.patches[0].get_bbox().bounds == (-1, -1, 2, 2)
    assert [ax.get_title() for ax in (first, second)] == ["x", "ten y"]


def test_maps_of_nothing_are_refused():
    with pytest.raises(ValueError, match="one function at least"):
        plots.function_maps({}, 1.0)


def test_a_neurons_text_is_dark_where_it_speaks_in_a_colour_for_each_sign():
    ax = plots.neuron_text(
        ["▁a", "b", "c"], torch.tensor([0.0, -3.0, 1.5]), ["▁no"], layer=2, neuron=7
    )
    darkness = [1 - np.mean(patch.get_facecolor()[:3]) for patch in ax.patches]
    assert darkness[1] > darkness[2] > darkness[0]
    red, _, blue = np.transpose([patch.get_facecolor()[:3] for patch in ax.patches])
    assert red[1] > blue[1] and red[2] < blue[2]
    assert ax.get_title(loc="left") == "layer 2, neuron 7    pushes:  ·no"
