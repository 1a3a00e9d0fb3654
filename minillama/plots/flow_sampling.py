"""The data flow of writing: from a text to the next token, which joins the text."""

import numpy as np
from matplotlib.axes import Axes

from minillama.config import ModelConfig
from minillama.plots.colors import BLUE, FAINT
from minillama.plots.flow import SMALL, Box, Flow, Tokens, drawn, shape


def sampling_flow(config: ModelConfig, tokens: Tokens = "T") -> Axes:
    """The loop that writes: only the last row of the logits is used, and its token is appended.

    tokens: how many there are, as a number or a symbol. There is no batch in the drawing.
    """
    rows, vocab = drawn(tokens), config.vocab_size
    y, low = 17, 5.5
    flow = Flow(90, 26)
    ids = np.full((1, rows), FAINT, dtype=object)
    text = flow.tensor(Box(9, y, 9.5, 2.4), "token ids", shape(tokens), cells=ids)
    model = flow.weight(Box(24, y, 12, 8), "LLaMA", inside=f"{config.n_layers} blocks, head")
    flow.arrow(text.right, model.left)
    faces = np.full((rows, 6), FAINT, dtype=object)
    faces[-1] = BLUE
    logits = flow.tensor(Box(40, y, 11, 9), "logits", shape(tokens, vocab), cells=faces)
    flow.arrow(model.right, logits.left)
    last = flow.tensor(Box(57, y, 11, 2.4), "the last row", shape(vocab), cells=faces[-1:])
    flow.arrow(logits.right, last.left)
    choose = flow.operation(Box(72.5, y, 9.5, 4), "choose")
    flow.note(72.5, y + 5.2, "this lesson", ha="center")
    flow.arrow(last.right, choose.left)
    token = np.array([[BLUE]], dtype=object)
    token_id = flow.tensor(Box(84.5, y, 2.4, 2.4), "token id", cells=token)
    flow.arrow(choose.right, token_id.left)
    flow.arrow(token_id.bottom, (token_id.x, low), (1, low), (1, y), text.left)
    flow.text((text.x + token_id.x) / 2, low + 1.3, "append, and read it all again", SMALL)
    flow.legend(1.5, 1.6)
    return flow.ax
