"""The data flow of a block, and of the feed-forward in it."""

import numpy as np
from matplotlib.axes import Axes

from minillama.config import ModelConfig
from minillama.plots.colors import BLUE, FAINT
from minillama.plots.flow import SMALL, Box, Flow, Tokens, drawn, shape


def swiglu_flow(config: ModelConfig, tokens: Tokens = "T") -> Axes:
    """The feed-forward layer: two wide copies of x, one of which gates the other.

    tokens: how many there are, as a number or a symbol. There is no batch in the drawing.
    Source: Shazeer 2020, arXiv:2002.05202, equation 6.

    Raises ValueError for fewer tokens than 1.
    """
    dim, hidden, rows = config.dim, config.hidden_dim, drawn(tokens)
    wide = shape(tokens, hidden)
    flow = Flow(90, 33.5)
    x = flow.tensor(Box(5, 17, 6, 7), "x", shape(tokens, dim), rows=rows)
    flow.note(5, 9.6, "one row\nper token", ha="center")
    copies = {}
    for name, y in (("w_gate", 25), ("w_up", 9)):
        weight = flow.weight(Box(19, y, 10, 5), name, inside=f"{dim} → {hidden}")
        flow.arrow(x.right, (11, x.y), (11, y), weight.left)
        copies[name] = flow.tensor(Box(33, y, 10, 7), name[2:], wide, rows=rows)
        flow.arrow(weight.right, copies[name].left)
    silu = flow.operation(Box(45, 25, 6.5, 3.2), "SiLU")
    _silu(flow, Box(45, 30, 6.5, 4.5))
    times = flow.plus(53, 17, "×")
    flow.arrow(copies["w_gate"].right, silu.left)
    flow.arrow(silu.right, (times.x, 25), times.top)
    flow.arrow(copies["w_up"].right, (times.x, 9), times.bottom)
    flow.note(50.8, 17, "cell by cell", ha="right")
    product = flow.tensor(Box(62, 17, 10, 7), "product", wide, rows=rows)
    flow.arrow(times.right, product.left)
    down = flow.weight(Box(74.4, 17, 10, 5), "w_down", inside=f"{hidden} → {dim}")
    flow.arrow(product.right, down.left)
    out = flow.tensor(Box(85.3, 17, 6, 7), "output", shape(tokens, dim), rows=rows)
    flow.arrow(down.right, out.left)
    flow.legend(1.5, 1.5)
    return flow.ax


def _silu(flow: Flow, box: Box) -> None:
    """The curve of SiLU from -5 to 5, with its axes."""
    u = np.linspace(-5, 5, 41)
    x = box.x + u * box.width / 10
    low = box.y - box.height / 2 + 0.7
    flow.ax.plot(x[[0, -1]], [low, low], color=FAINT, linewidth=1)
    flow.ax.plot([box.x, box.x], [low - 0.4, low + box.height - 1.2], color=FAINT, linewidth=1)
    flow.ax.plot(x, low + u / (1 + np.exp(-u)) * (box.height - 1.5) / 5, color=BLUE, linewidth=1.8)


def block_flow(config: ModelConfig, tokens: Tokens = "T") -> Axes:
    """One block: attention and then SwiGLU read the residual stream, normalized, and add to it.

    tokens: how many there are, as a number or a symbol. There is no batch in the drawing.
    Source: Touvron et al. 2023, arXiv:2302.13971, section 2.2.
    """
    size = shape(tokens, config.dim)
    stream, y = 8.5, 19
    flow = Flow(90, 29)
    if config.n_layers > 1:
        flow.note(1.5, 27.3, f"one block of {config.n_layers}")
    flow.band((5, stream), (85, stream))
    flow.text(2.6, stream, "x", weight="bold")
    for tap, norm, part, weights, note, width, plus in (
        (
            6.5,
            "attention_norm",
            "Attention",
            "wq wk wv wo",
            "tokens exchange\ninformation",
            11,
            42.5,
        ),
        (
            46.5,
            "ffn_norm",
            "SwiGLU",
            "w_gate w_up w_down",
            "works on each\ntoken alone",
            14.4,
            85.3,
        ),
    ):
        first = flow.weight(Box(tap + 7.8, y, 10.4, 5), "RMSNorm", inside=norm)
        flow.arrow((tap, stream + 0.6), (tap, y), first.left)
        left = first.right[0] + 8.6
        second = flow.weight(Box(left + width / 2, y, width, 5), part, inside=weights)
        flow.arrow(first.right, second.left, shape=size)
        flow.note(second.x, y + 5, note, ha="center")
        circle = flow.plus(plus, stream)
        flow.arrow(second.right, (plus, y), circle.top, shape=size, side="left")
    flow.arrow(circle.right, (89.7, stream))
    for x in (9, 47.5, 85.3):
        flow.text(x, stream - 2.7, size, SMALL)
    flow.note(26, stream - 2.7, "residual stream", ha="center")
    flow.legend(1.5, 1.5)
    return flow.ax
