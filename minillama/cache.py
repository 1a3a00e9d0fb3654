"""KVCache: the keys and values of tokens already read, so that each is computed only once."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from minillama.config import ModelConfig


class KVCache:
    """Room for every layer's keys and values of a batch, filled from the left.

    `position` counts the tokens it holds. It moves once per forward, after the last layer, since
    all layers write at the same place; setting it back forgets the tokens after it.
    `documents` holds the id of each token's document, or None while everything is document 0.

    Raises ValueError for a `max_seq_len` beyond the config's, and later for a batch of another
    size or more tokens than fit.
    """

    def __init__(
        self,
        config: ModelConfig,
        batch_size: int,
        max_seq_len: int | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        self.batch_size = batch_size
        self.max_seq_len = config.max_seq_len if max_seq_len is None else max_seq_len
        if not 0 < self.max_seq_len <= config.max_seq_len:
            raise ValueError(
                f"a cache for this model holds between 1 and {config.max_seq_len} tokens, "
                f"not {self.max_seq_len}"
            )
        shape = (config.n_layers, batch_size, config.n_kv_heads, self.max_seq_len, config.head_dim)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.documents: Tensor | None = None
        self.position = 0

    def update(
        self,
        layer: int,
        k: Float[Tensor, "batch kv_heads time head_dim"],
        v: Float[Tensor, "batch kv_heads time head_dim"],
    ) -> tuple[
        Float[Tensor, "batch kv_heads keys head_dim"],
        Float[Tensor, "batch kv_heads keys head_dim"],
    ]:
        """Write one layer's new keys and values; return all it has, the new ones last."""
        end = self.end_after(k.shape[0], k.shape[2])
        self.keys[layer, :, :, self.position : end] = k
        self.values[layer, :, :, self.position : end] = v
        # The cache may be kept in another dtype than the model computes in.
        return self.keys[layer, :, :, :end].to(k.dtype), self.values[layer, :, :, :end].to(v.dtype)

    def update_documents(
        self, documents: Int[Tensor, "batch time"] | None, batch: int, time: int
    ) -> Int[Tensor, "batch keys"] | None:
        """Note the documents of the new tokens; return those of all, or None if they are all 0."""
        end = self.end_after(batch, time)
        if documents is None and self.documents is None:
            return None
        if self.documents is None:
            shape = (self.batch_size, self.max_seq_len)
            self.documents = torch.zeros(shape, dtype=torch.long, device=self.keys.device)
        self.documents[:, self.position : end] = 0 if documents is None else documents
        return self.documents[:, :end]

    def advance(self, n: int) -> None:
        """Count `n` more tokens, once every layer has written theirs."""
        self.position += n

    def end_after(self, batch: int, time: int) -> int:
        """The position after `time` more tokens; raises ValueError if they do not fit."""
        if batch != self.batch_size:
            raise ValueError(f"this cache was made for a batch of {self.batch_size}, not {batch}")
        end = self.position + time
        if end > self.max_seq_len:
            raise ValueError(
                f"the cache has room for {self.max_seq_len} tokens and holds {self.position}: "
                f"{time} more do not fit"
            )
        return end
