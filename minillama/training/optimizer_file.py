"""What optimizers remember, as a safetensors file, so that a resumed run continues exactly."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from minillama.weights.tensors import check_tensor, open_safetensors, write_tensors

_REMEMBERED = {
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
    torch.optim.Muon: ("momentum_buffer",),
}


def save_optimizers(
    optimizers: Sequence[torch.optim.Optimizer], model: nn.Module, path: Path
) -> None:
    """Write what the optimizers remember to a safetensors file, by parameter name."""
    tensors = {
        f"{key}.{name}": value.contiguous()
        for name, parameter in model.named_parameters()
        for optimizer in optimizers
        for key, value in optimizer.state.get(parameter, {}).items()
    }
    write_tensors(path, tensors)


def load_optimizers(
    optimizers: Sequence[torch.optim.Optimizer], model: nn.Module, path: Path
) -> None:
    """Put back what `save_optimizers` wrote; together with the model's weights nothing is lost.

    Raises FileNotFoundError, or ValueError if the file is damaged or of another model.
    """
    names = {parameter: name for name, parameter in model.named_parameters()}
    expected = {
        f"{key}.{names[parameter]}": (optimizer, parameter, key)
        for optimizer in optimizers
        for group in optimizer.param_groups
        for parameter in group["params"]
        for key in _REMEMBERED[type(optimizer)]
    }
    with open_safetensors(path) as file:
        if {*file.keys()} != {*expected}:
            wrong = min({*file.keys()} ^ {*expected})
            raise ValueError(f"{path} is not the state of this model, as {wrong} shows")
        for name, (optimizer, parameter, key) in expected.items():
            shape = [] if key == "step" else [*parameter.shape]
            check_tensor(path, name, file.get_slice(name), shape)
            # a copy of our own: tensors read from a file may be views that are not aligned in
            # memory, and then the same sums can round differently
            value = file.get_tensor(name).to(torch.float32, copy=True)
            optimizer.state[parameter][key] = value
