"""Llama: an embedding, a stack of blocks, and one logit for every token that could come next."""

import math
from collections.abc import Callable
from os import PathLike

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from minillama.attention import Attention, attention_mask, causal_mask
from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.feedforward import SwiGLU
from minillama.norm import RMSNorm
from minillama.rope import rope_tables


class Block(nn.Module):
    """One layer: attention moves information between positions, the feed-forward works on each.

    Both read a normalised copy of the stream and add to it. Source: Touvron et al. 2023,
    arXiv:2302.13971, section 2.2.
    """

    def __init__(self, config: ModelConfig, layer: int = 0) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.dim, config.norm_eps)
        self.attention = Attention(config, layer)
        self.ffn_norm = RMSNorm(config.dim, config.norm_eps)
        self.feed_forward = SwiGLU(config.dim, config.hidden_dim)

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        cos: Float[Tensor, "time half"],
        sin: Float[Tensor, "time half"],
        mask: Bool[Tensor, "#batch 1 time keys"] | None = None,
        cache: KVCache | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        x = x + self.attention(self.attention_norm(x), cos, sin, mask, cache)
        return x + self.feed_forward(self.ffn_norm(x))


class Llama(nn.Module):
    """The decoder-only transformer of Touvron et al. 2023 (arXiv:2302.13971) and its successors.

    A new model has random weights; `Llama.from_pretrained(path)` reads them from a folder.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.tok_embeddings = nn.Embedding(config.vocab_size, config.dim)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.norm = RMSNorm(config.dim, config.norm_eps)
        self.output = nn.Linear(config.dim, config.vocab_size, bias=False)
        self.tie_and_tabulate()
        self.init_weights()

    def forward(
        self,
        tokens: Int[Tensor, "batch time"],
        cache: KVCache | None = None,
        documents: Int[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, "batch time vocab_size"]:
        """For every position, the logits of the token that comes next.

        cache: holds the tokens before these; they are added to it.
        documents: the id of each token's document, which sees nothing of the others, and -1 at
        padding. None means that all are document 0. With a cache, a prompt's tokens carry 0
        (and its padding -1), and None afterwards.

        Raises ValueError for more tokens than max_seq_len, or than the cache has room for.
        """
        batch, time = tokens.shape
        start = 0 if cache is None else cache.position
        end = start + time
        if end > self.config.max_seq_len:
            raise ValueError(
                f"{end} tokens are more than this model's max_seq_len of {self.config.max_seq_len}"
            )
        if cache is not None:
            documents = cache.update_documents(documents, batch, time)
        # No mask is needed where it is plainly causal, or where one token looks back at all.
        mask = None
        if documents is not None:
            mask = attention_mask(time, documents)
        elif 1 < time < end:
            mask = causal_mask(time, end, tokens.device)[None, None]
        cos, sin = self.cos[start:end], self.sin[start:end]

        x = self.tok_embeddings(tokens)
        for block in self.layers:
            x = block(x, cos, sin, mask, cache)
        if cache is not None:
            cache.advance(time)
        return self.output(self.norm(x))

    @torch.no_grad()
    def init_weights(self) -> None:
        """Draw all weights anew: normal with standard deviation 0.02, norms at 1.

        The two matrices of a block that write to the residual stream get less, so that the sum
        of all 2 n_layers of them starts as large as one (Radford et al. 2019, GPT-2, section 2.3).
        """
        for name, parameter in self.named_parameters():
            if parameter.dim() == 1:
                parameter.fill_(1.0)
            elif name.endswith(("wo.weight", "w_down.weight")):
                parameter.normal_(std=0.02 / math.sqrt(2 * self.config.n_layers))
            else:
                parameter.normal_(std=0.02)

    def tie_and_tabulate(self) -> None:
        """Share the embedding with the output if they are tied, and compute RoPE's tables."""
        if self.config.tie_embeddings:
            self.output.weight = self.tok_embeddings.weight
        cos, sin = rope_tables(self.config, self.norm.weight.device)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Llama":
        # PyTorch sends `.to(...)`, `.bfloat16()`, `.cuda()` and `.to_empty(...)` through here, one
        # tensor at a time. That would round the tables to the new dtype, leave them unset after
        # the meta device, and cut the tie between embedding and output; so all three are redone.
        super()._apply(fn, recurse)
        self.tie_and_tabulate()
        return self

    @property
    def n_parameters(self) -> int:
        """How many numbers are learnt; a shared embedding counts once."""
        return sum(parameter.numel() for parameter in self.parameters())

    @classmethod
    def from_pretrained(
        cls,
        path: str | PathLike[str],
        dtype: torch.dtype | None = None,
        device: torch.device | str = "cpu",
    ) -> "Llama":
        """The model in a folder, ours or Hugging Face's; see `minillama.weights.load_model`."""
        from minillama.weights import load_model  # it imports this module

        return load_model(path, dtype, device)

    def save_pretrained(self, path: str | PathLike[str], format: str = "native") -> None:
        """Write a folder, "native" or "hf"; see `minillama.weights.save_model`."""
        from minillama.weights import save_model  # it imports this module

        save_model(self, path, format)
