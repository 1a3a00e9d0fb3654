"""Hugging Face's config.json, both ways, as transformers 4 and 5 have it for LlamaForCausalLM."""

import re
from dataclasses import replace
from reprlib import repr as short_repr
from typing import Any

import torch

from minillama.config import ModelConfig
from minillama.rope import ntk_theta

MODEL_TYPE = "llama"

# Ours to theirs, here and below.
FIELDS = {
    "dim": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "hidden_dim": "intermediate_size",
    "vocab_size": "vocab_size",
    "max_seq_len": "max_position_embeddings",
    "norm_eps": "rms_norm_eps",
    "tie_embeddings": "tie_word_embeddings",
}
# What transformers takes where config.json leaves a field out.
DEFAULTS = {
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
}
# What a Llama can have and ours has not: the only value of each that we read.
FIXED = {
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "quantization_config": None,
}
# RoPE, for which 4 has rope_theta and rope_scaling, 5 has rope_parameters.
ROPE_DEFAULTS = {"rope_theta": 10000.0, "type": "default", "partial_rotary_factor": 1.0}
SCALINGS = {
    "linear": {"factor": "factor"},
    "llama3": {
        "factor": "factor",
        "low_freq_factor": "low_freq_factor",
        "high_freq_factor": "high_freq_factor",
        "original_max_seq_len": "original_max_position_embeddings",
    },
}
# Messages about a config name the fields as its reader's file does; what is quoted is a value.
THEIR_NAMES = FIELDS | {
    "head_size": "head_dim",
    "original_max_seq_len": "original_max_position_embeddings",
}
NAMES_OF_OURS = re.compile(rf"(?<![\w'])({'|'.join(THEIR_NAMES)})(?![\w'])")


def config_from_hf(values: dict[str, Any]) -> ModelConfig:
    """Our config for theirs; raises ValueError for what is missing, wrong or beyond us."""
    for name, only in FIXED.items():
        if values.get(name, only) != only:
            raise ValueError(
                f"{name} is {short_repr(values[name])}, and minillama reads only {only!r}"
            )
    values = DEFAULTS | values
    if values.get("num_key_value_heads") is None:
        values["num_key_value_heads"] = values.get("num_attention_heads")
    for name in FIELDS.values():
        if values.get(name) is None:
            raise ValueError(f"{name} is missing")
    fields = {ours: values[theirs] for ours, theirs in FIELDS.items()}
    fields["head_size"] = values.get("head_dim")
    try:
        config = ModelConfig.from_dict(fields | rope_from_hf(values))
    except ValueError as error:
        raise ValueError(NAMES_OF_OURS.sub(lambda m: THEIR_NAMES[m[0]], str(error))) from error
    is_usual = config.head_dim * config.n_heads == config.dim
    return replace(config, head_size=None) if is_usual else config


def rope_from_hf(values: dict[str, Any]) -> dict[str, Any]:
    """Our fields for transformers 4's rope_theta and rope_scaling or 5's rope_parameters."""
    rope = values.get("rope_scaling") or values.get("rope_parameters") or {}
    if not isinstance(rope, dict):
        raise ValueError(f"rope_scaling must be an object or null, not {short_repr(rope)}")
    rope = ROPE_DEFAULTS | values | rope
    if rope["partial_rotary_factor"] not in (None, 1):
        raise ValueError("partial_rotary_factor is not 1, and minillama reads only full RoPE")
    kind = rope.get("rope_type", rope["type"])
    if kind == "default":
        return {"rope_theta": rope["rope_theta"]}
    if kind not in (*SCALINGS,):
        raise ValueError(
            f"rope_type is {short_repr(kind)}, and minillama reads default, linear and llama3"
        )
    rope.setdefault("original_max_position_embeddings", values["max_position_embeddings"])
    scaling = {ours: rope.get(theirs) for ours, theirs in SCALINGS[kind].items()}
    return {"rope_theta": rope["rope_theta"], "rope_scaling": {"kind": kind} | scaling}


def config_to_hf(config: ModelConfig, dtype: torch.dtype) -> dict[str, Any]:
    """A config.json that transformers 4 and 5 read alike."""
    scaling, rope = config.rope_scaling, None
    if scaling and scaling.kind in SCALINGS:
        rope = {theirs: getattr(scaling, ours) for ours, theirs in SCALINGS[scaling.kind].items()}
        rope["rope_type"] = scaling.kind
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": MODEL_TYPE,
        **{theirs: getattr(config, ours) for ours, theirs in FIELDS.items()},
        "head_dim": config.head_dim,
        **{name: value for name, value in FIXED.items() if value is not None},
        "rope_theta": ntk_theta(config),  # transformers has no other way to say static NTK
        "rope_scaling": rope,
        "torch_dtype": str(dtype).removeprefix("torch."),
    }
