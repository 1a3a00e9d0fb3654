"""Llama: an embedding, a stack of blocks, and one logit for every token that could come next."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from minillama.attention import Attention
from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.feedforward import SwiGLU
from minillama.norm import RMSNorm
from minillama.rope import rope_tables


class Block(nn.Module):
    """One layer: attention moves information between positions, the feed-forward works on each.

    Both read a normalized copy of the stream and add to it. Source: Touvron et al. 2023,
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

    A new model has random weights; `minillama.load_model(path)` reads trained ones from a folder.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.tok_embeddings = nn.Embedding(config.vocab_size, config.dim)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.norm = RMSNorm(config.dim, config.norm_eps)
        self.output = nn.Linear(config.dim, config.vocab_size, bias=False)
        if config.tie_embeddings:
            self.output.weight = self.tok_embeddings.weight
        # Plain tensors, not buffers: `model.bfloat16()` must leave the angles in float32.
        self.cos, self.sin = rope_tables(config)
        init_weights(self)

    def forward(
        self,
        tokens: Int[Tensor, "batch time"],
        cache: KVCache | None = None,
        mask: Bool[Tensor, "#batch 1 time keys"] | None = None,
    ) -> Float[Tensor, "batch time vocab_size"]:
        """The logits of the next token at every position; `mask=None` means causal.

        A cache holds the tokens before these and takes these in. Beyond max_seq_len: ValueError.
        """
        start = 0 if cache is None else cache.position
        end = start + tokens.shape[1]
        if end > self.config.max_seq_len:
            raise ValueError(f"{end} tokens exceed max_seq_len, {self.config.max_seq_len}")
        x = self.tok_embeddings(tokens)
        cos, sin = self.cos[start:end].to(x.device), self.sin[start:end].to(x.device)
        for block in self.layers:
            x = block(x, cos, sin, mask, cache)
        if cache is not None:
            cache.advance(tokens.shape[1])
        return self.output(self.norm(x))

    @property
    def n_parameters(self) -> int:
        """How many numbers are learned; a shared embedding counts once."""
        return sum(parameter.numel() for parameter in self.parameters())


@torch.no_grad()
def init_weights(model: Llama) -> None:
    """Draw all weights anew: normal with standard deviation 0.02, norms at 1.

    The two matrices of a block that write to the residual stream get less, so that the sum of all
    2 n_layers of them starts as large as one (Radford et al. 2019, GPT-2, section 2.3).
    """
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            parameter.fill_(1.0)
        elif name.endswith(("wo.weight", "w_down.weight")):
            parameter.normal_(std=0.02 / math.sqrt(2 * model.config.n_layers))
        else:
            parameter.normal_(std=0.02)
