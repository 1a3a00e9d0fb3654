"""What happens inside a model on the way to its logits: attention, neurons, blocks, the stream."""

from minillama.interp.attention import attention_maps, attention_replaced, heads_exchanged
from minillama.interp.blocks import block_repeated, blocks_in_order, logit_lens
from minillama.interp.neurons import (
    gates_replaced,
    neurons,
    neurons_edited,
    neurons_like,
    neurons_switched_off,
    value_logits,
)
from minillama.interp.stream import norms_replaced, residual_stream, stream_edited

__all__ = [
    "attention_maps",
    "attention_replaced",
    "block_repeated",
    "blocks_in_order",
    "gates_replaced",
    "heads_exchanged",
    "logit_lens",
    "neurons",
    "neurons_edited",
    "neurons_like",
    "neurons_switched_off",
    "norms_replaced",
    "residual_stream",
    "stream_edited",
    "value_logits",
]
