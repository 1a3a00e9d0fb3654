"""What the parts of LLaMA compute, once more, for the checks to compare with.

In float64 and by the plainest way, with nothing of the package's own code but its config.
"""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from minillama.config import ModelConfig


def rms_norm(
    x: Float[Tensor, "*batch dim"], weight: Float[Tensor, "dim"], eps: float
) -> Float[Tensor, "*batch dim"]:
    """Zhang & Sennrich 2019, equation 4."""
    x = x.double()
    return x / (x.pow(2).sum(-1, keepdim=True) / x.shape[-1] + eps) ** 0.5 * weight.double()


def frequencies(config: ModelConfig) -> list[float]:
    """Radians per position of every pair, one by one, with the wavelengths of the papers."""
    found, half, scaling = [], config.head_dim // 2, config.rope_scaling
    for pair in range(half):
        frequency = config.rope_theta ** (-pair / half)
        if scaling and scaling.kind == "linear":
            frequency /= scaling.factor
        elif scaling and scaling.kind == "ntk":
            # A larger theta: nothing for the first pair, the whole factor for the last.
            frequency /= scaling.factor ** (pair / (half - 1))
        elif scaling:
            wavelength = 2 * math.pi / frequency  # in tokens
            if wavelength > scaling.original_max_seq_len / scaling.low_freq_factor:
                frequency /= scaling.factor
            elif wavelength > scaling.original_max_seq_len / scaling.high_freq_factor:
                share = scaling.original_max_seq_len / wavelength - scaling.low_freq_factor
                share /= scaling.high_freq_factor - scaling.low_freq_factor
                frequency = (1 - share) * frequency / scaling.factor + share * frequency
        found.append(frequency)
    return found


def angles(config: ModelConfig, time: int, start: int = 0) -> Float[Tensor, "time half"]:
    """The angle of every pair at the positions from `start` on."""
    rows = [[t * f for f in frequencies(config)] for t in range(start, start + time)]
    return torch.tensor(rows, dtype=torch.float64)


def rotate(
    x: Float[Tensor, "*batch time head_dim"], angles: Float[Tensor, "time half"]
) -> Float[Tensor, "*batch time head_dim"]:
    """Every pair of numbers, rotated by its angle."""
    return rotated(x, angles.double().cos(), angles.double().sin())


def rotated(
    x: Float[Tensor, "*batch time head_dim"],
    cos: Float[Tensor, "time half"],
    sin: Float[Tensor, "time half"],
) -> Float[Tensor, "*batch time head_dim"]:
    """Pairs (i, i + half) as complex numbers, times cos + i sin."""
    turned = torch.complex(*x.double().chunk(2, dim=-1)) * torch.complex(cos.double(), sin.double())
    return torch.cat((turned.real, turned.imag), dim=-1)


def may_look(time: int, documents: list[list[int]]) -> Bool[Tensor, "batch time keys"]:
    """Which keys the last `time` positions may look at, asked one by one."""
    rows = []
    for ids in documents:
        queries = range(len(ids) - time, len(ids))
        rows.append([[s <= t and ids[s] == ids[t] for s in range(len(ids))] for t in queries])
    return torch.tensor(rows).reshape(len(rows), time, -1)


