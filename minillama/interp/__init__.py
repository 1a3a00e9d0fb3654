"""What happens inside a model on the way to its logits: attention maps, neurons."""

from minillama.interp.attention import attention_maps, attention_replaced, heads_switched_off
from minillama.interp.neurons import (
    gates_replaced,
    neurons,
    neurons_edited,
    neurons_like,
    neurons_switched_off,
    value_logits,
)

__all__ = [
    "attention_maps",
    "attention_replaced",
    "gates_replaced",
    "heads_switched_off",
    "neurons",
    "neurons_edited",
    "neurons_like",
    "neurons_switched_off",
    "value_logits",
]
