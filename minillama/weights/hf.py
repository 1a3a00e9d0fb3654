"""Hugging Face's format, both ways: LlamaForCausalLM in one safetensors file or in shards.

The matrices are the same as ours, since both lay out RoPE's pairs as two halves; only names differ.
"""

import re
from pathlib import Path
from reprlib import repr as short_repr
from typing import Any

import torch

from minillama.model import Llama
from minillama.tokenizer import Tokenizer
from minillama.weights.build import build_model
from minillama.weights.hf_config import MODEL_TYPE, config_from_hf, config_to_hf
from minillama.weights.tensors import read_json, whole_folder, write_json, write_tensors
from minillama.weights.tokenizers import save_tokenizer, special_ids

__all__ = ["MODEL_TYPE", "load", "save", "their_name"]

# Our modules and theirs, in a block and around the blocks.
MODULES = {
    "tok_embeddings": "model.embed_tokens",
    "attention.wq": "self_attn.q_proj",
    "attention.wk": "self_attn.k_proj",
    "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.o_proj",
    "feed_forward.w_gate": "mlp.gate_proj",
    "feed_forward.w_up": "mlp.up_proj",
    "feed_forward.w_down": "mlp.down_proj",
    "attention_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "norm": "model.norm",
    "output": "lm_head",
}
# A tied matrix is stored under its first name, the second, or both.
TIED = {"lm_head.weight": "model.embed_tokens.weight"}


def their_name(name: str) -> str:
    """Hugging Face's name of one of our tensors."""
    module = name.removesuffix(".weight")
    if module.startswith("layers."):
        _, number, part = module.split(".", 2)
        return f"model.layers.{number}.{MODULES[part]}.weight"
    return f"{MODULES[module]}.weight"


def load(
    folder: Path, values: dict[str, Any], dtype: torch.dtype | None, device: torch.device | str
) -> Llama:
    """The model in `folder`, whose config.json holds `values`."""
    try:
        config = config_from_hf(values)
    except ValueError as error:
        raise ValueError(f"{folder / 'config.json'}: {error}") from error
    files, twins = weight_files(folder), TIED if config.tie_embeddings else {}
    return build_model(config, files, their_name, is_surplus, dtype, device, twins)


def is_surplus(name: str) -> bool:
    """Whether a tensor may be there without being needed: old files carry RoPE's frequencies."""
    return name.endswith("rotary_emb.inv_freq")


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model, in one piece or in shards named by an index."""
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.exists() or not index.exists():
        if not whole.exists() and any(folder.glob("*.bin")):
            raise ValueError(
                f"{folder} holds its weights as pickle, which can run any code when it is opened: "
                "convert them to safetensors"
            )
        return [whole]
    shards = read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise ValueError(f"{index} has no weight_map that says which file holds which tensor")
    for name in shards.values():
        # No path: an index must not make us open files elsewhere.
        if not (isinstance(name, str) and re.fullmatch(r"[\w.-]+\.safetensors", name)):
            raise ValueError(
                f"{index} names {short_repr(name)}, which is not a safetensors file beside it"
            )
    return [folder / name for name in sorted(set(shards.values()))]


def save(
    model: Llama,
    folder: Path,
    tokenizer: Tokenizer | None = None,
    max_shard_bytes: int = 5 * 10**9,
) -> None:
    """Write the model into `folder`, in several files with an index if it is larger than one.

    With a tokenizer, that is written in every form that Hugging Face's tools ask for.
    """
    tensors = {their_name(name): p.detach() for name, p in model.named_parameters()}
    shards: list[dict[str, torch.Tensor]] = [{}]
    room = max_shard_bytes
    for name, tensor in tensors.items():
        if shards[-1] and tensor.nbytes > room:
            shards.append({})
            room = max_shard_bytes
        shards[-1][name] = tensor
        room -= tensor.nbytes
    weight_map = {}
    with whole_folder(folder) as new:
        for number, shard in enumerate(shards, start=1):
            file = "model.safetensors"
            if len(shards) > 1:
                file = f"model-{number:05}-of-{len(shards):05}.safetensors"
            weight_map.update(dict.fromkeys(shard, file))
            shard = {name: tensor.cpu().contiguous() for name, tensor in shard.items()}
            write_tensors(new / file, shard)
        if len(shards) > 1:
            total = sum(tensor.nbytes for tensor in tensors.values())
            index = {"metadata": {"total_size": total}, "weight_map": weight_map}
            write_json(new / "model.safetensors.index.json", index)
        config = config_to_hf(model.config, model.output.weight.dtype)
        if tokenizer is not None:
            save_tokenizer(tokenizer, new, for_hf=True, max_seq_len=model.config.max_seq_len)
            config |= special_ids(tokenizer)
        write_json(new / "config.json", config)
