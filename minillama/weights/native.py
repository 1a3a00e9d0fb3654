"""Our own format: `config.json` with ModelConfig's fields, `model.safetensors` with our names."""

from pathlib import Path
from typing import Any

import torch

from minillama.config import ModelConfig
from minillama.model import Llama
from minillama.tokenizer import Tokenizer
from minillama.weights.build import build_model
from minillama.weights.tensors import whole_folder, write_json, write_tensors
from minillama.weights.tokenizers import save_tokenizer

MODEL_TYPE = "minillama"  # in config.json, by which the format is told from others


def load(
    folder: Path, values: dict[str, Any], dtype: torch.dtype | None, device: torch.device | str
) -> Llama:
    """The model in `folder`, whose config.json holds `values`."""
    fields = {name: value for name, value in values.items() if name != "model_type"}
    try:
        config = ModelConfig.from_dict(fields)
    except ValueError as error:
        raise ValueError(f"{folder / 'config.json'}: {error}") from error
    files = [folder / "model.safetensors"]
    return build_model(config, files, lambda name: name, lambda name: False, dtype, device)


def save(model: Llama, folder: Path, tokenizer: Tokenizer | None = None) -> None:
    """Write the model into `folder`, and its tokenizer; a shared embedding is written once."""
    tensors = {name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}
    with whole_folder(folder) as new:
        write_tensors(new / "model.safetensors", tensors)
        if tokenizer is not None:
            save_tokenizer(tokenizer, new)
        write_json(new / "config.json", {"model_type": MODEL_TYPE, **model.config.to_dict()})
