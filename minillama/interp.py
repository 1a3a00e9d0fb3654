"""Looking inside: what a model computes on the way to its logits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from minillama.attention import attention_weights, repeat_heads
from minillama.model import Llama
from minillama.rope import apply_rope


@torch.no_grad()
def attention_maps(
    model: Llama, tokens: Int[Tensor, "batch time"]
) -> Float[Tensor, "layers batch heads time time"]:
    """How much each position takes from each, in every layer and head; rows sum to 1.

    The model's own attention never holds these weights, so they are computed beside it, from
    what each attention layer is given (Vaswani et al. 2017, arXiv:1706.03762, section 3.2).

    Raises ValueError for more tokens than the model's max_seq_len.
    """
    maps: list[Tensor] = []

    def record(attention: Any, inputs: tuple[Any, ...]) -> None:
        x, cos, sin, *_ = inputs
        q = rearrange(attention.wq(x), "b t (h d) -> b h t d", d=attention.head_dim)
        k = rearrange(attention.wk(x), "b t (h d) -> b h t d", d=attention.head_dim)
        q, k = apply_rope(q, cos, sin), apply_rope(k, cos, sin)
        maps.append(attention_weights(q, repeat_heads(k, q.shape[1])))

    # By name and not by class, so that a model of a reader's own classes is looked into as well.
    named = model.named_modules()
    layers = [module for name, module in named if name.rpartition(".")[2] == "attention"]
    hooks = [layer.register_forward_pre_hook(record) for layer in layers]
    try:
        model(tokens)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(maps)


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
