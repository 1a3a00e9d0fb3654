"""What happens inside a model on the way to its logits: attention maps, neurons."""

from minillama.interp.attention import attention_maps, attention_replaced, heads_exchanged
from minillama.interp.neurons import neurons, neurons_edited, value_logits

__all__ = [
    "attention_maps",
    "attention_replaced",
    "heads_exchanged",
    "neurons",
    "neurons_edited",
    "value_logits",
]
