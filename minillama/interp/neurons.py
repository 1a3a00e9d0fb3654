"""Neurons of the feed-forward layers: what they say, what happens without them, what they write."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from minillama.model import Llama


@torch.no_grad()
def neurons(
    model: Llama, tokens: Int[Tensor, "batch time"]
) -> Float[Tensor, "layers batch time hidden"]:
    """What every feed-forward neuron says at each position: silu(gate) times up, before w_down.

    Raises ValueError for more tokens than the model's max_seq_len.
    """
    heard: list[Tensor] = []

    def record(layer: int, numbers: Tensor) -> Tensor:
        heard.append(numbers)
        return numbers

    with neurons_edited(model, record):
        model(tokens)
    return torch.stack(heard)


@contextmanager
def neurons_edited(model: Llama, edit: Callable[[int, Tensor], Tensor]) -> Iterator[None]:
    """While it lasts, each w_down gets `edit(layer, numbers)` in place of its neurons' numbers."""
    downs = [m for name, m in model.named_modules() if name.endswith(".feed_forward.w_down")]
    hooks = [
        down.register_forward_pre_hook(lambda _, given, i=i: (edit(i, given[0]),))
        for i, down in enumerate(downs)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def value_logits(model: Llama, layer: int) -> Float[Tensor, "hidden vocab_size"]:
    """Which tokens each neuron's value, its column of w_down, makes likelier by itself.

    Logits up to a positive factor: the final norm would divide by the length of the whole stream.
    Source: Geva et al. 2021, arXiv:2012.14913, section 4.
    """
    block: Any = model.layers[layer]
    return model.output(model.norm.weight * block.feed_forward.w_down.weight.mT)
