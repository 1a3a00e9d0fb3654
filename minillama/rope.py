"""RoPE: queries and keys are rotated by their position. RoPE scaling for long contexts.

A head's numbers form pairs, (0, head_dim/2), (1, head_dim/2 + 1), ...: the split-half layout of
Hugging Face's weights, not the neighbouring pairs of Meta's. Each pair is a point in a plane that
turns at its own pace, so that the score of a query and a key depends only on how far apart they
stand. Source: Su et al. 2021, arXiv:2104.09864, section 3.2.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from minillama.config import ModelConfig


def rope_frequencies(
    config: ModelConfig, device: torch.device | str | None = None
) -> Float[Tensor, "half"]:
    """Radians that each of a head's head_dim/2 pairs turns per position, fastest pair first."""
    # All in float32, as LLaMA computes it: a checkpoint then sees the angles it was trained with.
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32, device=device)
    frequencies = 1.0 / ntk_theta(config) ** (exponents / config.head_dim)
    scaling = config.rope_scaling
    if scaling and scaling.kind == "linear":
        return frequencies / scaling.factor
    if scaling and scaling.kind == "llama3":
        low, high = scaling.low_freq_factor, scaling.high_freq_factor
        turns = scaling.original_max_seq_len * frequencies / (2 * math.pi)
        keep = ((turns - low) / (high - low)).clamp(0, 1)
        return keep * frequencies + (1 - keep) * frequencies / scaling.factor
    return frequencies


def ntk_theta(config: ModelConfig) -> float:
    """`rope_theta`, raised where the scaling is "ntk": that is all there is to it."""
    if config.rope_scaling is None or config.rope_scaling.kind != "ntk":
        return config.rope_theta
    # The exponent that makes the slowest pair exactly `factor` times slower.
    return config.rope_theta * config.rope_scaling.factor ** (
        config.head_dim / (config.head_dim - 2)
    )


def rope_tables(
    config: ModelConfig, device: torch.device | str | None = None
) -> tuple[Float[Tensor, "max_seq_len half"], Float[Tensor, "max_seq_len half"]]:
    """Cosine and sine of every pair's angle at every position, in float32."""
    positions = torch.arange(config.max_seq_len, dtype=torch.float32, device=device)
    angles = torch.outer(positions, rope_frequencies(config, device))
    return angles.cos(), angles.sin()


def apply_rope(
    x: Float[Tensor, "*batch time head_dim"],
    cos: Float[Tensor, "time half"],
    sin: Float[Tensor, "time half"],
) -> Float[Tensor, "*batch time head_dim"]:
    """Turn every pair of queries or keys by its angle; row t of the tables belongs to x's t-th."""
    # In float32 whatever x is: to bfloat16's 8 bits, neighbouring positions of a slow pair are one.
    first, second = x.float().chunk(2, dim=-1)
    turned = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return turned.type_as(x)
