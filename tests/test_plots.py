"""Pictures, read back from the Axes they were drawn on."""

import base64

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("agg")
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Wedge

from minillama import plots
from minillama.plots import text
from minillama.plots.colors import BLUE, GREEN, SHADES, ink_on, luminance
from minillama.plots.curves import loss_curve, save_loss_curve
from minillama.plots.llama_map import BOXES, PARTS
from minillama.plots.show import picture
from minillama.plots.text import drawable, readable
from minillama.runs import Reference, RunLog
from minillama.runs.logs import Log


def table(**columns):
    names = list(columns)
    return np.array(list(zip(*columns.values(), strict=True)), [(name, "f8") for name in names])


def log(floor=0.8):
    steps = np.arange(1.0, 101)
    return RunLog(
        table(step=steps, loss=1 + 6 / steps),
        table(step=[50.0, 100.0], loss=[1.2, 1.0], floor=[floor, floor]),
    )


def axes():
    return Figure().add_subplot()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def lines(ax):
    return {line.get_label().split()[0].rstrip(","): line for line in ax.get_lines()}


def test_the_curve_shows_both_losses_and_the_floor():
    ax = loss_curve(log(), ax=axes())
    drawn = lines(ax)
    assert drawn.keys() == {"training", "validation", "floor"}
    np.testing.assert_array_equal(drawn["training"].get_ydata(), log().training["loss"])
    np.testing.assert_array_equal(drawn["validation"].get_xdata(), [50, 100])
    assert set(drawn["floor"].get_ydata()) == {0.8}
    assert drawn["floor"].get_linestyle() == "--"
    assert drawn["training"].get_linewidth() < 1
    assert "1.000 (1.250 × floor)" in drawn["validation"].get_label()
    assert "0.800" in drawn["floor"].get_label()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss (nats per token)")


def test_without_a_floor_none_is_drawn():
    assert lines(loss_curve(log(np.nan), ax=axes())).keys() == {"training", "validation"}


def test_a_floor_can_be_given():
    drawn = lines(loss_curve(log(np.nan), floor=0.5, ax=axes()))
    assert set(drawn["floor"].get_ydata()) == {0.5}


def test_where_no_floor_is_known_an_ngram_model_is_drawn():
    reference = Reference(n=3, loss=0.9, bits_per_byte=1.0, gzip=3.0, lzma=2.0)
    drawn = lines(loss_curve(log(np.nan), ax=axes(), reference=reference))
    assert drawn.keys() == {"training", "validation", "3-gram"}
    assert set(drawn["3-gram"].get_ydata()) == {0.9}
    assert drawn["3-gram"].get_linestyle() == ":"
    assert "3-gram model 0.900" in drawn["3-gram"].get_label()


def test_a_run_without_validation_yet_has_a_curve():
    young = RunLog(log().training, log().validation[:0])
    assert lines(loss_curve(young, ax=axes())).keys() == {"training"}


def test_without_axes_it_makes_its_own():
    ax = loss_curve(log())
    assert ax.figure.number in pyplot.get_fignums()
    pyplot.close(ax.figure)


def test_a_run_folder_gets_a_picture(tmp_path):
    for name, rows in zip(("log.csv", "validation.csv"), log(), strict=True):
        file = Log(tmp_path / name, rows.dtype.names, 1)
        for row in rows.view(np.recarray):
            file.add(type("Row", (), {key: float(row[key]) for key in rows.dtype.names}))
        file.close()
    path = save_loss_curve(tmp_path)
    assert path == tmp_path / "loss.png"
    assert path.read_bytes().startswith(b"\x89PNG\r\n")


def test_a_folder_without_a_log_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"log\.csv"):
        save_loss_curve(tmp_path)


CAUSAL = torch.tensor([[1.0, 0.0, 0.0], [0.25, 0.75, 0.0], [0.0, 0.5, 0.5]])


