"""Files that every format shares: JSON and safetensors read with care, a folder written whole.

A folder from elsewhere may be damaged or mean harm. So nothing is unpickled, and no memory is
taken for weights before the names and shapes in the files' headers agree with the config.
"""

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from minillama.system import files

# What belongs to a tokenizer, ours or Hugging Face's.
TOKENIZER_FILES = (
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
)
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises FileNotFoundError if there is no such file, ValueError if it holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path.name} in {path.parent}, so it is not a model")
    return files.read_json(path)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file, readable by people too, into a folder that is not in its place yet."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write a safetensors file; raises OSError, as other writing does, where the disk refuses.

    The library makes files that only their owner may read; this one gets the usual permissions.
    """
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(tensors, path, metadata={"format": "pt"})
        path.chmod(mode)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def open_safetensors(path: Path) -> Any:
    """The file's `safe_open`, which checks that the header and the file's length agree."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path.name} in {path.parent}")
    try:
        return safe_open(path, framework="pt")
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a whole safetensors file; copy or download it again"
        ) from error


def check_tensor(path: Path, name: str, tensor: Any, shape: list[int]) -> None:
    """Raise ValueError unless a tensor, of which only the header is read, is as expected."""
    if tensor.get_shape() != shape:
        raise ValueError(
            f"{path}: the tensor {name} has the shape {tensor.get_shape()} and the config asks "
            f"for {shape}"
        )
    if tensor.get_dtype() not in DTYPES:
        raise ValueError(
            f"{path}: the tensor {name} holds {tensor.get_dtype()} numbers, and minillama reads "
            f"{', '.join(DTYPES)}"
        )


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to write a model into, which takes its place as `folder` once it is complete.

    If `folder` exists, its model is replaced, its tokenizer if there is a new one, and its other
    files stay. Whatever goes wrong, and whenever, what stands there is a whole model or, for an
    instant, none: never a mixture.
    """
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; a model is saved as a folder")
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if folder.exists():
            # A folder without config.json is no model, so that goes first and comes back last.
            (folder / "config.json").unlink(missing_ok=True)
            for old in folder.glob("model*.safetensors*"):
                old.unlink()
            if any((temporary / name).exists() for name in TOKENIZER_FILES):
                for name in TOKENIZER_FILES:
                    (folder / name).unlink(missing_ok=True)
            for new in sorted(temporary.iterdir(), key=lambda path: path.name == "config.json"):
                new.replace(folder / new.name)
        else:
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
