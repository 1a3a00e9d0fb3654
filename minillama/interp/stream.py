"""The residual stream seen from inside, and a model whose stream or norms are other ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from minillama.interp.hooks import removed_after
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
    with removed_after(reader.register_forward_pre_hook(record) for reader in readers):
        model(tokens)
    return torch.stack(states)


@contextmanager
def stream_edited(model: Llama, layer: int, edit: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """While it lasts, block `layer` gets edit(x) in place of the stream x, (batch, time, dim)."""
    hook = model.layers[layer].register_forward_pre_hook(
        lambda _, given: (edit(given[0]), *given[1:])
    )
    with removed_after([hook]):
        yield


@contextmanager
def norms_replaced(model: Llama, by: Callable[[Any, Tensor], Tensor]) -> Iterator[None]:
    """While it lasts, every norm of a model computes by(norm, x), with its own weight and eps."""
    # By name and not by class, so that norms of a reader's own class are replaced as well.
    norms = [module for name, module in model.named_modules() if name.endswith("norm")]
    for norm in norms:
        norm.forward = partial(by, norm)
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward
