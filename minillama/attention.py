"""Attention: every position gathers what it needs from the positions before it."""

import math

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.rope import apply_rope


def causal_mask(
    time: int, keys: int, device: torch.device | str | None = None
) -> Bool[Tensor, "time keys"]:
    """True where a query may look: at its own position and earlier ones.

    The queries are the last `time` of the `keys` positions.
    """
    position = torch.arange(keys, device=device)
    return position <= position[keys - time :, None]


def attention_mask(
    time: int, documents: Int[Tensor, "batch keys"]
) -> Bool[Tensor, "batch 1 time keys"]:
    """True where a query may look: at keys that are not later and of the same document.

    The queries are the last `time` of the positions in `documents`. Padding is a document of its
    own (-1), so that it sees padding: a row that sees nothing would make softmax divide 0 by 0.
    """
    keys = documents.shape[1]
    same = documents[:, keys - time :, None] == documents[:, None, :]
    return (same & causal_mask(time, keys, documents.device))[:, None]


def attention_weights(
    q: Float[Tensor, "*batch time head_dim"],
    k: Float[Tensor, "*batch keys head_dim"],
    mask: Bool[Tensor, "*#batch time keys"] | None = None,
) -> Float[Tensor, "*batch time keys"]:
    """The weight that each query gives to each key; rows sum to 1. No mask means causal.

    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1.
    """
    if mask is None:
        mask = causal_mask(q.shape[-2], k.shape[-2], q.device)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(dim=-1)


def attend(
    q: Float[Tensor, "*batch time head_dim"],
    k: Float[Tensor, "*batch keys head_dim"],
    v: Float[Tensor, "*batch keys head_dim"],
    mask: Bool[Tensor, "*#batch time keys"] | None = None,
) -> Float[Tensor, "*batch time head_dim"]:
    """For each query, the values averaged with its weights. No mask means causal."""
    return attention_weights(q, k, mask) @ v


def fused_attend(
    q: Float[Tensor, "batch heads time head_dim"],
    k: Float[Tensor, "batch kv_heads keys head_dim"],
    v: Float[Tensor, "batch kv_heads keys head_dim"],
    mask: Bool[Tensor, "#batch 1 time keys"] | None = None,
) -> Float[Tensor, "batch heads time head_dim"]:
    """What `attend` does once every query head has its keys, in the fastest way PyTorch offers.

    That is a kernel which never holds all the weights at once; but in bfloat16 on a CPU it took
    longer than plain matrix products: three times in training (8 rows of 256 tokens, PyTorch 2.13),
    1.8 times for the next tokens of 32 texts side by side, four times where heads share keys.
    """
    batch, time, keys = q.shape[0], q.shape[2], k.shape[2]
    plain = q.requires_grad or (time == 1 and batch > 1)
    if plain and q.dtype == torch.bfloat16 and q.device.type == "cpu":
        return grouped_attend(q, k, v, mask)
    if mask is None and 1 < time < keys:
        # The kernel's own causal mask would take the queries for the first positions.
        mask = causal_mask(time, keys, q.device)
    causal = mask is None and time > 1
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=True
    )


def grouped_attend(
    q: Float[Tensor, "batch heads time head_dim"],
    k: Float[Tensor, "batch kv_heads keys head_dim"],
    v: Float[Tensor, "batch kv_heads keys head_dim"],
    mask: Bool[Tensor, "#batch 1 time keys"] | None = None,
) -> Float[Tensor, "batch heads time head_dim"]:
    """The same as `attend`, with few and large products: heads that share keys are stacked."""
    (_, n_kv_heads, keys, head_dim), time = k.shape, q.shape[2]
    if mask is None and time > 1:  # one query looks back at all
        mask = causal_mask(time, keys, q.device)
    q = rearrange(q / math.sqrt(head_dim), "b (h group) t d -> b h (group t) d", h=n_kv_heads)
    scores = rearrange(q @ k.transpose(-2, -1), "b h (group t) s -> b h group t s", t=time)
    if mask is not None:
        bias = torch.zeros(mask.shape, dtype=q.dtype, device=q.device).masked_fill(~mask, -math.inf)
        scores = scores + bias.unsqueeze(-3)
    out = rearrange(scores.softmax(dim=-1), "b h group t s -> b h (group t) s") @ v
    return rearrange(out, "b h (group t) d -> b (h group) t d", t=time)


def repeat_heads(
    x: Float[Tensor, "batch kv_heads keys head_dim"], n_heads: int
) -> Float[Tensor, "batch heads keys head_dim"]:
    """Give every query head its key-value head: neighbours share one, as in 0 0 0 1 1 1.

    Source: Ainslie et al. 2023, arXiv:2305.13245, section 2.2.
    """
    return repeat(x, "b h s d -> b (h group) s d", group=n_heads // x.shape[1])


class Attention(nn.Module):
    """Causal self-attention with rotary positions and grouped key-value heads, without biases.

    `layer` is its number in the model: where a KVCache keeps its keys and values.
    """

    def __init__(self, config: ModelConfig, layer: int = 0) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.layer = layer
        self.wq = nn.Linear(config.dim, config.n_heads * config.head_dim, bias=False)
        self.wk = nn.Linear(config.dim, config.n_kv_heads * config.head_dim, bias=False)
        self.wv = nn.Linear(config.dim, config.n_kv_heads * config.head_dim, bias=False)
        self.wo = nn.Linear(config.n_heads * config.head_dim, config.dim, bias=False)

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        cos: Float[Tensor, "time half"],
        sin: Float[Tensor, "time half"],
        mask: Bool[Tensor, "#batch 1 time keys"] | None = None,
        cache: KVCache | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        q = rearrange(self.wq(x), "b t (h d) -> b h t d", d=self.head_dim)
        k = rearrange(self.wk(x), "b t (h d) -> b h t d", d=self.head_dim)
        v = rearrange(self.wv(x), "b t (h d) -> b h t d", d=self.head_dim)
        q, k = apply_rope(q, cos, sin), apply_rope(k, cos, sin)
        if cache is not None:
            k, v = cache.update(self.layer, k, v)  # (B, n_kv_heads, S, head_dim)
        return self.wo(rearrange(fused_attend(q, k, v, mask), "b h t d -> b t (h d)"))
