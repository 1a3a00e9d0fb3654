import copy
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from minillama.attention import attention_mask
from minillama.cache import KVCache
from minillama.config import ModelConfig, RopeScaling
from minillama.model import Llama
from minillama.rope import rope_tables

CONFIG = ModelConfig.preset("tiny", vocab_size=50, max_seq_len=16)


def sharp_llama(config: ModelConfig = CONFIG) -> Llama:
    """A model with weights large enough for attention to be far from even."""
    model = Llama(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(1, 0.3) if parameter.dim() == 1 else parameter.normal_(0, 0.2)
    return model


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("llama-7b", 6_738_415_616),
        ("llama-13b", 13_015_864_320),
        ("llama-33b", 32_528_943_616),
        ("llama-65b", 65_285_660_672),
        ("llama-2-7b", 6_738_415_616),
        ("llama-2-13b", 13_015_864_320),
        ("llama-2-70b", 68_976_648_192),
        ("llama-3-8b", 8_030_261_248),
        ("llama-3-70b", 70_553_706_496),
        ("llama-3.2-1b", 1_235_814_400),
        ("llama-3.2-3b", 3_212_749_824),
    ],
)
def test_has_as_many_parameters_as_published(name, published):
    with torch.device("meta"):
        assert Llama(ModelConfig.preset(name)).n_parameters == published


def test_a_refused_forward_leaves_the_cache_as_it_was():
    model, cache = sharp_llama(), KVCache(CONFIG, batch_size=1, max_seq_len=12)
    model(torch.randint(50, (1, 10)), cache)
    with pytest.raises(ValueError, match="17 tokens exceed max_seq_len, 16"):
        model(torch.randint(50, (1, 17)))
    with pytest.raises(ValueError, match="room for 12 tokens, not for 13"):
        model(torch.randint(50, (1, 3)), cache)
    with pytest.raises(ValueError, match="is for a batch of 1, not 2"):
        model(torch.randint(50, (2, 1)), cache)
    assert cache.position == 10
    model(torch.randint(50, (1, 2)), cache)


def test_tied_embeddings_stay_tied():
    model = Llama(CONFIG)
    for made in (model, copy.deepcopy(model).bfloat16()):
        assert made.output.weight is made.tok_embeddings.weight
        assert len(list(made.parameters())) == 2 * 9 + 2
    untied = Llama(ModelConfig.preset("tiny", tie_embeddings=False)).bfloat16()
    assert untied.output.weight is not untied.tok_embeddings.weight


def test_angles_stay_float32_whatever_the_weights_become():
    config = ModelConfig.preset("tiny", rope_scaling=RopeScaling("llama3", 8.0))
    half = Llama(config).bfloat16()
    assert torch.equal(half.cos, rope_tables(config)[0]) and half.cos.dtype == torch.float32
    assert not {"cos", "sin"} & half.state_dict().keys()


DOCUMENTS = torch.tensor([[0] * 6 + [1] * 6, [0] * 9 + [-1] * 3])


@pytest.mark.parametrize("mask", [None, attention_mask(12, DOCUMENTS)])
def test_bfloat16_stays_near_float32(mask):
    model, tokens = sharp_llama(), torch.randint(50, (2, 12))
    exact = model(tokens, mask=mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = model(tokens, mask=mask)
        mixed.float().sum().backward()
        cached = model(tokens[:, :5], KVCache(CONFIG, batch_size=2))
    assert all(parameter.grad.dtype == torch.float32 for parameter in model.parameters())
    half = copy.deepcopy(model).to(torch.bfloat16)
    rounded = half(tokens, mask=mask)
    assert rounded.dtype == mixed.dtype == cached.dtype == torch.bfloat16
    for logits in (mixed, rounded):
        assert (logits - exact).abs().mean() < 0.02 * exact.abs().mean()


def test_learns_a_sequence_by_heart():
    model, tokens = Llama(CONFIG), torch.randint(50, (2, 16))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(40):
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1


def test_compiles_into_one_graph():
    # In a fresh process: the type checks that surround every function here are not for compiling.
    program = """
import torch
from minillama import Llama, ModelConfig
from minillama.attention import attention_mask
model = Llama(ModelConfig.preset("tiny"))
compiled = torch.compile(model, backend="eager", fullgraph=True)
tokens = torch.randint(2048, (2, 32))
documents = torch.arange(32).div(9, rounding_mode="floor").expand(2, 32)
torch.testing.assert_close(compiled(tokens), model(tokens))
mask = attention_mask(32, documents)
torch.testing.assert_close(compiled(tokens, mask=mask), model(tokens, mask=mask))
"""
    subprocess.run([sys.executable, "-c", program], check=True)
