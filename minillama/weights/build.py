"""A Llama built from a config and the tensors in files, without taking memory for them twice."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import reduce
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from minillama.config import ModelConfig
from minillama.model import Llama
from minillama.weights.tensors import DTYPES, check_tensor, open_safetensors


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
        model = model.to(dtype).to_empty(device=device)
        if config.tie_embeddings:  # every weight is a new one
            model.output.weight = model.tok_embeddings.weight
        # Copied, not mapped: the model must not change, or crash, when the file does.
        with torch.no_grad():
            for ours, parameter in model.named_parameters():
                theirs = their_name(ours)
                parameter.copy_(found[theirs].get_tensor(theirs))
    return model
