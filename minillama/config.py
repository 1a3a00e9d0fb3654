"""The shape of a LLaMA, and how it writes: a handful of numbers, checked once."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from reprlib import repr as short_repr
from typing import Any

from minillama.system.fields import check_types, option


@dataclass(frozen=True)
class RopeScaling:
    """How RoPE is slowed down, so that a model reads further than the context it was trained on.

    kind:
      "linear" divides every frequency by `factor` (Chen et al. 2023, arXiv:2306.15595);
      "ntk" raises `rope_theta` so that the slowest pair turns `factor` times slower and the
        fastest keeps its pace (bloc97 2023, "NTK-aware scaled RoPE");
      "llama3" keeps pairs that turn at least `high_freq_factor` times within
        `original_max_seq_len` tokens, divides those that turn at most `low_freq_factor` times by
        `factor`, and blends in between (Llama 3.1; only this kind reads the last three fields).

    Raises ValueError, naming the field, for a value that makes no sense.
    """

    kind: str
    factor: float
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_seq_len: int = 8192

    def __post_init__(self) -> None:
        check_types(RopeScaling, vars(self), "rope_scaling ")
        if self.kind not in ("linear", "ntk", "llama3"):
            kind = short_repr(self.kind)
            raise ValueError(f"rope_scaling kind must be linear, ntk or llama3, not {kind}")
        if not 1 <= self.factor < math.inf:
            raise ValueError(f"rope_scaling factor must be at least 1, not {self.factor}")
        if not 0 < self.low_freq_factor < self.high_freq_factor < math.inf:
            raise ValueError(
                "rope_scaling low_freq_factor must be above zero and below high_freq_factor, "
                f"but they are {self.low_freq_factor} and {self.high_freq_factor}"
            )
        if not 1 <= self.original_max_seq_len <= LIMITS["max_seq_len"]:
            raise ValueError(
                f"rope_scaling original_max_seq_len must be between 1 and "
                f"{LIMITS['max_seq_len']:,}, not {short_repr(self.original_max_seq_len)}"
            )


@dataclass(frozen=True)
class ModelConfig:
    """Everything that decides the shape of a model and the function it computes.

    dim: width of the residual stream; n_layers: number of blocks; n_heads: query heads;
    n_kv_heads: key-value heads (as many as query heads is multi-head attention, one is
    multi-query, between is grouped-query); hidden_dim: width inside the feed-forward;
    vocab_size: rows of the embedding; max_seq_len: the longest context, in tokens;
    head_size: width of one head, where that is not dim / n_heads (`head_dim` is the width always).

    Raises ValueError, naming the field, for a value that makes no sense.
    """

    dim: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    hidden_dim: int
    vocab_size: int
    max_seq_len: int
    norm_eps: float = 1e-5
    rope_theta: float = 10000.0
    rope_scaling: RopeScaling | None = None
    tie_embeddings: bool = False
    head_size: int | None = None

    def __post_init__(self) -> None:
        check_types(ModelConfig, vars(self))
        for name, limit in (*LIMITS.items(), ("head_size", LIMITS["dim"])):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= limit:
                raise ValueError(f"{name} must be between 1 and {limit:,}, not {short_repr(value)}")
        if self.head_size is None and self.dim % self.n_heads:
            raise ValueError(
                f"dim must be a multiple of n_heads, and {self.dim} is not one of {self.n_heads}"
            )
        if self.n_heads % self.n_kv_heads:
            raise ValueError(
                "n_heads must be a multiple of n_kv_heads, "
                f"and {self.n_heads} is not one of {self.n_kv_heads}"
            )
        if self.head_dim % 2:
            raise ValueError(
                "head_dim (dim / n_heads) must be even, because RoPE turns pairs of numbers, "
                f"but {self.dim} / {self.n_heads} is {self.head_dim}"
                if self.head_size is None
                else f"head_size must be even, because RoPE turns pairs of numbers, "
                f"not {self.head_size}"
            )
        if self.max_seq_len * self.head_dim > MAX_ROPE_TABLE:
            raise ValueError(
                f"max_seq_len {self.max_seq_len:,} with a head_dim of {self.head_dim:,} would make "
                "RoPE tables of more than a gigabyte; choose a shorter context"
            )
        for name in ("norm_eps", "rope_theta"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above zero, not {getattr(self, name)}")
        if self.rope_scaling and self.rope_scaling.kind == "ntk" and self.head_dim == 2:
            raise ValueError(
                "rope_scaling of the kind ntk needs a head_dim of at least 4, and it is 2"
            )

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.head_size or self.dim // self.n_heads

    @classmethod
    def preset(cls, name: str, **overrides: Any) -> "ModelConfig":
        """The config of that name in PRESETS, with fields replaced: `preset("tiny", dim=32)`.

        Raises ValueError for an unknown preset (listing those there are) or field.
        """
        if name not in PRESETS:
            names = ", ".join(PRESETS)
            raise ValueError(f"there is no preset {short_repr(name)}; there are {names}")
        return cls.from_dict(PRESETS[name] | overrides)

    def to_dict(self) -> dict[str, Any]:
        """Fields as JSON can write them; `from_dict` is the way back."""
        fields = asdict(self)
        if self.head_size is None:  # as in nearly all models
            del fields["head_size"]
        return fields

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """The config with these fields; raises ValueError for one unknown, missing or wrong."""
        values = dict(values)
        if isinstance(values.get("rope_scaling"), Mapping):
            scaling = check_types(RopeScaling, values["rope_scaling"], "rope_scaling ")
            values["rope_scaling"] = RopeScaling(**scaling)
        return cls(**check_types(cls, values))


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen: the options of every function that writes text.

    Raises ValueError, naming the option, for one outside its range.
    """

    temperature: float | int = option(
        1.0, "T", "0 always takes the likeliest token; the higher, the more surprising"
    )
    top_k: int = option(0, "K", "choose among the K likeliest tokens; 0 means all")
    top_p: float | int = option(
        1.0, "P", "choose among the likeliest tokens that together have probability P; 1 means all"
    )
    min_p: float | int = option(
        0.0, "P", "choose among tokens at least P times as likely as the likeliest; 0 means all"
    )
    repetition_penalty: float | int = option(
        1.0, "R", "above 1 makes tokens that are already in the text less likely"
    )
    no_repeat_ngram: int = option(
        0, "N", "let no sequence of N tokens occur a second time; 0 means that any may"
    )

    def __post_init__(self) -> None:
        check_types(type(self), vars(self))
        for name, allowed, range_ in (
            (
                "temperature",
                self.temperature == 0 or TINY <= self.temperature <= HUGE,
                f"0 (greedy) or from {TINY:g} to {HUGE:g}",
            ),
            ("top_k", self.top_k >= 0, "0 (all tokens) or more"),
            (
                "top_p",
                TINY <= self.top_p <= 1,
                f"above 0 (from {TINY:g}) and at most 1 (all tokens)",
            ),
            ("min_p", 0 <= self.min_p <= 1, "from 0 (all tokens) to 1"),
            (
                "repetition_penalty",
                TINY <= self.repetition_penalty <= HUGE,
                f"above 0 (from {TINY:g}) and at most {HUGE:g}",
            ),
            ("no_repeat_ngram", self.no_repeat_ngram >= 0, "0 (any may repeat) or more"),
        ):
            if not allowed:
                raise ValueError(f"{name} must be {range_}, not {short_repr(getattr(self, name))}")