def test_a_small_attention_map_has_numbers_where_a_query_may_look():
    ax = plots.attention_map(CAUSAL, ["<s>", "▁Mia", "▁ran"])
    assert texts(ax) == ["1", "0.25", "0.75", "0", "0.50", "0.50"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["<s>", "·Mia", "·ran"]
    assert "keys" in ax.get_xlabel() and "queries" in ax.get_ylabel()


def test_hidden_cells_differ_from_weights_of_zero():
    [image] = plots.attention_map(CAUSAL, list("abc")).get_images()
    hidden = np.isnan(np.ma.filled(image.get_array(), np.nan))
    assert hidden.tolist() == [[False, True, True], [False, False, True], [False, False, False]]


def test_a_map_says_what_hatching_means_if_it_has_any():
    assert "hatched" in plots.attention_map(CAUSAL, list("abc")).get_xlabel()
    assert "hatched" not in plots.attention_map(torch.full((2, 2), 0.5), list("ab")).get_xlabel()


def test_a_mask_says_what_is_hidden_where_weights_cannot():
    mask = torch.tensor([[True, False], [False, True]])
    [image] = plots.attention_map(torch.eye(2), list("ab"), mask=mask).get_images()
    assert np.isnan(np.ma.filled(image.get_array(), np.nan)).tolist() == (~mask).tolist()


def test_weights_come_in_any_dtype_and_with_gradients():
    weights = CAUSAL.bfloat16().requires_grad_()
    assert texts(plots.attention_map(weights, list("abc")))[1] == "0.25"
    assert texts(plots.attention_map(CAUSAL.numpy(), list("abc")))[1] == "0.25"


def test_a_map_of_the_last_queries_over_all_keys():
    ax = plots.attention_map(CAUSAL[2:], ["c"], ["a", "b", "c"])
    assert texts(ax) == ["0", "0.50", "0.50"]


def test_one_row_of_a_map_can_be_framed():
    plain, framed = (plots.attention_map(CAUSAL, list("abc"), framed=row) for row in (None, 2))
    assert len(framed.patches) == len(plain.patches) + 1
    assert (framed.patches[-1].get_xy(), framed.patches[-1].get_height()) == ((-0.5, 1.5), 1)


@pytest.mark.parametrize(
    ("weights", "tokens", "words"),
    [(CAUSAL, ["a"], "1 queries, but weights for 3"), (CAUSAL * 2, list("abc"), "between 0 and 1")],
)
def test_a_map_of_what_is_no_attention_is_refused(weights, tokens, words):
    with pytest.raises(ValueError, match=words):
        plots.attention_map(weights, tokens)


def test_a_grid_has_a_map_and_a_title_for_each_head():
    figure = plots.head_grid(torch.stack([CAUSAL] * 5), list("abc"))
    shown = [ax for ax in figure.axes if ax.get_visible() and ax.get_title()]
    assert [ax.get_title() for ax in shown] == [f"head {i}" for i in range(5)]
    with pytest.raises(ValueError, match="1 titles, but 5 heads"):
        plots.head_grid(torch.stack([CAUSAL] * 5), list("abc"), titles=["one"])


def test_bars_are_the_likeliest_tokens_in_order_and_the_rest_is_summed_up():
    ax = plots.distribution_bars(torch.tensor([0.1, 0.6, 0.05, 0.25]), list("abcd"), top=2)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "d"]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.6, 0.25])
    assert ax.get_xlabel() == "probability (the other 2 tokens: 0.150)"


def test_bars_of_two_distributions_stand_beside_each_other():
    first, second = torch.tensor([0.2, 0.8]), torch.tensor([0.6, 0.4])
    labels = ("before", "after")
    ax = plots.distribution_bars(first, ["a", "b"], other=second, labels=labels)
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == pytest.approx([0.8, 0.2, 0.4, 0.6])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["before", "after"]


def test_what_two_distributions_leave_over_is_shown_for_both():
    first, second = torch.tensor([0.98, 0.01, 0.01]), torch.tensor([0.6, 0.3, 0.1])
    ax = plots.distribution_bars(first, list("abc"), top=1, other=second)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "all 2 others"]
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == pytest.approx([0.98, 0.02, 0.6, 0.4]) and ax.get_xlabel() == "probability"


