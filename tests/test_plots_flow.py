"""Drawings of the data flow, read back from the Axes they were drawn on."""

import matplotlib
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Annotation

matplotlib.use("agg")
from matplotlib import pyplot

from minillama import ModelConfig, plots
from minillama.plots.colors import LEARNED
from minillama.plots.llama_map import BOXES

CONFIGS = {
    "toytown": ModelConfig.preset("toytown"),
    "wide": ModelConfig.preset("llama-3-8b"),
    "many heads": ModelConfig.preset("llama-7b"),
    "one head": ModelConfig(8, 1, 1, 1, 24, 10, 16),
    "shared by all": ModelConfig.preset("toytown", n_kv_heads=1),
    "odd head_size": ModelConfig.preset("tiny", head_size=10, n_kv_heads=4),
}
DRAWINGS = {
    name: getattr(plots, name)
    for name in (
        "attention_flow",
        "heads_flow",
        "swiglu_flow",
        "block_flow",
        "cache_flow",
        "sampling_flow",
    )
}
each_drawing = pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


@pytest.fixture(autouse=True)
def _closed():
    yield
    pyplot.close("all")


def words(ax):
    return [text for text in ax.texts if text.get_text()]


def texts(ax):
    return [text.get_text() for text in words(ax)]


def ends(ax):
    return [tuple(text.xy) for text in ax.texts if isinstance(text, Annotation)]


def learned(ax):
    """The text in each box of weights."""
    boxes = [p for p in ax.patches if to_hex(p.get_facecolor()) == LEARNED.lower()]
    places = [patch.get_bbox() for patch in boxes]
    return {
        t.get_text() for t in words(ax) for place in places if place.contains(*t.get_position())
    }


@each_drawing
@pytest.mark.parametrize(
    ("config", "tokens"),
    [*((name, ()) for name in CONFIGS), ("wide", (1000,)), ("toytown", (1,)), ("toytown", (6,))],
)
def test_every_word_is_legible(draw, config, tokens):
    ax = draw(CONFIGS[config], *tokens)
    ax.figure.canvas.draw()
    assert 700 <= ax.figure.bbox.width <= 900
    areas = [(text.get_text(), text.get_window_extent()) for text in words(ax)]
    patches = [patch.get_window_extent() for patch in ax.patches]
    for i, (name, area) in enumerate(areas):
        assert ax.figure.bbox.x0 <= area.x0 and area.x1 <= ax.figure.bbox.x1, name
        assert ax.figure.bbox.y0 <= area.y0 and area.y1 <= ax.figure.bbox.y1, name
        for other, place in areas[:i]:
            assert not area.overlaps(place), f"{name} lies on {other}"
        for place in patches:  # a name is in its box or beside it, but never across the edge
            inside = place.x0 <= area.x0 and area.x1 <= place.x1
            assert inside or not area.overlaps(place), f"{name} lies across an edge"
    assert min(text.get_fontsize() for text in words(ax)) >= 8.5


@each_config
@each_drawing
def test_every_arrow_ends_at_something(draw, config):
    ax = draw(config)
    loose = 0
    for x, y in ends(ax):
        boxes = [patch.get_extents().transformed(ax.transData.inverted()) for patch in ax.patches]
        loose += not any(box.padded(0.1).contains(x, y) for box in boxes)
    assert loose == (draw is plots.block_flow)  # where the stream leaves the block


