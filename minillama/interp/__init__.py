"""What happens inside a model on the way to its logits: attention maps, neurons, blocks."""

from minillama.interp.attention import attention_maps, attention_replaced, heads_switched_off
from minillama.interp.blocks import block_repeated, blocks_in_order, logit_lens
from minillama.interp.neurons import neurons, neurons_edited, value_logits
from minillama.interp.stream import residual_stream

__all__ = [
    "attention_maps",
    "attention_replaced",
    "block_repeated",
    "blocks_in_order",
    "heads_switched_off",
    "logit_lens",
    "neurons",
    "neurons_edited",
    "residual_stream",
    "value_logits",
]
