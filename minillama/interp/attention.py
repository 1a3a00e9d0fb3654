"""Attention maps: how much each position takes from each, in every layer and head."""

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