# Logits times or over any two numbers in this range are finite, in float32 too.
TINY, HUGE = 1e-15, 1e15

# Far above any LLaMA: a config file that asks for more is damaged or means harm.
LIMITS = {
    "dim": 2**16,
    "n_layers": 2**10,
    "n_heads": 2**10,
    "n_kv_heads": 2**10,
    "hidden_dim": 2**18,
    "vocab_size": 2**20,
    "max_seq_len": 2**20,
}
MAX_ROPE_TABLE = 2**28  # numbers in cos and sin together, 4 bytes each

_COURSE = {"n_kv_heads": 2, "vocab_size": 2048, "max_seq_len": 512, "tie_embeddings": True}
_LLAMA_1 = {"vocab_size": 32000, "max_seq_len": 2048, "norm_eps": 1e-6}
_LLAMA_2 = {"vocab_size": 32000, "max_seq_len": 4096}
_LLAMA_3 = {"vocab_size": 128256, "max_seq_len": 8192, "rope_theta": 500000.0, "n_kv_heads": 8}
_LLAMA_3_2 = _LLAMA_3 | {
    "max_seq_len": 131072,
    "tie_embeddings": True,
    "rope_scaling": {
        "kind": "llama3",
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_seq_len": 8192,
    },
}
_7B = {"dim": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 32, "hidden_dim": 11008}
_13B = {"dim": 5120, "n_layers": 40, "n_heads": 40, "n_kv_heads": 40, "hidden_dim": 13824}
_33B = {"dim": 6656, "n_layers": 60, "n_heads": 52, "n_kv_heads": 52, "hidden_dim": 17920}
_65B = {"dim": 8192, "n_layers": 80, "n_heads": 64, "n_kv_heads": 64, "hidden_dim": 22016}

PRESETS: dict[str, dict[str, Any]] = {
    # the course's own: for tests, for lessons, and the one that ships trained
    "tiny": _COURSE
    | {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 176, "max_seq_len": 256},
    "small": _COURSE | {"dim": 128, "n_layers": 4, "n_heads": 4, "hidden_dim": 352},
    "toytown": _COURSE | {"dim": 192, "n_layers": 6, "n_heads": 6, "hidden_dim": 512},
    # the published family (arXiv:2302.13971, 2307.09288, 2407.21783)
    "llama-7b": _LLAMA_1 | _7B,
    "llama-13b": _LLAMA_1 | _13B,
    "llama-33b": _LLAMA_1 | _33B,
    "llama-65b": _LLAMA_1 | _65B | {"norm_eps": 1e-5},
    "llama-2-7b": _LLAMA_2 | _7B,
    "llama-2-13b": _LLAMA_2 | _13B,
    "llama-2-70b": _LLAMA_2 | _65B | {"n_kv_heads": 8, "hidden_dim": 28672},
    "llama-3-8b": _LLAMA_3 | {"dim": 4096, "n_layers": 32, "n_heads": 32, "hidden_dim": 14336},
    "llama-3-70b": _LLAMA_3 | {"dim": 8192, "n_layers": 80, "n_heads": 64, "hidden_dim": 28672},
    "llama-3.2-1b": _LLAMA_3_2 | {"dim": 2048, "n_layers": 16, "n_heads": 32, "hidden_dim": 8192},
    "llama-3.2-3b": _LLAMA_3_2 | {"dim": 3072, "n_layers": 28, "n_heads": 24, "hidden_dim": 8192},
}
