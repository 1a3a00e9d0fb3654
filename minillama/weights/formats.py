"""Load and save models as folders, in several formats; config.json says which one a folder has."""

from os import PathLike
from pathlib import Path
from reprlib import repr as short_repr

import torch

from minillama.model import Llama
from minillama.system.assets import asset_path
from minillama.system.files import writing
from minillama.tokenizer import Tokenizer
from minillama.weights import hf, native, tokenizers
from minillama.weights.build import drop_rows
from minillama.weights.tensors import read_json

SHOWN = 10  # models that a message names
# What a folder may hold that is given in place of a model inside it.
FOUND_INSIDE = {
    "config.json": "models",
    "run.json": "runs that have no model yet, until they finish or stop,",
}
FORMATS = {"native": native, "hf": hf}


def find_model(path: str | PathLike[str]) -> Path:
    """The folder at `path`, or of the model of that name that ships with minillama.

    Raises FileNotFoundError if there is neither, naming the models in the folder where it has some,
    and ValueError for a file.
    """
    folder = Path(path)
    if folder.is_dir():
        has_none = not (folder / "config.json").exists()
        for file, what in FOUND_INSIDE.items():
            inside = sorted(str(path.parent) for path in folder.glob(f"*/{file}"))
            if has_none and inside:
                names = ", ".join(inside[:SHOWN]) + (", ..." if len(inside) > SHOWN else "")
                raise FileNotFoundError(f"{folder} is not a model, but has {what} in it: {names}")
        return folder
    if folder.name == str(path):
        try:
            return asset_path(f"models/{path}")
        except FileNotFoundError:
            pass
    if folder.exists():
        raise ValueError(
            f"{folder} is a file, and a model is a folder: one with config.json, model.safetensors "
            "and tokenizer.model in it, as `minillama train` and Hugging Face make them"
        )
    raise FileNotFoundError(
        f"there is no model {str(path)!r}: it is neither a folder nor one that ships with minillama"
    )


def load(
    path: str | PathLike[str],
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> tuple[Llama, Tokenizer]:
    """The model and the tokenizer in a folder, or of a model that ships ("toytown").

    A vocabulary with more rows than the tokenizer has pieces is cut to these: the rest is padding.
    dtype: what the weights become; None keeps what the file has.
    Raises FileNotFoundError if there is no such model, and ValueError for one that is damaged or
    of a kind that minillama does not know.
    """
    folder = find_model(path)
    tokenizer = load_tokenizer(folder)  # first, because it is quick to fail
    model = load_model(folder, dtype, device)
    if model.config.vocab_size > tokenizer.vocab_size:
        drop_rows(model, tokenizer.vocab_size)
    return model, tokenizer


def load_tokenizer(path: str | PathLike[str]) -> Tokenizer:
    """The tokenizer of a model: tokenizer.model, or where there is none, tokenizer.json.

    Its `eos_ids` are all that end a text of this model. Raises FileNotFoundError if there is no
    such model or no tokenizer, and ValueError for one that is damaged or cannot be read.
    """
    return tokenizers.load_tokenizer(find_model(path))


def load_model(
    path: str | PathLike[str],
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Llama:
    """The model in a folder of ours or of Hugging Face's, or one that ships ("toytown").

    dtype: what the weights become; None keeps what the file has.
    Raises FileNotFoundError for what is not there, and ValueError for a model that is damaged or
    of a kind that minillama does not know.
    """
    folder = find_model(path)
    values = read_json(folder / "config.json")
    for known in FORMATS.values():
        if values.get("model_type") == known.MODEL_TYPE:
            return known.load(folder, values, dtype, device)
    raise ValueError(
        f"{folder / 'config.json'} has the model_type {short_repr(values.get('model_type'))}, and "
        f"minillama reads {' and '.join(known.MODEL_TYPE for known in FORMATS.values())}"
    )


def save_model(
    model: Llama,
    path: str | PathLike[str],
    format: str = "native",
    tokenizer: Tokenizer | None = None,
) -> None:
    """Write a model as a folder, "native" or "hf" (which transformers loads), all or nothing.

    With its tokenizer, if that is given. A model that is there already is replaced; other files in
    the folder, such as a tokenizer where none is given, stay.
    Raises ValueError for a format that is neither, or a tokenizer that "hf" cannot have, and
    WriteError where the disk refuses.
    """
    if format not in FORMATS:
        raise ValueError(f"there is no format {format!r}; there are {', '.join(FORMATS)}")
    with writing(Path(path)):
        FORMATS[format].save(model, Path(path), tokenizer)
