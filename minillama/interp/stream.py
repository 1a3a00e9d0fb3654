"""The residual stream seen from inside."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from minillama.model import Llama


@torch.no_grad()
def residual_stream(
    model: Llama, tokens: Int[Tensor, "batch time"]
) -> Float[Tensor, "states batch time dim"]:
    """The stream before the first block and after each: n_layers + 1 states.

    Raises ValueError for more tokens than the model's max_seq_len.
    """
    states: list[Tensor] = []

    def record(module: nn.Module, given: tuple[Any, ...]) -> None:
        states.append(given[0])

    readers = [*model.layers, model.norm]
    hooks = [reader.register_forward_pre_hook(record) for reader in readers]
    try:
        model(tokens)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(states)
