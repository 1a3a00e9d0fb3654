"""Pictures of what a model computes while it writes."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")

from minillama import plots


def panels(prompt, step):
    """The two panels: 0 for a score that is not computed, 1 for one of earlier, 2 for one of now;
    and their titles."""
    axes = plots.computed_scores(prompt, step).axes
    return [np.asarray(ax.images[0].get_array()) for ax in axes], [ax.get_title() for ax in axes]


def test_the_prompt_is_read_whole_with_a_cache_and_without():
    (without, cached), titles = panels(3, 0)
    assert (without == 2 * np.tri(3)).all() and (cached == without).all()
    assert all(title.endswith("3 tokens read now, 3 in all") for title in titles)


def test_later_only_a_cache_saves_the_rows_of_earlier_tokens():
    (without, cached), titles = panels(3, 2)
    assert (without == 2 * np.tri(5)).all()
    assert (cached[:4] == np.tri(5)[:4]).all() and (cached[4] == 2).all()
    assert titles[0] == "without a cache:\n5 tokens read now, 12 in all"
    assert titles[1] == "with a cache:\n1 token read now, 5 in all"


@pytest.mark.parametrize("prompt, step", [(0, 1), (2, -1)])
def test_a_step_that_cannot_be_is_refused(prompt, step):
    with pytest.raises(ValueError, match="there is no step"):
        plots.computed_scores(prompt, step)
