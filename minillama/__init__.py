"""minillama: build, train and understand a LLaMA on a laptop CPU."""

from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from minillama.beam import beam_search
    from minillama.cache import KVCache
    from minillama.config import ModelConfig, RopeScaling
    from minillama.model import Llama
    from minillama.sampling import generate, generate_batch
    from minillama.tokenizer import Tokenizer

__version__ = "0.1.0"

__all__ = [
    "KVCache",
    "Llama",
    "ModelConfig",
    "RopeScaling",
    "Tokenizer",
    "beam_search",
    "generate",
    "generate_batch",
    "load",
]

# Each name is imported when it is first asked for, so that the command line can print its help
# without waiting for torch.
_HOMES = {
    "KVCache": "cache",
    "Llama": "model",
    "ModelConfig": "config",
    "RopeScaling": "config",
    "Tokenizer": "tokenizer",
    "beam_search": "beam",
    "generate": "sampling",
    "generate_batch": "sampling",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'minillama' has no attribute {name!r}")
    return getattr(import_module(f"minillama.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load(
    path: str | PathLike[str],
    dtype: "torch.dtype | None" = None,
    device: "torch.device | str" = "cpu",
) -> "tuple[Llama, Tokenizer]":
    """The model and the tokenizer in a folder, or of a model that ships ("toytown").

    dtype: what the weights become; None keeps what the file has.
    Raises FileNotFoundError if there is no such model, and ValueError for one that is damaged or
    of a kind that minillama does not know.
    """
    from minillama.tokenizer import Tokenizer
    from minillama.weights import find_model, load_model

    folder = find_model(path)
    tokenizer = Tokenizer.load(folder)  # first, because it is quick to fail
    return load_model(folder, dtype, device), tokenizer
