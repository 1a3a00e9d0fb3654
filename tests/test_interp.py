"""What a look inside shows must be what the model computes."""

import pytest
import torch
from einops import rearrange

from minillama.attention import Attention, repeat_heads
from minillama.config import ModelConfig
from minillama.interp.attention import attention_maps
from minillama.model import Llama


def test_the_maps_are_those_that_the_layers_use():
    model = Llama(ModelConfig.preset("tiny"))
    tokens, inputs, outputs = torch.randint(2048, (2, 7)), [], []

    def record(layer, given, out):
        inputs.append((layer, given[0]))
        outputs.append(out)

    for block in model.layers:
        block.attention.register_forward_hook(record)
    maps = attention_maps(model, tokens)
    assert maps.shape == (2, 2, 4, 7, 7)
    for weights, (layer, x), out in zip(maps, inputs, outputs, strict=True):
        v = rearrange(layer.wv(x), "b t (h d) -> b h t d", d=layer.head_dim)
        mixed = rearrange(weights @ repeat_heads(v, 4), "b h t d -> b t (h d)")
        torch.testing.assert_close(layer.wo(mixed), out)


def test_nothing_stays_on_the_model_even_if_it_fails():
    model = Llama(ModelConfig.preset("tiny"))
    attention_maps(model, torch.zeros(1, 3, dtype=torch.long))
    with pytest.raises(ValueError, match="max_seq_len"):
        attention_maps(model, torch.zeros(1, 300, dtype=torch.long))
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_model_of_other_classes_is_looked_into_as_well():
    class Theirs(torch.nn.Module):  # as in a package that a reader has built
        def __init__(self, layer):
            super().__init__()
            self.wq, self.wk, self.wv, self.wo = layer.wq, layer.wk, layer.wv, layer.wo
            self.head_dim, self.layer = layer.head_dim, layer.layer

        forward = Attention.forward

    model = Llama(ModelConfig.preset("tiny"))
    tokens = torch.randint(2048, (1, 5))
    expected = attention_maps(model, tokens)
    for block in model.layers:
        block.attention = Theirs(block.attention)
    assert torch.equal(attention_maps(model, tokens), expected)
