"""minillama: build, train and understand a LLaMA on a laptop CPU.

The model lies flat in this folder: config, norm, rope, cache, attention, feedforward, model. Beside
it lies what lessons build around it, from tokenizer to beam. All else has a room: a folder whose
first line says what it is for. What changes a finished model, as LoRA or quantization would, does
so from outside and from a room of its own, as inference/ does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minillama.beam import beam_search
    from minillama.cache import KVCache
    from minillama.config import ModelConfig, RopeScaling, Sampling
    from minillama.inference.engine import generate, generate_batch
    from minillama.model import Llama
    from minillama.tokenizer import Tokenizer
    from minillama.training.config import TrainConfig
    from minillama.training.loop import resume, train
    from minillama.weights import load, load_model, save_model

__version__ = "0.1.0"

__all__ = [
    "KVCache",
    "Llama",
    "ModelConfig",
    "RopeScaling",
    "Sampling",
    "Tokenizer",
    "TrainConfig",
    "beam_search",
    "generate",
    "generate_batch",
    "load",
    "load_model",
    "resume",
    "save_model",
    "train",
]

# Each name is imported when it is first asked for, so that the command line can print its help
# without waiting for torch.
_HOMES = {
    "KVCache": "cache",
    "Llama": "model",
    "ModelConfig": "config",
    "RopeScaling": "config",
    "Sampling": "config",
    "Tokenizer": "tokenizer",
    "TrainConfig": "training.config",
    "beam_search": "beam",
    "generate": "inference.engine",
    "generate_batch": "inference.engine",
    "load": "weights",
    "load_model": "weights",
    "resume": "training.loop",
    "save_model": "weights",
    "train": "training.loop",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'minillama' has no attribute {name!r}")
    return getattr(import_module(f"minillama.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
