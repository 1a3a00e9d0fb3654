"""Watching an answer's calls of torch, for what its results do not show."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Called(TorchFunctionMode):
    """The names of torch's functions that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names = set[str]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(getattr(func, "__name__", "").removeprefix("special_"))
        return func(*args, **(kwargs or {}))


class Elsewhere(TorchFunctionMode):
    """Takes some tensors for ones on a GPU, and follows which others would be there.

    What is made from nothing and without a device is on the CPU, and so is what is made from that.
    `mixed` says whether a tensor of each kind met, which torch refuses on a real GPU.
    """

    def __init__(self, *there: Tensor) -> None:
        super().__init__()
        self.made = list(there)  # held, so that no other tensor gets the id of one
        self.there = {id(tensor): True for tensor in there}
        self.mixed = False

    def leave(self, *here: Tensor) -> None:
        """Take these for tensors on the CPU until they are moved."""
        self.made += here
        self.there |= {id(tensor): False for tensor in here}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name, given = getattr(func, "__name__", ""), [*args, *(kwargs or {}).values()]
        if name in INTO:
            given = given[:1]
        if name in MOVES:
            given = [x for x in given[1:] if not isinstance(x, torch.dtype | bool)] or given
        placed = {id(t): self.there[id(t)] for t in tensors(given) if id(t) in self.there}
        sized = {placed[id(t)] for t in tensors(given) if t.ndim and id(t) in placed}
        self.mixed |= len(sized) > 1  # a single number may be anywhere
        named = (kwargs or {}).get("device") is not None or name == "cuda"
        named |= any(
            isinstance(x, torch.device) or (name in MOVES and isinstance(x, str)) for x in given
        )
        if named or placed or not any(True for _ in tensors(given)):
            for tensor in tensors(result):
                self.made.append(tensor)
                self.there[id(tensor)] = named or any(placed.values())
        return result


class Lowest(TorchFunctionMode):
    """Makes every uniform random number 0, which comes by itself once in 2 to the power of 53."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        return result.zero_() if name in UNIFORM else result


class Highest(TorchFunctionMode):
    """Makes every uniform random number the largest below 1 that its dtype has."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") in UNIFORM:
            result.fill_(1 - torch.finfo(result.dtype).eps / 2)
        return result


UNIFORM = ("rand", "rand_like", "uniform_")

MOVES = ("to", "type_as")
INTO = ("__getitem__", "__setitem__", "copy_")  # these may go from one to the other


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in a value, or in the lists and tuples that it is made of."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors(part)
