import matplotlib
import pytest
import torch

matplotlib.use("agg")
from matplotlib.colors import to_hex

from minillama import plots
from minillama.plots.colors import BLUE, FAINT


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, 1), (0.5, 1), (0.6, 2), (1.0, 4), (1, 4)])
def test_the_nucleus_is_coloured_up_to_the_token_that_reaches_top_p(top_p, kept):
    p = torch.tensor([0.125, 0.5, 0.25, 0.125])
    ax = plots.nucleus(p, ["a", "▁b", "c", "d"], top_p, title="here")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["·b", "c", "a", "d"]
    faces = [to_hex(bar.get_facecolor()) for bar in ax.patches]
    assert faces == [BLUE.lower()] * kept + [FAINT.lower()] * (4 - kept)
    assert ax.lines[0].get_ydata().tolist() == pytest.approx([0.5, 0.75, 0.875, 1.0])
    assert ax.get_xlabel() == f"the likeliest tokens\n{kept} of 4 are kept (blue)"
    assert ax.get_title() == "here"


def test_of_a_large_nucleus_the_first_are_shown():
    ax = plots.nucleus(torch.full((100,), 0.01), ["x"] * 100, 0.495, top=7)
    assert len(ax.patches) == 7 and "50 of 100" in ax.get_xlabel()
    with pytest.raises(ValueError, match="2 tokens, but 3 probabilities"):
        plots.nucleus(torch.ones(3) / 3, ["a", "b"], 0.5)


def test_a_spread_counts_all_and_marks_what_lies_beside_it():
    values = torch.randn(200)
    ax = plots.spread(values, {"beam": -6.0, "greedy": 1.5}, label="nats", what="stories", bins=10)
    assert sum(bar.get_height() for bar in ax.patches) == 200
    assert [line.get_xdata()[0] for line in ax.lines] == [-6.0, 1.5]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(legend) == ["beam: -6.00", "greedy: 1.50", "stories"]
    assert ax.get_xlabel() == "nats"