@each_drawing
def test_weights_have_the_names_and_sizes_of_the_model(draw):
    config = ModelConfig.preset("tiny", head_size=10)
    seen = learned(draw(config))
    expected = {
        "attention_flow": {"$W_Q$", "$W_K$", "$W_V$"},
        "cache_flow": {"$W_Q$", "$W_K$", "$W_V$"},
        "heads_flow": {"wq", "wk", "wv", "wo", "64 → 40", "64 → 20", "40 → 64"},
        "swiglu_flow": {"w_gate", "w_up", "w_down", "64 → 176", "176 → 64"},
        "block_flow": {"RMSNorm", "attention_norm", "Attention", "wq wk wv wo", "ffn_norm"}
        | {"SwiGLU", "w_gate w_up w_down"},
        "sampling_flow": {"LLaMA", "2 blocks, head"},
    }
    assert seen == expected[draw.__name__]


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("attention_flow", {"(T, 64)": 1, "(64, 10)": 3, "(T, 10)": 4, "(T, T)": 2}),
        ("cache_flow", {"(1, 64)": 1, "(64, 10)": 3, "(1, 10)": 4, "(t + 1, 10)": 2}),
        ("cache_flow", {"(1, t + 1)": 2}),
        ("heads_flow", {"(T, 64)": 2, "(T, 40)": 2, "(T, 20)": 2, "(4, T, 10)": 2}),
        ("heads_flow", {"(2, T, 10)": 2}),
        ("swiglu_flow", {"(T, 64)": 2, "(T, 176)": 3}),
        ("block_flow", {"(T, 64)": 7}),
        ("sampling_flow", {"(T)": 1, "(T, 2048)": 1, "(2048)": 1}),
    ],
)
def test_shapes_are_those_of_the_config(name, shapes):
    drawn = texts(DRAWINGS[name](ModelConfig.preset("tiny", head_size=10)))
    assert {shape: drawn.count(shape) for shape in shapes} == shapes


def test_the_scale_is_the_root_of_a_head_and_not_of_the_model():
    config = ModelConfig.preset("tiny", head_size=10)
    for draw in (plots.attention_flow, plots.cache_flow):
        assert "q · kᵀ / √10" in texts(draw(config))


def test_few_tokens_are_all_drawn_and_what_a_query_may_not_see_is_hatched():
    ax = plots.attention_flow(CONFIGS["toytown"], 4)
    assert {"(4, 192)", "(4, 4)"} <= set(texts(ax))
    assert sum(patch.get_hatch() is not None for patch in ax.patches) == 6
    assert not any(p.get_hatch() for p in plots.cache_flow(CONFIGS["toytown"], 4).patches)


def test_a_number_of_cached_tokens_is_counted_on():
    assert {"(1, 4)", "position 3"} <= set(texts(plots.cache_flow(CONFIGS["toytown"], 3)))
    first = texts(plots.cache_flow(CONFIGS["toytown"], 0))
    assert "(1, 1)" in first and not any("the cache" in text for text in first)


def test_query_heads_stand_in_the_row_of_the_keys_they_share():
    rows = {t.get_text(): t.get_position()[1] for t in words(plots.heads_flow(CONFIGS["toytown"]))}
    assert len({rows[name] for name in ("q0", "q1", "q2", "k0", "v0", "o0", "o2")}) == 1
    assert len({rows[name] for name in ("q3", "q5", "k1", "v1", "o5")}) == 1
    assert rows["q0"] > rows["q3"]


def test_many_heads_are_cut_short_and_the_last_is_shown():
    names = texts(plots.heads_flow(CONFIGS["wide"]))
    assert {"q0", "q3", "q4", "q31", "k0", "k1", "k7", "v7", "o31", "…", "⋮"} <= set(names)
    assert not {"q1", "q8", "k2"} & set(names)


@pytest.mark.parametrize(
    ("config", "note"),
    [
        ("toytown", "3 query heads share each head of keys and values"),
        ("shared by all", "all 6 query heads share one head of keys and values"),
        ("many heads", "each head has keys and values of its own"),
        ("one head", "a single head"),
    ],
)
def test_how_heads_share_is_said(config, note):
    assert note in texts(plots.heads_flow(CONFIGS[config]))


@pytest.mark.parametrize("draw", [d for d in DRAWINGS.values() if d is not plots.block_flow])
def test_no_tokens_are_refused(draw):
    with pytest.raises(ValueError, match="number of tokens must be at least"):
        draw(CONFIGS["toytown"], -1)


def test_the_loop_of_the_map_brings_an_id_to_the_embeddings_and_never_to_the_tokenizer():
    ax = plots.llama_map()
    [embeddings] = [box for box in BOXES if box.part == "embeddings"]
    [(_, y)] = [end for end in ends(ax) if end[0] == embeddings.x]
    assert embeddings.y < y < embeddings.y + embeddings.height
    assert "id of the chosen token" in texts(ax)
