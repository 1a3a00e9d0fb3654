"""What happens inside a model on the way to its logits: attention maps, neurons."""

from minillama.interp.attention import attention_maps
from minillama.interp.neurons import neurons, neurons_edited, value_logits

__all__ = ["attention_maps", "neurons", "neurons_edited", "value_logits"]
