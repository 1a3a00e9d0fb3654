"""Pictures of heads and of several runs, read back from the Axes they were drawn on."""

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("agg")

from minillama import plots


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_neighbouring_query_heads_have_a_line_to_the_same_keys():
    figure = plots.head_groups(6, [6, 2, 1])
    assert [ax.get_title().split(":")[0] for ax in figure.axes] == ["MHA", "GQA", "MQA"]
    ends = [[line.get_xdata()[1] for line in ax.get_lines()] for ax in figure.axes]
    assert ends == [[0, 1, 2, 3, 4, 5], [1, 1, 1, 4, 4, 4], [2.5] * 6]
    assert texts(figure.axes[1]) == ["0", "1", "2", "3", "4", "5", "0", "1"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][1] == "queries"


def test_groups_may_have_titles_of_their_own():
    assert plots.head_groups(4, [2], titles=["half"]).axes[0].get_title() == "half"
    with pytest.raises(ValueError, match="1 titles, but 2 drawings"):
        plots.head_groups(4, [2, 4], titles=["half"])


@pytest.mark.parametrize("n", [0, 4, 12])
def test_groups_that_are_not_even_are_refused(n):
    with pytest.raises(ValueError, match=f"6 query heads cannot share {n} key-value heads evenly"):
        plots.head_groups(6, [n])


def test_every_run_is_thin_and_the_mean_thick():
    runs = torch.tensor([[4.0, 2.0, 0.0], [2.0, 2.0, 2.0]])
    ax = plots.seed_curves({"a": runs, "b": runs[:1]}, smooth=2)
    drawn = [(line.get_linewidth() > 1, line.get_ydata().tolist()) for line in ax.get_lines()]
    assert drawn == [(False, [3, 1]), (False, [2, 2]), (True, [2.5, 1.5]), (True, [3, 1])]
    assert [line.get_xdata().tolist() for line in ax.get_lines()] == [[2, 3]] * 4
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_curves_have_marks_to_compare_with_and_steps_of_their_own():
    ax = plots.seed_curves({"a": np.ones((1, 2))}, steps=np.array([10.0, 20]), marks={"floor": 0.5})
    assert [list(line.get_ydata()) for line in ax.get_lines()] == [[1, 1], [0.5, 0.5]]
    assert ax.get_lines()[0].get_xdata().tolist() == [10, 20]
    assert texts(ax) == ["floor"]


def test_curves_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match="a has 3 steps, fewer than smooth=4"):
        plots.seed_curves({"a": np.ones((2, 3))}, smooth=4)
    with pytest.raises(ValueError, match="at most 7 kinds"):
        plots.seed_curves({str(i): np.ones((1, 3)) for i in range(8)})
