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
    ax = plots.nucleus(p, ["a", "▁b", "c", "d"], top_p, title="here", named=2)
    faces = [to_hex(bar.get_facecolor()) for bar in ax.patches]
    assert faces == [BLUE.lower()] * kept + [FAINT.lower()] * (4 - kept)
    assert ax.lines[0].get_ydata().tolist() == pytest.approx([0.5, 0.75, 0.875, 1.0])
    assert f"top-p keeps {kept} of 4" in ax.get_xlabel()
    assert ax.get_title() == "here\nb, c" + ", …" * (kept > 2)


def test_of_a_large_nucleus_the_first_are_shown_and_a_line_marks_top_k():
    ax = plots.nucleus(torch.full((100,), 0.01), ["x"] * 100, 0.495, top=7, top_k=3)
    assert len(ax.patches) == 7 and "50 of 100" in ax.get_xlabel()
    assert [3.5, 3.5] in [list(line.get_xdata()) for line in ax.lines]
    with pytest.raises(ValueError, match="2 tokens, but 3 probabilities"):
        plots.nucleus(torch.ones(3) / 3, ["a", "b"], 0.5)


def test_tokens_that_are_hardly_possible_are_not_named():
    ax = plots.nucleus(torch.tensor([0.995, 0.004, 0.001]), ["red", "菲", "吉"], 0.9)
    assert ax.get_title() == "red"


def test_nuclei_stand_beside_each_other():
    figure = plots.nuclei({"one": torch.ones(3) / 3, "two": torch.eye(3)[0]}, list("abc"), 0.5)
    assert [ax.get_title().split("\n")[0] for ax in figure.axes] == ["one", "two"]
    assert ["top-p keeps 2 of 3" in ax.get_xlabel() for ax in figure.axes] == [True, False]


def test_a_trade_off_has_means_with_errors_and_names_what_is_shared_once():
    start = {"start": ([0.0, 2.0], [1.0, 1.0])}
    curves = [start | {"T": ([1.0, 3.0], [0.0, 1.0])}, start | {"k": ([4.0, 4.0], [0.5, 0.5])}]
    ax = plots.trade_off(curves, ("goal", ([3.0, 5.0], [1.0, 1.0])), xlabel="x", ylabel="y")
    assert sorted(text.get_text() for text in ax.texts) == ["T", "goal", "k", "start"]
    first = next(line for line in ax.lines if list(line.get_xdata()) == [1.0, 2.0])
    assert list(first.get_ydata()) == [1.0, 0.5]
    across = ax.containers[0].lines[2][0].get_segments()  # from 2 - error to 2 + error
    assert across[1][:, 0].tolist() == pytest.approx([1.0, 3.0])


def test_a_spread_counts_all_and_marks_what_lies_beside_it():
    values = torch.randn(200)
    ax = plots.spread(values, {"beam": -6.0, "greedy": 1.5}, label="nats", what="stories", bins=10)
    assert sum(bar.get_height() for bar in ax.patches) == 200
    assert [line.get_xdata()[0] for line in ax.lines] == [-6.0, 1.5]
    assert [text.get_text() for text in ax.texts] == ["beam -6.00", "greedy 1.50"]
    assert ax.get_xlabel() == "nats" and "stories" in ax.get_ylabel()
