"""Decoding in few operations: to write one token, a small model mostly reads its weights.

Queries, keys and values are three products with the same vector, and so are gate and up: with their
matrices side by side each becomes one. A product with a single vector is a sum, one term for each
of its numbers: that number times the weights it is multiplied with. So these lie side by side in
memory, and PyTorch's kernel for weighted sums (made for bags of embeddings) reads them ahead: on an
AMD EPYC 35 to 58 GB/s, where the usual product reads 10 to 15. For several texts side by side the
products are as usual, and attention is such sums. Every other operation takes a microsecond or two
however small it is: norms, angles and the cache are written here with as few as will do. The
results are equal to rounding.
"""

import math
from functools import partial
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from minillama.attention import fused_attend
from minillama.cache import KVCache
from minillama.model import Block, Llama
from minillama.norm import RMSNorm


class _Joint:
    """Matrices that one input is multiplied with, side by side; their own weights become views."""

    def __init__(self, *linears: nn.Linear) -> None:
        joint = torch.cat([linear.weight.detach() for linear in linears])
        self.weight: Float[Tensor, "n m"] = joint.t().contiguous()
        parts = self.weight.split([linear.out_features for linear in linears], dim=1)
        for linear, part in zip(linears, parts, strict=True):
            linear.weight.data = part.t()
        # One bag with all rows; PyTorch is quicker with numbers of 32 bits.
        self.rows = torch.arange(len(self.weight), dtype=torch.int32)
        self.first = torch.zeros(1, dtype=torch.int32)

    def __call__(self, x: Float[Tensor, "batch n"]) -> Float[Tensor, "batch m"]:
        if len(x) > 1 or x.device.type != "cpu":
            return x @ self.weight
        return F.embedding_bag(
            self.rows, self.weight, self.first, mode="sum", per_sample_weights=x[0]
        )


