"""What a look inside shows must be what the model computes."""

import pytest
import torch
from einops import rearrange

from minillama.attention import Attention, attend, causal_mask, repeat_heads
from minillama.config import ModelConfig
from minillama.interp.attention import attention_maps, attention_replaced, heads_exchanged
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


TOKENS = torch.tensor([[1, 5, 9, 2], [1, 7, 7, 3]])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Llama(ModelConfig.preset("tiny"))  # with four heads that share two of keys and values


def test_attention_can_be_replaced_by_another_and_comes_back(model):
    before = model(TOKENS)
    with attention_replaced(by=attend):
        torch.testing.assert_close(model(TOKENS), before)
    with attention_replaced(by=lambda q, k, v, mask: torch.zeros_like(q)):
        changed = model(torch.tensor([[8, 8, 8, 2]]))  # only the last token is the same
        assert torch.equal(changed[0, -1], model(TOKENS)[0, -1])
    assert torch.equal(model(TOKENS), before)


def test_what_replaces_attention_gets_the_mask_and_a_key_for_each_query_head(model):
    given = []

    def by(q, k, v, mask):
        given.append((k.shape, v.shape, mask))
        return attend(q, k, v, mask)

    mask = causal_mask(4, 4)[None, None]
    with attention_replaced(by):
        model(TOKENS)
        model(TOKENS, mask=mask)
    heads = (2, 4, 4, 16)
    assert [(k, v) for k, v, _ in given] == [(heads, heads)] * 4
    assert given[0][2] is None and torch.equal(given[-1][2], mask)


OTHERS = torch.tensor([[8, 8, 8, 2, 6], [5, 4, 3, 2, 1]])


def test_only_the_heads_that_are_exchanged_give_what_they_give_in_the_donor(model):
    mixed = []

    def record(_, given):
        mixed.append(given[0][:, -1].unflatten(-1, (4, 16)))

    before, wo = model(TOKENS), model.layers[1].attention.wo
    with heads_exchanged(model, [(1, 0), (1, 3)], OTHERS):
        hook = wo.register_forward_pre_hook(record)  # it comes after the exchange
        model(TOKENS)
    model(TOKENS)
    model(OTHERS)
    hook.remove()
    exchanged, own, donor = mixed
    assert torch.equal(exchanged[:, [0, 3]], donor[:, [0, 3]])
    assert torch.equal(exchanged[:, [1, 2]], own[:, [1, 2]])
    assert torch.equal(model(TOKENS), before)
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_an_exchange_changes_the_last_position_only_and_with_itself_nothing(model):
    heads, before = [(0, 1), (1, 0), (1, 3)], model(TOKENS)
    with heads_exchanged(model, heads, OTHERS):
        after = model(TOKENS)
    assert torch.equal(after[:, :-1], before[:, :-1])
    assert not torch.allclose(after[:, -1], before[:, -1])
    with heads_exchanged(model, heads, TOKENS):
        torch.testing.assert_close(model(TOKENS), before)


def test_with_every_head_exchanged_only_the_last_token_itself_is_left(model):
    every = [(layer, head) for layer in range(2) for head in range(4)]
    donor = torch.tensor([[1, 8, 8, 2], [1, 9, 9, 3]])  # each ends as its text does
    with heads_exchanged(model, every, donor):
        torch.testing.assert_close(model(TOKENS)[:, -1], model(donor)[:, -1])


@pytest.mark.parametrize("head", [(2, 0), (0, 4), (-1, 0)])
def test_a_head_that_is_not_there_is_told(model, head):
    with (
        pytest.raises(ValueError, match=r"layers 0 to 1 and heads 0 to 3"),
        heads_exchanged(model, [head], TOKENS),
    ):
        model(TOKENS)
