"""Tokens as coloured pieces, read back from the Axes they were drawn on."""

import matplotlib

matplotlib.use("agg")
from itertools import pairwise

from matplotlib import pyplot
from matplotlib.colors import to_hex

from minillama import plots
from minillama.plots import text
from minillama.plots.colors import INK, ink_on, luminance
from minillama.plots.pieces import TINTS


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_every_token_stands_on_its_own_piece_in_reading_order():
    tokens = ["▁Once", "▁up", "on", "\n", "<0xE5>", "▁a"]
    ax = plots.token_pieces(tokens)
    assert texts(ax) == ["·Once", "·up", "on", "↵", "<0xE5>", "·a"]
    edges = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert all(right == left for (_, right), (left, _) in pairwise(edges))
    middles = [bar.get_x() + bar.get_width() / 2 for bar in ax.patches]
    assert middles == [text.get_position()[0] for text in ax.texts]


def test_neighbours_have_different_colours_on_which_ink_is_read():
    ax = plots.token_pieces(["a"] * 11)
    colors = [to_hex(bar.get_facecolor()).upper() for bar in ax.patches]
    assert all(a != b for a, b in pairwise(colors)) and {*colors} == {*TINTS}
    assert {text.get_color() for text in ax.texts} == {INK}
    for tint in TINTS:
        assert ink_on(tint) == INK
        assert (luminance(tint) + 0.05) / (luminance(INK) + 0.05) > 7  # WCAG's highest grade


def test_pictures_of_several_cuts_can_be_as_high():
    word = "▁" + "x" * 38  # two fill a line
    heights = set()
    for n in (1, 3, 8):
        ax = plots.token_pieces([word] * n, lines=4)
        heights.add((ax.figure.get_figheight(), ax.get_ylim()))
    assert len(heights) == 1
    assert plots.token_pieces([word] * 10, lines=4).figure.get_figheight() > heights.pop()[0]
    rows = [bar.get_y() for bar in plots.token_pieces([word] * 4).patches]
    assert len(set(rows)) == 2


def test_a_title_a_missing_character_and_no_tokens(monkeypatch):
    monkeypatch.setattr(text, "_characters", lambda: frozenset(map(ord, "ab ")))
    ax = plots.token_pieces(["a", "猫"], title="b a猫")
    assert ax.get_title(loc="left") == "b a□"
    assert texts(ax) == ["a", "□"]
    assert texts(plots.token_pieces([])) == []


def test_it_draws_where_it_is_told_to():
    _, (left, right) = pyplot.subplots(1, 2)
    assert plots.token_pieces(["a"], ax=right) is right
    assert not left.texts
