"""A look at whole blocks must show what the model computes, and leave it as it was."""

import pytest
import torch

from minillama.config import ModelConfig
from minillama.interp import block_repeated, blocks_in_order, logit_lens, residual_stream
from minillama.model import Llama


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = Llama(ModelConfig.preset("tiny", n_layers=3)).eval()
    for block in model.layers:  # enough to tell blocks and their order apart
        torch.nn.init.normal_(block.attention.wo.weight)
    return model.requires_grad_(False)


TOKENS = torch.tensor([[5, 3, 8, 1], [2, 2, 7, 9]])


def test_the_stream_begins_with_the_embedding_and_ends_with_what_the_output_reads(model):
    stream = residual_stream(model, TOKENS)
    assert stream.shape == (4, 2, 4, 64)
    assert torch.equal(stream[0], model.tok_embeddings(TOKENS))
    torch.testing.assert_close(model.output(model.norm(stream[-1])), model(TOKENS))
    second = model.layers[1](stream[1], model.cos[:4], model.sin[:4])
    torch.testing.assert_close(stream[2], second)
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_the_last_row_of_the_logit_lens_is_the_model(model):
    early = logit_lens(model, TOKENS)
    torch.testing.assert_close(early[-1], model(TOKENS).softmax(-1))
    first = model.output(model.norm(model.tok_embeddings(TOKENS))).softmax(-1)
    torch.testing.assert_close(early[0], first)


def test_blocks_run_in_the_order_that_is_asked_for(model):
    before, stream = model(TOKENS), residual_stream(model, TOKENS)
    with blocks_in_order(model, [0, 1]):
        without_last = model(TOKENS)
    with blocks_in_order(model, [0, 2, 1]):
        swapped = model(TOKENS)
    torch.testing.assert_close(without_last, model.output(model.norm(stream[2])))
    assert not torch.allclose(swapped, before)
    with pytest.raises(IndexError), blocks_in_order(model, [0, 3]):
        pass
    assert torch.equal(model(TOKENS), before)


def test_a_repeated_block_is_a_block_that_runs_twice(model):
    before = model(TOKENS)
    with blocks_in_order(model, [0, 1, 1, 2]):
        expected = model(TOKENS)
    with block_repeated(model, 1):
        torch.testing.assert_close(model(TOKENS), expected)
    with block_repeated(model, 1, torch.zeros_like):
        torch.testing.assert_close(model(TOKENS), before)
    assert not torch.allclose(expected, before)
    assert torch.equal(model(TOKENS), before)
