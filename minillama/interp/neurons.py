"""Neurons of the feed-forward layers: their activations, edits of them, and what they write."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from minillama.interp.hooks import removed_after
from minillama.model import Llama


@torch.no_grad()
def neurons(
    model: Llama, tokens: Int[Tensor, "batch time"]
) -> Float[Tensor, "layers batch time hidden"]:
    """The activation of each feed-forward neuron at each position: silu(gate) * up, before w_down.

    Raises ValueError for more tokens than the model's max_seq_len.
    """
    heard: list[Tensor] = []

    def record(layer: int, numbers: Tensor) -> Tensor:
        heard.append(numbers)
        return numbers

    with neurons_edited(model, record):
        model(tokens)
    return torch.stack(heard)


@contextmanager
def neurons_edited(model: Llama, edit: Callable[[int, Tensor], Tensor]) -> Iterator[None]:
    """While it lasts, each w_down gets `edit(layer, activations)` in place of the activations."""
    downs = [m for name, m in model.named_modules() if name.endswith(".feed_forward.w_down")]
    with removed_after(
        down.register_forward_pre_hook(lambda _, given, i=i: (edit(i, given[0]),))
        for i, down in enumerate(downs)
    ):
        yield


@contextmanager
def neurons_switched_off(model: Llama, neurons: Collection[tuple[int, int]]) -> Iterator[None]:
    """While it lasts, the activations of these neurons, each a (layer, neuron), are 0.

    Raises ValueError for a neuron that the model does not have.
    """
    loud = torch.ones(model.config.n_layers, model.config.hidden_dim)
    for layer, neuron in neurons:
        if not (0 <= layer < len(loud) and 0 <= neuron < loud.shape[1]):
            have = f"layers 0 to {len(loud) - 1} and neurons 0 to {loud.shape[1] - 1}"
            raise ValueError(f"there is no neuron {neuron} in layer {layer}: the model has {have}")
        loud[layer, neuron] = 0
    with neurons_edited(model, lambda layer, activations: activations * loud[layer]):
        yield


def neurons_like(
    neurons: Collection[tuple[int, int]], loudness: Float[Tensor, "layers hidden"]
) -> list[tuple[int, int]]:
    """For each neuron another one of its layer, of the nearest loudness: a control group.

    No neuron is in both groups. Raises ValueError where a layer has too few others.
    """
    chosen, taken = [], set(neurons)
    for layer, neuron in neurons:
        nearest = (loudness[layer] - loudness[layer, neuron]).abs().argsort(stable=True).tolist()
        other = next((i for i in nearest if (layer, i) not in taken), None)
        if other is None:
            raise ValueError(f"layer {layer} has too few neurons for a control of this size")
        taken.add((layer, other))
        chosen.append((layer, other))
    return chosen


@contextmanager
def gates_replaced(model: Llama, by: Callable[[Tensor, Tensor], Tensor]) -> Iterator[None]:
    """While it lasts, activations are `by(gate, up)`: what w_gate and w_up give, put together."""
    layers = [m for name, m in model.named_modules() if name.endswith("feed_forward")]
    given: dict[Any, Tensor] = {}
    hooks = []
    for layer in layers:
        for part in (layer.w_gate, layer.w_up):
            hooks.append(part.register_forward_hook(lambda m, _, out: given.update({m: out})))
        hooks.append(
            layer.w_down.register_forward_pre_hook(
                lambda *_, layer=layer: (by(given[layer.w_gate], given[layer.w_up]),)
            )
        )
    with removed_after(hooks):
        yield


@torch.no_grad()
def value_logits(model: Llama, layer: int) -> Float[Tensor, "hidden vocab_size"]:
    """Which tokens each neuron's value, its column of w_down, makes likelier by itself.

    Logits up to a positive factor: the final norm would divide by the length of the whole stream.
    Source: Geva et al. 2021, arXiv:2012.14913, section 4.
    """
    block: Any = model.layers[layer]
    return model.output(model.norm.weight * block.feed_forward.w_down.weight.mT)