def weights(
    q: Float[Tensor, "batch heads time head_dim"],
    k: Float[Tensor, "batch kv_heads keys head_dim"],
    seen: Bool[Tensor, "batch time keys"] | None = None,
) -> Float[Tensor, "batch heads time keys"]:
    """Vaswani et al. 2017, equation 1, a head at a time; causal unless `seen` says otherwise."""
    batch, heads, time, head_dim = q.shape
    keys, group = k.shape[2], heads // k.shape[1]
    if seen is None:
        seen = may_look(time, [[0] * keys] * batch)
    rows = []
    for row in range(batch):
        for head in range(heads):
            scores = q[row, head].double() @ k[row, head // group].double().T / head_dim**0.5
            largest = scores.masked_fill(~seen[row], -math.inf).amax(-1, keepdim=True)
            powers = torch.where(seen[row], scores - largest, 0.0).exp() * seen[row]
            rows.append(powers / powers.sum(-1, keepdim=True))
    return torch.stack(rows).view(batch, heads, time, keys)


def attend(
    q: Float[Tensor, "batch heads time head_dim"],
    k: Float[Tensor, "batch kv_heads keys head_dim"],
    v: Float[Tensor, "batch kv_heads keys head_dim"],
    seen: Bool[Tensor, "batch time keys"] | None = None,
) -> Float[Tensor, "batch heads time head_dim"]:
    """Every query's mean of the values; query head h has key-value head h // group."""
    shares, group = weights(q, k, seen), q.shape[1] // k.shape[1]
    means = [shares[:, h] @ v[:, h // group].double() for h in range(q.shape[1])]
    return torch.stack(means, dim=1)


def attention(
    x: Float[Tensor, "batch time dim"],
    w: Mapping[str, Tensor],
    config: ModelConfig,
    angles: Float[Tensor, "time half"],
    seen: Bool[Tensor, "batch time time"] | None = None,
) -> Float[Tensor, "batch time dim"]:
    """Multi-head attention, cut into heads by slices of the weights."""
    x, d = x.double(), config.head_dim

    def heads(name: str, n: int) -> Tensor:
        weight = w[f"{name}.weight"].double()
        return torch.stack([x @ weight[h * d : (h + 1) * d].T for h in range(n)], dim=1)

    q = rotate(heads("wq", config.n_heads), angles)
    k = rotate(heads("wk", config.n_kv_heads), angles)
    out = attend(q, k, heads("wv", config.n_kv_heads), seen)
    wo = w["wo.weight"].double()
    pieces = [out[:, h] @ wo[:, h * d : (h + 1) * d].T for h in range(config.n_heads)]
    return torch.stack(pieces).sum(0)


def swiglu(x: Float[Tensor, "*batch dim"], w: Mapping[str, Tensor]) -> Float[Tensor, "*batch dim"]:
    """Shazeer 2020, equation 6."""
    gate, up = (x.double() @ w[f"{name}.weight"].double().T for name in ("w_gate", "w_up"))
    return (gate / (1 + (-gate).exp()) * up) @ w["w_down.weight"].double().T


def block(
    x: Float[Tensor, "batch time dim"],
    w: Mapping[str, Tensor],
    config: ModelConfig,
    angles: Float[Tensor, "time half"],
    seen: Bool[Tensor, "batch time time"] | None = None,
) -> Float[Tensor, "batch time dim"]:
    """Touvron et al. 2023, section 2.2: both parts read a normalised copy and add to the stream."""
    stream = x.double()
    copy = rms_norm(stream, w["attention_norm.weight"], config.norm_eps)
    stream = stream + attention(copy, inside(w, "attention."), config, angles, seen)
    copy = rms_norm(stream, w["ffn_norm.weight"], config.norm_eps)
    return stream + swiglu(copy, inside(w, "feed_forward."))


def llama(
    tokens: Int[Tensor, "batch time"],
    w: Mapping[str, Tensor],
    config: ModelConfig,
    documents: list[list[int]] | None = None,
) -> Float[Tensor, "batch time vocab_size"]:
    """The logits of whole texts; without an output of its own, the embedding stands there too."""
    batch, time = tokens.shape
    seen = may_look(time, documents or [[0] * time] * batch)
    stream = w["tok_embeddings.weight"].double()[tokens]
    for layer in range(config.n_layers):
        theirs = inside(w, f"layers.{layer}.")
        stream = block(stream, theirs, config, angles(config, time), seen)
    output = w.get("output.weight", w["tok_embeddings.weight"])
    return rms_norm(stream, w["norm.weight"], config.norm_eps) @ output.double().T


def inside(w: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): t for name, t in w.items() if name.startswith(prefix)}


def attention_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shapes of an Attention's weights, by name."""
    dim, wide = config.dim, config.n_kv_heads * config.head_dim
    shapes: dict[str, tuple[int, ...]] = {"wq.weight": (dim, dim), "wk.weight": (wide, dim)}
    return shapes | {"wv.weight": (wide, dim), "wo.weight": (dim, dim)}


def swiglu_shapes(dim: int, hidden_dim: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a SwiGLU's weights, by name."""
    wide = (hidden_dim, dim)
    return {"w_gate.weight": wide, "w_up.weight": wide, "w_down.weight": (dim, hidden_dim)}


def block_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shapes of a Block's weights, by name."""
    attention, ffn = attention_shapes(config), swiglu_shapes(config.dim, config.hidden_dim)
    shapes = {f"attention.{name}": shape for name, shape in attention.items()}
    shapes |= {f"feed_forward.{name}": shape for name, shape in ffn.items()}
    return shapes | {"attention_norm.weight": (config.dim,), "ffn_norm.weight": (config.dim,)}


def llama_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shapes of a Llama's weights, by name; no output where it is tied."""
    table = (config.vocab_size, config.dim)
    shapes: dict[str, tuple[int, ...]] = {"tok_embeddings.weight": table}
    for layer in range(config.n_layers):
        block = block_shapes(config)
        shapes |= {f"layers.{layer}.{name}": shape for name, shape in block.items()}
    shapes["norm.weight"] = (config.dim,)
    return shapes if config.tie_embeddings else shapes | {"output.weight": table}


def draw(shapes: Mapping[str, tuple[int, ...]], requires_grad: bool = False) -> dict[str, Tensor]:
    """Random weights, large enough for a mistake to show; norms around 1."""
    drawn = {}
    for name, shape in shapes.items():
        scale = 0.3 if len(shape) == 1 else 1.2 / shape[-1] ** 0.5
        drawn[name] = (len(shape) == 1) + scale * torch.randn(shape)
    return {name: tensor.requires_grad_(requires_grad) for name, tensor in drawn.items()}
