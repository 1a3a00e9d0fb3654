"""Pictures of what a model computes while it writes."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")

from minillama import plots


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