class _Sums:
    """The same for attention, for one query each of several texts to all keys of its text so far.

    A query's products with the keys are a sum, one term for each number of the query: that number
    times this number of every key. So these lie side by side in memory, once a cache comes here for
    the first time. And what the query gathers is a sum of values. A bag is what one query head
    sums: rows of its own text, and of the keys and values that it shares.
    """

    def __init__(
        self, cache: KVCache, n_heads: int, mask: Bool[Tensor, "batch 1 1 keys"] | None
    ) -> None:
        _, batch, n_kv_heads, slots, head_dim = cache.keys.shape
        if not cache.keys.mT.is_contiguous():
            cache.keys = cache.keys.mT.contiguous().mT
        numbers = torch.arange(max(head_dim, slots), dtype=torch.int32)
        heads = torch.arange(batch * n_kv_heads, dtype=torch.int32)
        heads = heads.repeat_interleave(n_heads // n_kv_heads)[:, None]
        self.end = cache.position + 1
        # To sum parts of rows, PyTorch copies them: less work where most slots are empty.
        self.summed = self.end if 4 * self.end < slots else slots
        self.key_rows = heads * head_dim + numbers[:head_dim]
        self.value_rows = heads * slots + numbers[: self.end]
        self.unseen = None if mask is None else ~mask[:, 0]

    def attend(
        self,
        q: Float[Tensor, "batch heads 1 head_dim"],
        keys: Float[Tensor, "batch kv_heads slots head_dim"],
        values: Float[Tensor, "batch kv_heads slots head_dim"],
    ) -> Float[Tensor, "batch heads 1 head_dim"]:
        batch, n_heads, _, head_dim = q.shape
        q = q.reshape(-1, head_dim) / math.sqrt(head_dim)
        table = keys.mT[..., : self.summed].flatten(0, 2)
        scores = F.embedding_bag(self.key_rows, table, mode="sum", per_sample_weights=q)
        scores = scores.view(batch, n_heads, -1)[:, :, : self.end]
        if self.unseen is not None:
            scores = scores.masked_fill(self.unseen, -math.inf)
        weights = scores.softmax(dim=-1).flatten(0, 1)
        table = values.flatten(0, 2)
        out = F.embedding_bag(self.value_rows, table, mode="sum", per_sample_weights=weights)
        return out.view(batch, n_heads, 1, head_dim)


class _Norm:
    """RMSNorm with a sum in place of the mean, which alone takes PyTorch three operations."""

    def __init__(self, norm: RMSNorm) -> None:
        self.weight = norm.weight
        self.eps, self.share = torch.tensor(norm.eps), 1 / len(norm.weight)

    def __call__(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        wide = x.float()
        squares = wide.square().sum(-1, keepdim=True)
        scale = torch.add(self.eps, squares, alpha=self.share).rsqrt()
        return (wide * scale).type_as(x) * self.weight


class _Layer(NamedTuple):
    """What a step needs of a block, at hand: to ask modules for it takes as long as a product."""

    attention_norm: _Norm
    qkv: _Joint
    wo: _Joint
    ffn_norm: _Norm
    gate_up: _Joint
    w_down: _Joint


def fuse_decoding(model: Llama) -> Llama:
    """Let `model`, from now on, compute each next token in few operations; returns it.

    That is for texts with a cache, one or many side by side. Prompts, training and a forward
    without a cache go on as before, and so does whatever looks into the model's modules; but a
    step does not call them, so that a hook on them does not see it.
    The step writes into a KVCache itself and, for many texts, lays its keys otherwise in memory.
    The model's weights become views of the joint matrices: they may be changed in place, but not
    exchanged for other tensors. `del model.forward` undoes it.

    Raises ValueError where the model's steps are compiled, or a matrix of it is not plain.
    """
    own = vars(model).get("forward")
    if getattr(own, "func", None) is _forward:
        return model  # it is fused already
    if own is not None:
        raise ValueError("this model has a forward of its own already: `del model.forward` first")
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and (
            type(module) is not nn.Linear or module.bias is not None
        ):
            raise ValueError(f"only plain matrices can be joined, and {name} is {module}")
    layers = [_fused(cast(Block, block)) for block in model.layers]
    step = partial(_forward, model, layers, _Norm(model.norm), _Joint(model.output))
    model.forward = step  # type: ignore[method-assign]
    return model


def _fused(block: Block) -> _Layer:
    attention, feed_forward = block.attention, block.feed_forward
    return _Layer(
        _Norm(block.attention_norm),
        _Joint(attention.wq, attention.wk, attention.wv),
        _Joint(attention.wo),
        _Norm(block.ffn_norm),
        _Joint(feed_forward.w_gate, feed_forward.w_up),
        _Joint(feed_forward.w_down),
    )


def _forward(
    model: Llama,
    layers: list[_Layer],
    norm: _Norm,
    output: _Joint,
    tokens: Int[Tensor, "batch time"],
    cache: KVCache | None = None,
    mask: Bool[Tensor, "#batch 1 time keys"] | None = None,
) -> Float[Tensor, "batch time vocab_size"]:
    batch, time = tokens.shape
    # A cache of another kind has an `update` of its own, which is not called here.
    ours = type(cache) is KVCache and time == 1
    full = cache is None or cache.position >= min(cache.max_seq_len, model.config.max_seq_len)
    if cache is None or not ours or full or batch != cache.keys.shape[1] or torch.is_grad_enabled():
        return Llama.forward(model, tokens, cache, mask)  # which refuses what does not fit
    config, start, dtype = model.config, cache.position, model.tok_embeddings.weight.dtype
    sums = _Sums(cache, config.n_heads, mask) if _sums_are_quicker(cache, dtype) else None
    # What `cache.update` does, but sliced for all layers at once.
    room, end = (cache.keys, cache.values), start + 1
    new_keys, new_values = (table[:, :, :, start:end].unbind() for table in room)
    all_keys, all_values = (table[:, :, :, :end].unbind() for table in room)
    cos, sin = model.cos[start:end].repeat(1, 2), model.sin[start:end].repeat(1, 2)
    sin[:, : config.head_dim // 2].neg_()
    shape = (batch, config.n_heads + 2 * config.n_kv_heads, 1, config.head_dim)
    turned, n_kv_heads = config.n_heads + config.n_kv_heads, config.n_kv_heads

    x = F.embedding(tokens[:, 0], model.tok_embeddings.weight)  # (B, dim)
    for i, layer in enumerate(layers):
        qk, v = layer.qkv(layer.attention_norm(x)).view(shape).split((turned, n_kv_heads), dim=1)
        q, k = _turned(qk, cos, sin).split((config.n_heads, n_kv_heads), dim=1)
        new_keys[i].copy_(k)
        new_values[i].copy_(v)
        if sums is not None:
            out = sums.attend(q, cache.keys[i], cache.values[i])
        else:
            out = fused_attend(q, all_keys[i].type_as(q), all_values[i].type_as(q), mask)
        x = x + layer.wo(out.view(batch, -1))
        gate, up = layer.gate_up(layer.ffn_norm(x)).chunk(2, dim=-1)
        x = x + layer.w_down(F.silu(gate) * up)
    cache.advance(1)
    return output(norm(x))[:, None]


def _turned(
    x: Float[Tensor, "batch heads 1 head_dim"],
    cos: Float[Tensor, "1 head_dim"],
    sin: Float[Tensor, "1 head_dim"],
) -> Float[Tensor, "batch heads 1 head_dim"]:
    """What `apply_rope` makes of x, where each table has a column for every number of a head.

    The numbers of a pair are half a head apart, so rolled by that they stand in each other's place.
    """
    wide = x.float()
    return torch.addcmul(wide * cos, wide.roll(wide.shape[-1] // 2, -1), sin).type_as(x)


def _sums_are_quicker(cache: KVCache, dtype: torch.dtype) -> bool:
    """PyTorch's own kernel is quicker for one text, and in float32 for a few (on an AMD EPYC)."""
    enough = 2 if dtype == torch.bfloat16 else 16
    own = cache.keys.dtype == dtype and cache.keys.device.type == "cpu"
    return own and cache.keys.shape[1] >= enough
