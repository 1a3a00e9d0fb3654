"""What neurons say, and what the model does if they say something else."""

import pytest
import torch
import torch.nn.functional as F

from minillama.config import ModelConfig
from minillama.interp.neurons import (
    gates_replaced,
    neurons,
    neurons_edited,
    neurons_like,
    neurons_switched_off,
    value_logits,
)
from minillama.model import Llama

TOKENS = torch.tensor([[1, 5, 9, 2], [1, 7, 7, 3]])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Llama(ModelConfig.preset("tiny"))


def test_the_numbers_are_those_that_the_layers_add(model):
    given, added = [], []
    for block in model.layers:
        block.feed_forward.register_forward_hook(
            lambda _, x, out: (given.append(x[0]), added.append(out))[0]
        )
    said = neurons(model, TOKENS)
    assert said.shape == (2, 2, 4, 176)
    for block, x, out, numbers in zip(model.layers, given, added, said, strict=True):
        layer = block.feed_forward
        torch.testing.assert_close(numbers, F.silu(layer.w_gate(x)) * layer.w_up(x))
        torch.testing.assert_close(numbers @ layer.w_down.weight.mT, out)


def test_an_edit_takes_the_numbers_place_in_its_layer_only(model):
    before = model(TOKENS)
    with torch.no_grad(), neurons_edited(model, lambda layer, numbers: numbers * (layer != 1)):
        silent = model(TOKENS)
    assert torch.equal(before, model(TOKENS))
    model.layers[1].feed_forward.forward = torch.zeros_like
    torch.testing.assert_close(silent, model(TOKENS))


def test_only_the_neurons_that_are_switched_off_are_silent(model):
    before = model(TOKENS)
    with torch.no_grad(), neurons_switched_off(model, [(0, 3), (1, 175)]):
        silent = model(TOKENS)
    with torch.no_grad():
        model.layers[0].feed_forward.w_down.weight[:, 3] = 0
        model.layers[1].feed_forward.w_down.weight[:, 175] = 0
    torch.testing.assert_close(silent, model(TOKENS))
    assert not torch.allclose(silent, before)


@pytest.mark.parametrize("neuron", [(2, 0), (-1, 0), (0, 176), (0, -1)])
def test_a_neuron_that_is_not_there_is_refused(model, neuron):
    words = f"no neuron {neuron[1]} in layer {neuron[0]}: .* layers 0 to 1 and neurons 0 to 175"
    with pytest.raises(ValueError, match=words), neurons_switched_off(model, [neuron]):
        pass


def test_a_control_has_other_neurons_of_the_same_layers_and_like_loudness():
    loudness = torch.tensor([[1.0, 5.0, 5.2, 1.3, 1.1], [7.0, 1.0, 2.0, 7.1, 9.0]])
    assert neurons_like([(0, 1), (0, 0), (1, 3)], loudness) == [(0, 2), (0, 4), (1, 0)]
    assert neurons_like([(0, 0), (0, 4)], loudness) == [(0, 3), (0, 1)]  # each is taken once
    with pytest.raises(ValueError, match="layer 1 has too few"):
        neurons_like([(1, 0), (1, 1), (1, 2)], loudness)


def test_another_gate_takes_the_place_of_ours_in_all_layers(model):
    before = model(TOKENS)
    with torch.no_grad(), gates_replaced(model, lambda gate, up: F.relu(gate) * up + 1):
        other = model(TOKENS)
    with gates_replaced(model, lambda gate, up: F.silu(gate) * up):
        torch.testing.assert_close(model(TOKENS), before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    for layer in (block.feed_forward for block in model.layers):
        layer.forward = lambda x, m=layer: m.w_down(F.relu(m.w_gate(x)) * m.w_up(x) + 1)
    torch.testing.assert_close(other, model(TOKENS))


def test_nothing_stays_on_the_model_even_if_it_fails(model):
    with pytest.raises(ValueError, match="max_seq_len"):
        neurons(model, torch.zeros(1, 300, dtype=torch.long))
    with pytest.raises(ZeroDivisionError), neurons_edited(model, lambda layer, numbers: 1 / 0):
        model(TOKENS)
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_values_logits_are_what_it_adds_through_the_norm_and_the_output(model):
    with torch.no_grad():
        model.norm.weight.uniform_(0.5, 2)
    value = model.layers[1].feed_forward.w_down.weight[:, 3]
    through = model.output(model.norm(value * 1000))
    logits = value_logits(model, 1)
    assert logits.shape == (176, 2048)
    torch.testing.assert_close(F.normalize(logits[3], dim=0), F.normalize(through, dim=0))
