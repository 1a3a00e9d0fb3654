"""The data flow of attention: in one head, in one head with a cache, and in all heads."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from minillama.config import ModelConfig
from minillama.plots.colors import COMPUTED, SHADES
from minillama.plots.flow import SMALL, Box, Flow, Number, Tokens, drawn, shape

CELL = 1.7  # of a row for one token, where rows stand by themselves


def attention_flow(config: ModelConfig, tokens: Tokens = "T") -> Axes:
    """One attention head over a text: how x becomes q, k and v, and how the values are mixed.

    tokens: how many there are, as a number or a symbol. There is no batch in the drawing.
    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1.

    Raises ValueError for fewer tokens than 1.
    """
    size, rows = config.head_dim, drawn(tokens)
    flow = Flow(90, 43)
    _which(flow, config, 41.3)
    x = flow.tensor(Box(5, 23, 7, 8), "x", shape(tokens, config.dim), rows=rows)
    flow.note(5, 14.9, "one row\nper token", ha="center")
    made = {}
    for name, y in zip("qkv", (36, 23, 10), strict=True):
        weight = _projection(flow, config, name, x, Box(18, y, 7, 6.5))
        made[name] = flow.tensor(Box(28.5, y, 5, 8), name, shape(tokens, size), rows=rows)
        flow.arrow(weight.right, made[name].left)
    middle = 29.5
    product = flow.operation(Box(39.5, middle, 9.8, 3.4), f"q · kᵀ / √{size}")
    flow.arrow(made["q"].right, (product.x, 36), product.top)
    flow.arrow(made["k"].right, (product.x, 23), product.bottom)

    numbers, seen = _numbers(rows, rows), np.tri(rows, dtype=bool)
    scores = flow.tensor(
        Box(51, middle, 8, 8), "scores", shape(tokens, tokens), cells=_shades(numbers)
    )
    flow.note(51, middle - 7.2, "darker: larger", ha="center")
    flow.arrow(product.right, scores.left)
    mask = flow.operation(Box(61, middle, 5.8, 3.4), "mask")
    flow.note(61, middle + 4.2, "future scores\nbecome −∞", ha="center")
    flow.arrow(scores.right, mask.left)
    softmax = flow.operation(Box(71, middle, 7.8, 3.4), "softmax")
    flow.note(71, middle - 4.2, "each row\nsums to 1", ha="center")
    flow.arrow(mask.right, softmax.left)
    shares = np.where(seen, _shades(_softmax(np.where(seen, numbers, -np.inf))), "")
    weights = flow.tensor(Box(83, middle, 8, 8), "weights", cells=shares)
    flow.arrow(softmax.right, weights.left)

    mix = flow.operation(Box(66, 10, 10, 3.4), "weights · v")
    flow.arrow(made["v"].right, mix.left)
    flow.arrow(weights.bottom, (weights.x, 18.5), (mix.x, 18.5), mix.top)
    flow.text(weights.x - 0.8, 20.8, shape(tokens, tokens), SMALL, ha="right")
    out = flow.tensor(Box(83, 10, 5, 8), "output", shape(tokens, size), rows=rows)
    flow.arrow(mix.right, out.left)
    flow.legend(1.5, 1.5)
    return flow.ax


def cache_flow(config: ModelConfig, cached: Tokens = "t") -> Axes:
    """One attention head in one step of decoding, with the keys and values of what came before.

    cached: how many tokens the cache holds before the step, as a number or a symbol.

    Raises ValueError for fewer than 0.
    """
    size, rows = config.head_dim, drawn(cached, 0)
    keys = cached + 1 if isinstance(cached, int) else f"{cached} + 1"
    new = np.array([[to_hex(SHADES(0.5))]])
    flow = Flow(90, 46.5)
    _which(flow, config, 45)
    x = flow.tensor(Box(5, 26, 7, CELL), "x", shape(1, config.dim))
    flow.note(5, 21.4, "the new\ntoken only", ha="center")
    made, kept = {}, {}
    for name, y in zip("qkv", (40.8, 26, 10), strict=True):
        weight = _projection(flow, config, name, x, Box(16.5, y, 7, 6))
        end = weight
        if name != "v":
            end = flow.operation(Box(25.5, y, 5.8, 3), "RoPE", f"position {cached}")
            flow.arrow(weight.right, end.left)
        cells = new if name != "q" else None
        made[name] = flow.tensor(Box(34, y, 5, CELL), name, shape(1, size), cells=cells)
        flow.arrow(end.right, made[name].left)
    for name, title in (("k", "keys"), ("v", "values")):
        below = made[name].y - CELL / 2
        box = Box(50, below + (rows + 1) * CELL / 2, 5, (rows + 1) * CELL)
        cells = np.vstack([np.full((rows, 1), COMPUTED), new])
        kept[name] = flow.tensor(box, title, shape(keys, size), cells=cells)
        flow.arrow(made[name].right, (47.5, made[name].y))
        flow.note(42, made[name].y - 1.2, "appended", ha="center")
        if rows:
            middle = made[name].y + (rows + 1) * CELL / 2
            flow.note(46.7, middle, f"{cached} in\nthe cache", ha="right")

    product = flow.operation(Box(61, 40.8, 9.8, 3.4), f"q · kᵀ / √{size}")
    flow.arrow(made["q"].right, product.left)
    flow.arrow(kept["k"].right, (product.x, kept["k"].y), product.bottom)
    numbers = _numbers(1, rows + 1)
    row = Box(77, 40.8, (rows + 1) * CELL, CELL)
    scores = flow.tensor(row, "scores", cells=_shades(numbers))
    flow.arrow(product.right, scores.left)
    softmax = flow.operation(Box(row.x, 33, 7.8, 3.4), "softmax")
    flow.note(row.x - 5, 33, "no mask: no\nkey is later", ha="right")
    flow.arrow(scores.bottom, softmax.top, shape=shape(1, keys), side="right")
    weights = flow.tensor(row._replace(y=24), "", cells=_shades(_softmax(numbers)))
    flow.text(row.x + 1, 26.2, "weights", weight="bold", ha="left")
    flow.arrow(softmax.bottom, weights.top)
    mix = flow.operation(Box(row.x, kept["v"].y, 10, 3.4), "weights · v")
    flow.arrow(weights.bottom, mix.top, shape=shape(1, keys), side="right")
    flow.arrow(kept["v"].right, mix.left)
    out = flow.tensor(Box(row.x, 3.7, 5, CELL), "", shape(1, size))
    flow.text(row.x + 3.5, 3.7, "output", weight="bold", ha="left")
    flow.arrow(mix.bottom, out.top)
    flow.legend(1.5, 1.5)
    return flow.ax


def heads_flow(config: ModelConfig, tokens: Tokens = "T") -> Axes:
    """The attention layer with all its heads: query heads in a row share their keys and values.

    `attend` in each row is what `attention_flow` shows of one head. Of many heads, only
    some are drawn. tokens: how many there are, as a number or a symbol.
    Source: Ainslie et al. 2023, arXiv:2305.13245, section 2.2.

    Raises ValueError for fewer tokens than 1.
    """
    dim, size, heads, shared = config.dim, config.head_dim, config.n_heads, config.n_kv_heads
    groups, pitch = _few(shared, 4), 5.5
    base = 6 + pitch * len(groups)  # the top of the rows
    flow = Flow(90, base + 29)
    split, matrix, top = base + 6.5, base + 14, base + 22.5
    x = flow.tensor(Box(5, top, 7, 7), "x", shape(tokens, dim), rows=drawn(tokens))
    columns = (("wq", 16.5, heads), ("wk", 32.5, shared), ("wv", 45, shared))
    for name, middle, number in columns:
        wide = number * size
        weight = flow.weight(Box(middle, matrix, 10, 5), name, inside=f"{dim} → {wide}")
        flow.arrow(x.right, (middle, top), weight.top)
        pill = flow.operation(
            Box(middle, split, 10.5, 3), "split" if name == "wv" else "split, RoPE"
        )
        flow.arrow(weight.bottom, pill.top, shape=shape(tokens, wide), side="right")
        flow.arrow(
            pill.bottom, (middle, base - 0.45), shape=shape(number, tokens, size), side="right"
        )
    for row, group in enumerate(groups):
        y = base - pitch * (row + 0.5)
        if group is None:
            for middle in (16.5, 32.5, 45, 57, 70):
                flow.text(middle, y, "⋮", 14)
            continue
        flow.ground(Box(28.5, y, 42, 4.6))
        per = heads // shared
        _cards(flow, "q", group * per, per, 16.5, y)
        _cards(flow, "k", group, 1, 32.5, y)
        _cards(flow, "v", group, 1, 45, y)
        pill = flow.operation(Box(57, y, 8, 3), "attend")
        flow.arrow((49.5, y), pill.left)
        first, last = _cards(flow, "o", group * per, per, 70, y)
        flow.arrow(pill.right, (first, y))
        flow.line((last, y), (84, y))
    join = flow.operation(Box(84, split, 8, 3), "join")
    flow.arrow((84, base - pitch * (len(groups) - 0.5)), join.bottom)
    flow.text(83.3, base + 2.5, shape(heads, tokens, size), SMALL, ha="right")
    wo = flow.weight(Box(84, matrix, 10, 5), "wo", inside=f"{heads * size} → {dim}")
    flow.arrow(join.top, wo.bottom, shape=shape(tokens, heads * size), side="left")
    out = flow.tensor(Box(84, top + 0.7, 7, 7), "output", rows=drawn(tokens))
    flow.arrow(wo.top, out.bottom, shape=shape(tokens, dim), side="left")
    flow.note(5, top - 7.4, "one row\nper token", ha="center")
    flow.note(7.5, 4.3, _sharing(heads, shared))
    flow.note(62.5, 4.3, f"attend: softmax(q · kᵀ / √{size}, masked) · v", ha="center")
    flow.legend(1.5, 1.5)
    return flow.ax


def _few(number: int, most: int) -> list[int | None]:
    """0, 1, 2, ... or, of many, the first ones, None for those left out, and the last."""
    return [*range(number)] if number <= most else [*range(most - 2), None, number - 1]


def _cards(
    flow: Flow, name: str, first: int, number: int, x: Number, y: Number
) -> tuple[Number, Number]:
    """Heads beside each other around a place, three at most; where they begin and end."""
    shown = _few(number, 3)
    for place, head in enumerate(shown):
        middle = x + 4.7 * (place - (len(shown) - 1) / 2)
        if head is None:
            flow.text(middle, y, "…")
        else:
            flow.tensor(Box(middle, y, 4.2, 2.8), f"{name}{first + head}", above=False)
    half = 4.7 * (len(shown) - 1) / 2 + 2.1
    return x - half, x + half


def _sharing(heads: int, shared: int) -> str:
    if heads == 1:
        return "a single head"
    if heads == shared:
        return "each head has keys and values of its own"
    if shared == 1:
        return f"all {heads} query heads share one head of keys and values"
    return f"{heads // shared} query heads share each head of keys and values"


def _which(flow: Flow, config: ModelConfig, y: Number) -> None:
    if config.n_heads > 1:
        flow.note(1.5, y, f"one head of {config.n_heads}")


def _projection(flow: Flow, config: ModelConfig, name: str, x: Box, place: Box) -> Box:
    """The way from x into the matrix that makes q, k or v of it."""
    bend = ((11, x.y), (11, place.y)) if place.y != x.y else ()
    flow.arrow(x.right, *bend, place.left)
    return flow.weight(place, f"$W_{name.upper()}$", shape(config.dim, config.head_dim))


def _numbers(rows: int, columns: int) -> np.ndarray:
    """Numbers that look like scores, the same each time."""
    i, j = np.indices((rows, columns))
    return 1.1 * np.cos(1.9 * i + 2.6 * j + 1.1 * i * j + 0.4)


def _softmax(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores)
    return shares / shares.sum(axis=-1, keepdims=True)


def _shades(numbers: np.ndarray) -> np.ndarray:
    """A color for each number, the darker the larger."""
    low, high = min(0, numbers.min()), max(1, numbers.max())
    return np.array(
        [[to_hex(SHADES(0.05 + 0.6 * (n - low) / (high - low))) for n in row] for row in numbers]
    )
