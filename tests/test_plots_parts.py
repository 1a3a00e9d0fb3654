"""Pictures of shares, of memory, and of losses side by side."""

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgba

matplotlib.use("agg")

from minillama import plots
from minillama.plots.colors import BLUE, VERMILION


def test_each_row_is_split_into_its_shares():
    ax = plots.stacked_shares({"a": {"x": 1, "y": 3}, "b": {"y": 5}})
    widths = [[bar.get_width() for bar in bars] for bars in ax.containers]
    np.testing.assert_allclose(widths, [[25, 0], [75, 100]])
    assert [bar.get_x() for bar in ax.containers[1]] == [25, 0]
    labels = {text.get_text() for text in ax.texts}
    assert labels == {"25%", "75%", "100%", ""}


def test_shares_of_nothing_and_too_many_parts_are_refused():
    with pytest.raises(ValueError, match="'b' has no parts"):
        plots.stacked_shares({"a": {"x": 1}, "b": {"x": 0}})
    with pytest.raises(ValueError, match="8 parts are too many"):
        plots.stacked_shares({"a": {str(i): 1 for i in range(8)}})


def test_losses_have_their_numbers_and_the_floor_its_line():
    ax = plots.loss_bars({"right": 0.5, "broken": np.nan, "guess": 7.62}, floor=0.45)
    assert [bar.get_width() for bar in ax.patches] == [0.5, 0, 7.62]
    assert [text.get_text() for text in ax.texts] == ["0.50", "nan", "7.62", "floor 0.45"]
    assert [*ax.lines[0].get_xdata()] == [0.45, 0.45]
    assert not plots.loss_bars({"right": 0.5}).lines
    assert plots.loss_bars({"right": 0.5}, digits=3).texts[0].get_text() == "0.500"
    right, leaks = plots.loss_bars({"right": 0.5, "leaks": 0.2}, marked=["leaks"]).patches
    assert (right.get_facecolor(), leaks.get_facecolor()) == (to_rgba(BLUE), to_rgba(VERMILION))


def test_memory_is_stacked_in_gigabytes():
    rows = {"one": {"weights": 2e9, "cache": 1e9}, "two": {"weights": 2e9}}
    ax = plots.memory_bars(rows, {"a card": 4e9})
    widths = [[bar.get_width() for bar in bars] for bars in ax.containers]
    assert widths == [[2, 2], [1, 0]]
    assert [bar.get_x() for bar in ax.containers[1]] == [2, 2]
    assert [text.get_text() for text in ax.texts] == ["3 GB", "2 GB", "a card"]
    assert ax.get_xlim()[1] > 4
    numbers = [text.get_bbox_patch() for text in ax.texts[:2]]  # a limit's line is hidden behind
    assert all(patch and patch.get_facecolor() == (1, 1, 1, 1) for patch in numbers)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two"]
