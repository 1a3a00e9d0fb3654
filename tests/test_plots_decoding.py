"""Pictures of what a model computes and keeps while it writes."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
from matplotlib import pyplot

from minillama import plots


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def states(ax):
    """0 for a score that is not computed, 1 for one of earlier, 2 for one of now."""
    return np.asarray(ax.images[0].get_array())


def test_with_a_cache_only_the_new_rows_are_computed():
    prefill = states(plots.computed_scores(3, 0, cached=True))
    assert (prefill == 2 * np.tri(3)).all()
    later = states(plots.computed_scores(3, 2, cached=True))
    assert (later[:4] == np.tri(5)[:4]).all() and (later[4] == 2).all()


def test_without_a_cache_everything_is_computed_again():
    assert (states(plots.computed_scores(3, 2, cached=False)) == 2 * np.tri(5)).all()


@pytest.mark.parametrize("prompt, step", [(0, 1), (2, -1)])
def test_a_step_that_cannot_be_is_refused(prompt, step):
    with pytest.raises(ValueError, match="there is no step"):
        plots.computed_scores(prompt, step, cached=True)


def test_memory_is_stacked_in_gigabytes():
    rows = {"one": {"weights": 2e9, "cache": 1e9}, "two": {"weights": 2e9}}
    ax = plots.memory_bars(rows, {"a card": 4e9})
    widths = [[bar.get_width() for bar in bars] for bars in ax.containers]
    assert widths == [[2, 2], [1, 0]]
    assert [bar.get_x() for bar in ax.containers[1]] == [2, 2]
    assert [text.get_text() for text in ax.texts] == [" 3 GB", " 2 GB", "a card"]
    assert ax.get_xlim()[1] > 4
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]