def test_tokens_are_darker_the_larger_their_number():
    ax = plots.token_colors(["▁a", "b", "c"], torch.tensor([0.0, 1.0, 4.0]), label="nats")
    light = [sum(patch.get_facecolor()[:3]) for patch in ax.patches]
    assert light == sorted(light, reverse=True) and len(set(light)) == 3
    assert texts(ax) == ["·a", "b", "c"]
    assert ax.figure.axes[-1].get_xlabel() == "nats"


def test_a_long_text_is_broken_into_lines_that_fit():
    ax = plots.token_colors(["▁word"] * 60, torch.ones(60), label="x")
    rows = {round(patch.get_y() + patch.get_height() / 2) for patch in ax.patches}
    assert rows == set(range(5))
    assert max(patch.get_x() + patch.get_width() for patch in ax.patches) <= 80


@pytest.mark.parametrize("draw", [plots.token_colors, plots.distribution_bars])
def test_tokens_must_be_as_many_as_numbers(draw):
    options = {"label": "x"} if draw is plots.token_colors else {}
    with pytest.raises(ValueError, match="2 tokens, but 3 "):
        draw(torch.ones(3), ["a", "b"]) if not options else draw(
            ["a", "b"], torch.ones(3), label="x"
        )


@pytest.mark.parametrize("part", PARTS)
def test_a_lit_part_and_a_built_one_stand_out_on_the_map(part):
    boxes = sum(box.part == part for box in BOXES)
    faces = [to_hex(p.get_facecolor()) for p in plots.llama_map(lit=[part]).patches]
    assert faces.count(BLUE.lower()) == boxes + 1  # one explains what the colour means
    drawn = plots.llama_map(built=[part]).patches
    thick = [p for p in drawn if isinstance(p, FancyBboxPatch) and p.get_linewidth() > 2]
    assert [to_hex(p.get_edgecolor()) for p in thick] == [GREEN.lower()] * boxes
    ticks = [p for p in drawn if isinstance(p, Circle) and to_hex(p.get_facecolor()) != "#ffffff"]
    assert len(ticks) == boxes + 1


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_begun_has_half_a_disc_unless_it_is_built(part):
    boxes = sum(box.part == part for box in BOXES)
    halves = [p for p in plots.llama_map(begun=[part]).patches if isinstance(p, Wedge)]
    assert len(halves) == boxes + 1
    drawn = plots.llama_map(built=[part], begun=[part]).patches
    assert len([p for p in drawn if isinstance(p, Wedge)]) == 1  # which explains it


def test_the_map_explains_only_the_marks_that_it_has():
    marks = {"this lesson", "built by you", "in part"}
    assert marks.isdisjoint(texts(plots.llama_map()))
    assert "numbers: lessons" in texts(plots.llama_map())
    assert "in part" in texts(plots.llama_map(begun=["norm"]))
    assert "this lesson" in texts(plots.llama_map(lit=["norm"]))
    assert "built by you" in texts(plots.llama_map(built=["norm"]))


def test_lit_boxes_stand_out_in_grey():
    # WCAG's contrast, which knows no hue: 4.5 is what text needs, 3 a mark.
    assert 1.05 / (luminance(BLUE) + 0.05) > 4.5
    assert 1.05 / (luminance(GREEN) + 0.05) > 3


def test_words_of_the_map_lie_inside_it():
    ax = plots.llama_map(lit=PARTS, built=PARTS, begun=PARTS)
    ax.figure.canvas.draw()
    frame = ax.figure.bbox
    for words in ax.texts:
        extent = words.get_window_extent()
        assert frame.x0 <= extent.x0 and extent.x1 <= frame.x1, words.get_text()
        assert frame.y0 <= extent.y0 and extent.y1 <= frame.y1, words.get_text()


