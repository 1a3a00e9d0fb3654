"""Attention seen from inside: its maps, other attention, and heads that work for another text."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from minillama.attention import attention_weights, repeat_heads
from minillama.interp.hooks import removed_after
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
    with removed_after(layer.register_forward_pre_hook(record) for layer in layers):
        model(tokens)
    return torch.stack(maps)


@contextmanager
def attention_replaced(
    by: Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor],
) -> Iterator[None]:
    """While it lasts, all models of minillama's own classes mix values by `by(q, k, v, mask)`.

    by: what takes the place of `attend`. All of q, k and v are (batch, n_heads, time, head_dim),
    since each query head gets a copy of the key-value head that it shares; no mask means causal.
    """

    def replacement(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        return by(q, repeat_heads(k, q.shape[1]), repeat_heads(v, q.shape[1]), mask)

    with mock.patch("minillama.attention.fused_attend", replacement):
        yield


@contextmanager
def heads_exchanged(
    model: Llama, heads: Collection[tuple[int, int]], donor_ids: Int[Tensor, "batch time"]
) -> Iterator[None]:
    """While it lasts, these heads give at the last position what they give there in other texts.

    heads: each a (layer, head); donor_ids: another text for each that the model will be given, of
    any length. All other heads and positions compute as always, from what now reaches them.
    Source: Meng et al. 2022, arXiv:2202.05262, section 2, who restore whole hidden states so; the
    method is known as activation patching.

    Raises ValueError for a head that the model does not have.
    """
    n_layers, n_heads = model.config.n_layers, model.config.n_heads
    for layer, head in heads:
        if not (0 <= layer < n_layers and 0 <= head < n_heads):
            have = f"layers 0 to {n_layers - 1} and heads 0 to {n_heads - 1}"
            raise ValueError(f"there is no head {head} in layer {layer}: the model has {have}")
    outs = [m for name, m in model.named_modules() if name.endswith("attention.wo")]

    def before_each_wo(do: Callable[[int, Tensor], Tensor]) -> AbstractContextManager[None]:
        return removed_after(
            wo.register_forward_pre_hook(lambda _, given, i=i: (do(i, given[0]),))
            for i, wo in enumerate(outs)
        )

    given: list[Tensor] = []

    def record(layer: int, mixed: Tensor) -> Tensor:
        given.append(rearrange(mixed[:, -1], "b (h d) -> b h d", h=n_heads))
        return mixed

    def exchange(layer: int, mixed: Tensor) -> Tensor:
        mixed = rearrange(mixed.clone(), "b t (h d) -> b t h d", h=n_heads)
        chosen = [head for at, head in heads if at == layer]
        mixed[:, -1, chosen] = given[layer][:, chosen]
        return rearrange(mixed, "b t h d -> b t (h d)")

    with torch.no_grad(), before_each_wo(record):
        model(donor_ids)
    with before_each_wo(exchange):
        yield
