"""The data flow of a step of training: forward to the loss, and back to the weights."""

from matplotlib.axes import Axes

from minillama.config import ModelConfig
from minillama.plots.flow import SMALL, Box, Flow, Tokens, shape


def training_flow(
    config: ModelConfig, weights: Tokens = "N", batch: Tokens = "B", tokens: Tokens = "T"
) -> Axes:
    """One step: predict and compare (above), then find each weight's slope and change it (below).

    weights: how many numbers the model has; batch, tokens: how many rows, and how long; each as a
    number or a symbol.
    """
    rows, logits = shape(batch, tokens), shape(batch, tokens, config.vocab_size)
    numbers = f"{weights:,}" if isinstance(weights, int) else weights
    flow = Flow(90, 36)
    above, below = 25.5, 10
    inputs = flow.tensor(Box(8, above, 10, 6), "tokens", rows)
    model = flow.weight(Box(29, above, 14, 7), "model θ", inside=f"{numbers} weights")
    flow.arrow(inputs.right, model.left)
    out = flow.tensor(Box(50, above, 11, 6), "logits", logits)
    flow.arrow(model.right, out.left, shape="predict")
    compare = flow.operation(Box(67.5, above, 13, 3.4), "cross-entropy")
    flow.arrow(out.right, compare.left)
    targets = flow.tensor(Box(67.5, 32.2, 10, 3.4), "targets", above=False)
    flow.text(73.2, 32.2, rows, SMALL, ha="left")
    flow.arrow(targets.bottom, compare.top)
    loss = flow.tensor(Box(84, above, 6, 4), "loss", "one number")
    flow.arrow(compare.right, loss.left)
    back = flow.operation(Box(67.5, below, 13, 3.4), "backward", "the chain rule")
    flow.arrow((84, above - 3.6), (84, below), back.right)
    slopes = flow.tensor(Box(50, below, 11, 6), "gradient g", f"{numbers}")
    flow.arrow(back.left, slopes.right)
    step = flow.operation(Box(29, below, 13, 3.4), "optimizer")
    flow.arrow(slopes.left, step.right)
    flow.arrow(step.top, model.bottom, shape="new θ", side="right")
    state = flow.tensor(Box(8, below, 10, 6), "averages", f"2 × {numbers}")
    flow.arrow((state.right[0], below + 1), (step.left[0] + 0.4, below + 1))
    flow.arrow((step.left[0] + 0.4, below - 1), (state.right[0], below - 1))
    flow.note(17.6, below - 3.6, "kept for the\nnext step", ha="center")
    flow.legend(1.5, 1.5)
    return flow.ax
