"""What every format shares: reading a folder's JSON and safetensors with care, writing it whole.

A folder from elsewhere may be damaged or mean harm. So nothing is unpickled, and no memory is
taken for weights before the names and shapes in the files' headers agree with the config.
"""

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import reduce
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch.overrides import TorchFunctionMode

from minillama import disk
from minillama.config import ModelConfig
from minillama.model import Llama

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
    return disk.read_json(path)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file to be read by people too."""
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    disk.write_text(path, text + "\n")


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write a safetensors file; raises OSError, as other writing does, where the disk refuses."""
    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


class _Undrawn(TorchFunctionMode):
    """Draws no weights, and makes tables where they can be made.

    On the meta device that is all in vain, and to find it out PyTorch would import its compiler
    first: a second more until the first word of `minillama generate`.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in (torch.nn.init.normal_, torch.nn.init.kaiming_uniform_, torch.Tensor.normal_):
            return args[0] if args else kwargs["tensor"]
        if func is torch.arange:
            kwargs = kwargs | {"device": "cpu"}
        return func(*args, **kwargs)


def hollow_model(config: ModelConfig) -> Llama:
    """A Llama whose weights are on the meta device: names and shapes, but no numbers, no memory."""
    with torch.device("meta"), _Undrawn():
        return Llama(config)


def build_model(
    config: ModelConfig,
    files: Sequence[Path],
    their_name: Callable[[str], str],
    is_surplus: Callable[[str], bool],
    dtype: torch.dtype | None,
    device: torch.device | str,
) -> Llama:
    """A Llama with the weights in these safetensors files.

    their_name: from our name of a tensor to the files'; is_surplus: of their names, which may be
    there without being needed. dtype: None keeps the files'.

    Raises ValueError for a damaged file, and for a tensor that is missing, unknown, of another
    shape than the config asks for, or not of floating point.
    """
    model = hollow_model(config)
    shapes = {their_name(name): list(p.shape) for name, p in model.named_parameters()}
    with ExitStack() as stack:
        found = {}
        for path in files:
            file = stack.enter_context(open_safetensors(path))
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                if name in shapes and name not in found:
                    check_tensor(path, name, file.get_slice(name), shapes[name])
                    found[name] = file
                elif not is_surplus(name):
                    why = "is there twice" if name in found else "is not asked for by the config"
                    raise ValueError(f"{path}: the tensor {name} {why}")
        missing = [name for name in shapes if name not in found]
        if missing:
            raise ValueError(
                f"{files[0].parent} lacks {len(missing)} of the {len(shapes)} tensors that its "
                f"config asks for, such as {missing[0]}"
            )
        if dtype is None:
            dtypes = (DTYPES[file.get_slice(name).get_dtype()] for name, file in found.items())
            dtype = reduce(torch.promote_types, dtypes)
        with _Undrawn():  # still without numbers
            model = model.to(dtype)
        model = model.to_empty(device=device)
        # Copied, not mapped: the model must not change, or crash, when the file does.
        with torch.no_grad():
            for ours, parameter in model.named_parameters():
                theirs = their_name(ours)
                parameter.copy_(found[theirs].get_tensor(theirs))
    return model


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

    If `folder` exists, its model is replaced and its other files stay. Whatever goes wrong, and
    whenever, what stands there is a whole model or, for an instant, none: never a mixture.
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
            for new in sorted(temporary.iterdir(), key=lambda path: path.name == "config.json"):
                new.replace(folder / new.name)
        else:
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
