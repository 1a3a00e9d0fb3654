"""The shapes that are measured, how much arithmetic a token of them is, and batches for them."""

from dataclasses import dataclass, replace

import torch

from minillama.config import ModelConfig
from minillama.data import Batch, PackedBatches, documents_from_texts
from minillama.system.assets import asset_path
from minillama.tokenizer import Tokenizer
from minillama.training.config import RECIPES, Plan, TrainConfig, draft

STORIES = 400  # enough to fill a batch of any preset


@dataclass(frozen=True)
class Shape:
    """A model and a batch of batch_size rows of seq_len tokens.

    preset: its name where this is one of the course's own, which are trained on packed stories;
    other shapes are measured on rows of random tokens.
    """

    name: str
    config: ModelConfig
    batch_size: int
    seq_len: int
    preset: str | None = None

    @property
    def tokens(self) -> int:
        """Places in a batch; of packed stories, a few are padding."""
        return self.batch_size * self.seq_len

    def plan(self, threads: int, dtype: str, optimizer: str | None = None) -> Plan:
        """How to take steps: as `minillama train` would, but at a learning rate safe for all."""
        asked = TrainConfig(
            preset=self.preset or "small",
            batch_size=self.batch_size,
            seq_len=self.seq_len,
            steps=10**6,
            lr=1e-4,
            threads=threads,
            dtype=dtype,
        )
        return draft(asked if optimizer is None else replace(asked, optimizer=optimizer))

    def batch(self) -> Batch:
        """One batch to take steps on, always the same one.

        Raises FileNotFoundError where a preset's tokenizer does not come with this installation.
        """
        return random_batch(self) if self.preset is None else packed_batch(self)


def shapes() -> dict[str, Shape]:
    """All of them: two of their own, A large and B small, and the course's presets."""
    own = [
        Shape("A", _own(dim=256, n_layers=6, n_heads=8, hidden_dim=688), 32, 256),
        Shape("B", _own(dim=128, n_layers=4, n_heads=4, hidden_dim=352), 12, 64),
    ]
    presets = [
        Shape(name, ModelConfig.preset(name), recipe["batch_size"], recipe["seq_len"], name)
        for name, recipe in RECIPES.items()
    ]
    return {shape.name: shape for shape in [*own, *presets]}


def _own(dim: int, n_layers: int, n_heads: int, hidden_dim: int) -> ModelConfig:
    return ModelConfig(
        dim=dim,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=n_heads,
        hidden_dim=hidden_dim,
        vocab_size=2048,
        max_seq_len=256,
    )


def random_batch(shape: Shape, seed: int = 0) -> Batch:
    """Rows of random tokens, the low ids more often, so that there is something to learn."""
    points = torch.rand(
        shape.batch_size, shape.seq_len + 1, generator=torch.Generator().manual_seed(seed)
    )
    tokens = (points**4 * shape.config.vocab_size).long()
    return Batch(tokens[:, :-1], tokens[:, 1:], documents=None)


def packed_batch(shape: Shape) -> Batch:
    """Rows of ToyTown's stories side by side, as `minillama train` packs them."""
    from minillama import toytown  # as many lines as the rest of minillama together

    tokenizer = Tokenizer.load(asset_path("tokenizers/toytown"))
    texts = (toytown.story(i, ("en", "zh")[i % 2]).text for i in range(STORIES))
    documents = documents_from_texts(texts, tokenizer)
    return PackedBatches(documents, shape.seq_len, shape.batch_size, seed=0).batch(0)


def matmul_parameters(config: ModelConfig) -> int:
    """How many weights every token is multiplied with: all matrices but the embedding's lookup."""
    attention = 2 * config.dim * config.head_dim * (config.n_heads + config.n_kv_heads)
    feed_forward = 3 * config.dim * config.hidden_dim
    return config.n_layers * (attention + feed_forward) + config.dim * config.vocab_size


def training_flops(config: ModelConfig, seq_len: int) -> int:
    """Floating-point operations to learn from one token, forward and backward: 6N + 12 L H Q T.

    A weight is multiplied and added once forward and twice backward (Kaplan et al. 2020,
    arXiv:2001.08361, section 2.1). The second term is attention's scores and sums over all T keys,
    those later than the query included, as the convention is (Chowdhery et al. 2022,
    arXiv:2204.02311, appendix B); norms, RoPE and softmax are left out.
    """
    attention = 12 * config.n_layers * config.n_heads * config.head_dim * seq_len
    return 6 * matmul_parameters(config) + attention
