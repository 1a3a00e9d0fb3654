"""Pictures: arrays in, Axes out, one file a subject. Only what is in here imports matplotlib."""

from minillama.plots.attention import attention_map, head_grid
from minillama.plots.bars import distribution_bars
from minillama.plots.curves import loss_curve, save_loss_curve
from minillama.plots.decoding import computed_scores, memory_bars
from minillama.plots.llama_map import llama_map
from minillama.plots.parts import loss_bars, stacked_shares
from minillama.plots.pieces import token_pieces
from minillama.plots.show import show
from minillama.plots.tokens import token_colors
from minillama.plots.training import training_panels

__all__ = [
    "attention_map",
    "computed_scores",
    "distribution_bars",
    "head_grid",
    "llama_map",
    "loss_bars",
    "loss_curve",
    "memory_bars",
    "save_loss_curve",
    "show",
    "stacked_shares",
    "token_colors",
    "token_pieces",
    "training_panels",
]
