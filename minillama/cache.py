"""KVCache: the keys and values of tokens already read, so that each is computed only once."""

import torch
from jaxtyping import Float
from torch import Tensor

from minillama.config import ModelConfig


class KVCache:
    """Room for every layer's keys and values of a batch, filled from the left.

    `position` counts the tokens it holds. It moves once per forward, after the last layer, since
    all layers write at the same place; setting it back forgets the tokens after it.
    `update` raises ValueError for more tokens than fit, and for a batch of another size.
    """

    def __init__(
        self,
        config: ModelConfig,
        batch_size: int,
        max_seq_len: int | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        self.max_seq_len = config.max_seq_len if max_seq_len is None else max_seq_len
        shape = (config.n_layers, batch_size, config.n_kv_heads, self.max_seq_len, config.head_dim)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.position = 0

    def update(
        self,
        layer: int,
        k: Float[Tensor, "batch kv_heads time head_dim"],
        v: Float[Tensor, "batch kv_heads time head_dim"],
    ) -> tuple[
        Float[Tensor, "batch kv_heads keys head_dim"], Float[Tensor, "batch kv_heads keys head_dim"]
    ]:
        """Write one layer's new keys and values; return all it has, the new ones last."""
        if len(k) != self.keys.shape[1]:
            raise ValueError(f"this cache is for a batch of {self.keys.shape[1]}, not {len(k)}")
        end = self.position + k.shape[2]
        if end > self.max_seq_len:
            raise ValueError(f"the cache has room for {self.max_seq_len} tokens, not for {end}")
        self.keys[layer, :, :, self.position : end] = k
        self.values[layer, :, :, self.position : end] = v
        # The cache may be kept in another dtype than the model computes in.
        return self.keys[layer, :, :, :end].to(k.dtype), self.values[layer, :, :, :end].to(v.dtype)

    def advance(self, n: int) -> None:
        """Count `n` more tokens, once every layer has written theirs."""
        self.position += n
