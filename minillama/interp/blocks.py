"""Whole blocks: what the model would say after each, and what they do in another order."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from minillama.interp.hooks import removed_after
from minillama.interp.stream import residual_stream
from minillama.model import Llama


@torch.no_grad()
def logit_lens(
    model: Llama, tokens: Int[Tensor, "batch time"]
) -> Float[Tensor, "states batch time vocab_size"]:
    """Probabilities of the next token, read too early: after 0, 1, 2, ... blocks.

    Each state of the stream is treated as if it were the last: it gets the final norm, the output
    matrix and a softmax. Source: nostalgebraist 2020, "interpreting GPT: the logit lens".

    Raises ValueError for more tokens than the model's max_seq_len.
    """
    return model.output(model.norm(residual_stream(model, tokens))).softmax(dim=-1)


@contextmanager
def blocks_in_order(model: Llama, order: Iterable[int]) -> Iterator[None]:
    """While it lasts, the model runs its blocks in this order: `[0, 1, 1, 2]` runs block 1 twice.

    Without a cache only, because a block that runs twice would overwrite its own keys.
    Raises IndexError for a block that the model does not have.
    """
    layers = model.layers
    model.layers = nn.ModuleList(layers[i] for i in order)
    try:
        yield
    finally:
        model.layers = layers


@contextmanager
def block_repeated(
    model: Llama, layer: int, change: Callable[[Tensor], Tensor] = lambda added: added
) -> Iterator[None]:
    """While it lasts, block `layer` runs twice. Without a cache only.

    change: what becomes of the vectors (batch, time, dim) that the second run adds to the stream.
    """

    def again(block: Any, given: tuple[Any, ...], x: Tensor) -> Tensor:
        return x + change(block.forward(x, *given[1:]) - x)

    with removed_after([model.layers[layer].register_forward_hook(again)]):
        yield
