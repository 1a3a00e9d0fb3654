"""A Llama built from a config and the tensors in files, without taking memory for them twice."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import reduce
from pathlib import Path
from types import MappingProxyType
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
    twins: Mapping[str, str] = MappingProxyType({}),
) -> Llama:
    """A Llama with the weights in these safetensors files.

    their_name: from our name of a tensor to the files'; is_surplus: of their names, which may be
    there without being needed. dtype: None keeps the files'. twins: from second names of tensors,
    under which they may be stored as well or instead, to the first.

    Raises ValueError for a damaged file, and for a tensor that is missing, unknown, of another
    shape than the config asks for, not of floating point, or unlike its twin.
    """
    model = hollow_model(config)
    shapes = {their_name(name): list(p.shape) for name, p in model.named_parameters()}
    with ExitStack() as stack:
        found: dict[str, Any] = {}
        for path in files:
            file = stack.enter_context(open_safetensors(path))
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                first = twins.get(name, name)
                if first in shapes and name not in found:
                    check_tensor(path, name, file.get_slice(name), shapes[first])
                    found[name] = file
                elif not is_surplus(name):
                    why = "is there twice" if name in found else "is not asked for by the config"
                    raise ValueError(f"{path}: the tensor {name} {why}")
        stored = {name: name for name in found} | _twins_found(found, twins, files[0].parent)
        missing = [name for name in shapes if name not in stored]
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
                theirs = stored[their_name(ours)]
                parameter.copy_(found[theirs].get_tensor(theirs))
    return model


def _twins_found(
    found: Mapping[str, Any], twins: Mapping[str, str], folder: Path
) -> dict[str, str]:
    """Under which name a tensor with two names is stored.

    Raises ValueError where it is stored under both and not the same.
    """
    stored = {}
    for second, first in twins.items():
        if second in found and first not in found:
            stored[first] = second
        elif second in found:
            one, other = (found[name].get_tensor(name) for name in (first, second))
            if one.dtype != other.dtype or not torch.equal(one, other):
                raise ValueError(
                    f"{folder} says in its config that {first} and {second} are one tensor (tied), "
                    "but holds two that differ: correct tie_word_embeddings in config.json"
                )
    return stored


@torch.no_grad()
def drop_rows(model: Llama, n: int) -> None:
    """Leave only the first `n` rows of the vocabulary: the others are padding, without a piece.

    The model can then draw no token that its tokenizer cannot decode.
    """
    model.config = replace(model.config, vocab_size=n)
    embedding, head = model.tok_embeddings.weight[:n].clone(), model.output.weight[:n].clone()
    model.tok_embeddings.weight = torch.nn.Parameter(embedding)
    model.output.weight = torch.nn.Parameter(head)
    if model.config.tie_embeddings:
        model.output.weight = model.tok_embeddings.weight
    model.tok_embeddings.num_embeddings = model.output.out_features = n
