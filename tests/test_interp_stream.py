"""The stream that is shown is the stream, and what is replaced comes back."""

import pytest
import torch

from minillama.config import ModelConfig
from minillama.interp.stream import norms_replaced, residual_stream, stream_edited
from minillama.model import Llama

TOKENS = torch.tensor([[1, 5, 9], [2, 6, 7]])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Llama(ModelConfig.preset("tiny"))


def test_the_stream_begins_with_the_embedding_and_ends_in_the_logits(model):
    stream = residual_stream(model, TOKENS)
    assert stream.shape == (3, 2, 3, 64)
    assert torch.equal(stream[0], model.tok_embeddings(TOKENS))
    assert torch.equal(model.output(model.norm(stream[-1])), model(TOKENS))
    after_first = model.layers[0](stream[0], model.cos[:3], model.sin[:3])
    assert torch.equal(stream[1], after_first)


def test_an_edit_reaches_its_block_and_no_earlier_one(model):
    before = residual_stream(model, TOKENS)
    with stream_edited(model, 1, torch.zeros_like):
        edited = residual_stream(model, TOKENS)
    assert torch.equal(edited[:1], before[:1])
    assert not edited[2].any()  # both parts of a block make nothing of zeros
    assert torch.equal(residual_stream(model, TOKENS), before)


def test_all_norms_are_replaced_and_come_back_even_after_an_error(model):
    before, called = model(TOKENS), []

    def halved(norm, x):
        called.append(norm)
        return type(norm).forward(norm, x) / 2

    with norms_replaced(model, halved):
        assert torch.equal(model.norm(before.new_ones(64)), model.norm.weight / 2 / 1.00001**0.5)
        called.clear()
        model(TOKENS)
    blocks = [norm for block in model.layers for norm in (block.attention_norm, block.ffn_norm)]
    assert called == [*blocks, model.norm]
    with pytest.raises(ZeroDivisionError), norms_replaced(model, lambda norm, x: 1 / 0):
        model(TOKENS)
    assert torch.equal(model(TOKENS), before)
    assert not any(module._forward_pre_hooks for module in model.modules())
