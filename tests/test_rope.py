import copy

import pytest
import torch

from minillama.config import ModelConfig, RopeScaling
from minillama.model import Llama
from minillama.rope import apply_rope, rope_frequencies, rope_tables
from minillama.weights.build import hollow_model


def config(**overrides):
    return ModelConfig.preset("tiny", dim=64, n_heads=4, max_seq_len=100, **overrides)


def test_bfloat16_is_turned_in_float32():
    x = torch.randn(1, 1, 100, 16).bfloat16()
    tables = rope_tables(config())
    y = apply_rope(x, *tables)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, apply_rope(x.float(), *tables).bfloat16())


@pytest.mark.parametrize("scaling", [None, RopeScaling("llama3", 8.0, 1.0, 4.0, 60)])
def test_tables_of_a_model_are_right_however_it_was_made(scaling):
    small = config(rope_scaling=scaling)
    model = Llama(small)
    hollow = hollow_model(small)  # as for reading weights from files
    angles = torch.outer(torch.arange(100.0), rope_frequencies(small)).double()
    for made in [
        model,
        hollow.to_empty(device="cpu"),
        copy.deepcopy(model).bfloat16(),
        copy.deepcopy(model).to(torch.bfloat16).float(),
        copy.deepcopy(model).double(),
        copy.deepcopy(model).half().to("cpu"),
    ]:
        assert made.cos.dtype == made.sin.dtype == torch.float32
        assert made.cos.shape == (100, 8)
        torch.testing.assert_close(made.cos.double(), angles.cos(), rtol=0, atol=1e-5)
        torch.testing.assert_close(made.sin.double(), angles.sin(), rtol=0, atol=1e-5)
        assert not {"cos", "sin"} & set(made.state_dict())


def test_tables_ignore_the_default_dtype():
    torch.set_default_dtype(torch.bfloat16)
    try:
        cos, sin = rope_tables(config())
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(cos, rope_tables(config())[0])
    assert torch.equal(sin, rope_tables(config())[1])