def test_the_shades_are_equally_far_apart_in_lightness():
    light = np.array([luminance(SHADES(x)[:3]) for x in np.linspace(0, 1, 9)])
    steps = np.diff(116 * np.cbrt(light) - 16)  # CIE 1976 lightness
    assert steps.max() < 0 and steps.min() / steps.max() < 1.1


def test_boxes_of_the_map_do_not_overlap():
    for i, a in enumerate(BOXES):
        for b in BOXES[:i]:
            apart = abs(2 * (a.x - b.x) + a.width - b.width) >= a.width + b.width
            assert apart or abs(2 * (a.y - b.y) + a.height - b.height) >= a.height + b.height


def test_a_part_that_is_not_on_the_map_is_told():
    with pytest.raises(ValueError, match="no part 'atention' on the map; there are tokenizer"):
        plots.llama_map(lit=["atention"])
    with pytest.raises(ValueError, match="no part 'nrom' on the map"):
        plots.llama_map(begun=["nrom"])


def test_a_picture_carries_its_words_and_is_closed():
    ax = plots.llama_map()
    data, metadata = picture(ax, "The map.")
    assert data["text/plain"] == metadata["image/png"]["alt"] == "The map."
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert not pyplot.get_fignums()
    again, _ = picture(plots.llama_map(), "The map.")
    assert again == data  # the same bytes each time, so that notebooks do not change
    with pytest.raises(ValueError, match="alt is empty"):
        picture(plots.llama_map(), " ")


def test_where_there_is_no_notebook_the_words_are_printed(capsys):
    plots.show(plots.llama_map(), "The map.")
    assert capsys.readouterr().out == "The map.\n"


def test_in_a_notebook_the_words_stand_below_the_picture(monkeypatch):
    from IPython import display
    from IPython.core import getipython

    shown = []
    monkeypatch.setattr(getipython, "get_ipython", lambda: object())
    monkeypatch.setattr(display, "publish_display_data", lambda data, *more: shown.append(data))
    plots.show(plots.llama_map(), "x < y, and <s>.")
    assert [data["text/plain"] for data in shown] == ["x < y, and <s>."] * 2
    assert "image/png" in shown[0]
    assert shown[1]["text/html"] == "<p><em>x &lt; y, and &lt;s&gt;.</em></p>"


def test_spaces_of_tokens_are_seen():
    assert readable("▁Mia") == "·Mia" and readable("a\n") == "a↵"
    assert drawable("a\U000f0000") == "a□"


def test_han_characters_are_drawn_without_a_warning_whatever_fonts_there_are(monkeypatch, capfd):
    for installed in (text.HAN_FONTS, ()):
        monkeypatch.setattr(text, "HAN_FONTS", installed)
        text.fonts.cache_clear()
        text._characters.cache_clear()
        ax = plots.attention_map(torch.eye(2), ["▁小明", "说"])
        picture(ax, "x")
        if len(text.fonts()) == 1:
            assert [label.get_text() for label in ax.get_xticklabels()] == ["·□□", "□"]
    assert capfd.readouterr().err == ""
    monkeypatch.undo()
    text.fonts.cache_clear()
    text._characters.cache_clear()


def test_a_font_that_came_after_matplotlib_made_its_list_is_found(monkeypatch):
    added = []
    manager = text.font_manager
    monkeypatch.setattr(text, "_han_fonts", lambda: ["Noto Sans CJK SC"] if added else [])
    monkeypatch.setattr(
        manager, "findSystemFonts", lambda: ["/f/NotoSerif-Bold.ttf", "/f/NotoSansCJK-Regular.ttc"]
    )
    monkeypatch.setattr(manager.fontManager, "addfont", added.append)
    text.fonts.cache_clear()
    assert text.fonts() == ("DejaVu Sans", "Noto Sans CJK SC")
    assert added == ["/f/NotoSansCJK-Regular.ttc"]
    text.fonts.cache_clear()


def test_ink_is_read_on_its_background():
    assert ink_on("#FFFFFF") != "#FFFFFF" and ink_on("#081c3c") == "#FFFFFF"
