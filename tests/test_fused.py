"""A fused decoder writes what the model writes."""

import copy

import pytest
import torch

from minillama.attention import attention_mask
from minillama.beam import beam_search
from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.inference.compiled import compile_decoding
from minillama.inference.engine import generate, generate_batch
from minillama.inference.fused import fuse_decoding
from minillama.model import Llama
from minillama.weights import load_model, save_model

SHAPE = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "vocab_size": 60}
OPTIONS = {"max_new_tokens": 21, "temperature": 0.9, "seed": 5}


def new_model(n_kv_heads=2, tie_embeddings=False):
    torch.manual_seed(0)
    shape = SHAPE | {"n_kv_heads": n_kv_heads, "tie_embeddings": tie_embeddings}
    model = Llama(ModelConfig(**shape, max_seq_len=48))
    for parameter in model.parameters():
        parameter.data.mul_(4)  # far from uniform, so that an error shows
    return model


@pytest.fixture(params=[(1, False), (2, True), (4, False)])
def plain(request):
    return new_model(*request.param)


@pytest.fixture
def fast(plain):
    fast = fuse_decoding(copy.deepcopy(plain))
    assert fuse_decoding(fast) is fast
    return fast


NEAR = {
    torch.float64: {"rtol": 1e-5, "atol": 1e-5},  # norms and angles are in float32
    torch.float32: {"rtol": 1e-4, "atol": 1e-4},
    torch.bfloat16: {"rtol": 0.1, "atol": 0.3},
}


@pytest.mark.parametrize("rows", [1, 3, 17])
@pytest.mark.parametrize("dtype", NEAR)
def test_every_step_has_the_same_logits(plain, rows, dtype):
    fast = fuse_decoding(copy.deepcopy(plain).to(dtype))
    plain = plain.to(dtype)
    caches = [KVCache(plain.config, rows, 24, dtype) for _ in range(2)]
    with torch.inference_mode():
        for tokens in torch.randint(60, (9, rows, 1)):
            logits, same = (m(tokens, c) for m, c in zip((fast, plain), caches, strict=True))
            assert logits.shape == same.shape and logits.dtype == dtype
            torch.testing.assert_close(logits, same, **NEAR[dtype])
    assert caches[0].position == caches[1].position == 9


@torch.inference_mode()
def test_one_cache_serves_both_by_turns(plain, fast):
    rows = 17  # so many that the fused step lays the keys its own way
    tokens = torch.randint(60, (rows, 12))
    cache, kept = KVCache(plain.config, rows, 24), KVCache(plain.config, rows, 24, torch.float64)
    pieces = tokens.split([3, 1, 1, 2, 1, 3, 1], dim=1)
    models = [plain, fast, plain, fast, fast, plain, fast]
    logits = torch.cat([m(x, cache) for m, x in zip(models, pieces, strict=True)], dim=1)
    torch.testing.assert_close(logits, plain(tokens), **NEAR[torch.float32])
    # A cache in another dtype than the model's is left to PyTorch's kernel.
    logits = torch.cat([fast(x, kept) for x in pieces], dim=1)
    torch.testing.assert_close(logits, plain(tokens), **NEAR[torch.float32])


@torch.inference_mode()
def test_a_cache_of_another_kind_is_asked_for_its_update(plain, fast):
    class Forgetful(KVCache):
        def update(self, layer, k, v):
            return super().update(layer, k, v * 0)

    caches = [kind(plain.config, 1, 24) for kind in (Forgetful, Forgetful, KVCache)]
    tokens = torch.tensor([[1, 2, 3, 4]])
    for part in tokens.split([2, 1, 1], dim=1):
        logits, same, otherwise = (
            m(part, c) for m, c in zip((fast, plain, plain), caches, strict=True)
        )
    torch.testing.assert_close(logits, same, **NEAR[torch.float32])
    assert not torch.allclose(logits, otherwise, atol=0.1)


def test_beams_go_on_from_each_other(plain, fast):
    found, same = (beam_search(m, [1, 2, 3], 17, max_new_tokens=12) for m in (fast, plain))
    assert [text for text, _ in found] == [text for text, _ in same]


def test_it_writes_the_same(plain, fast):
    assert [*generate(fast, [1, 2, 3], **OPTIONS)] == [*generate(plain, [1, 2, 3], **OPTIONS)]
    prompts = [[1], [1, 7, 8], [9, 3]]
    assert [*generate_batch(fast, prompts, **OPTIONS)] == [
        *generate_batch(plain, prompts, **OPTIONS)
    ]


@pytest.mark.parametrize("rows", [3, 17])
def test_padding_is_not_seen(plain, fast, rows):
    text, padded = torch.randint(60, (rows, 7)), torch.randint(60, (rows, 4))
    documents = torch.tensor([-1] * 4 + [0] * 7).repeat(rows, 1)
    documents[0, :4] = 0  # one row has no padding
    cache = KVCache(plain.config, rows, 24)
    with torch.inference_mode():
        prompt = torch.cat([padded, text[:, :-1]], dim=1)
        fast(prompt, cache, attention_mask(10, documents[:, :-1]))
        logits = fast(text[:, -1:], cache, attention_mask(1, documents))
        alone = torch.cat([plain(row[None]) for row in text[1:]])  # without padding at all
        longest = plain(torch.cat([padded[:1], text[:1]], dim=1))
    torch.testing.assert_close(logits[0, -1], longest[0, -1], **NEAR[torch.float32])
    torch.testing.assert_close(logits[1:, -1], alone[:, -1], **NEAR[torch.float32])


def test_it_computes_with_the_models_own_weights(plain, fast):
    before = [*generate(fast, [1, 2, 3], **OPTIONS)]
    with torch.no_grad():
        for model in (fast, plain):
            model.layers[0].attention.wk.weight.mul_(-2)
            model.layers[1].feed_forward.w_up.weight[3:7] += 1
            model.output.weight[5] *= 2
    after = [*generate(fast, [1, 2, 3], **OPTIONS)]
    assert after == [*generate(plain, [1, 2, 3], **OPTIONS)] != before


def test_the_model_is_otherwise_as_it_was(plain, fast, tmp_path):
    save_model(fast, tmp_path)
    stored = load_model(tmp_path).state_dict()
    for name, weight in plain.state_dict().items():
        assert weight.equal(fast.state_dict()[name]) and weight.equal(stored[name])
    tokens = torch.tensor([[1, 2, 3]])
    for model in (fast, plain):
        model(tokens).sum().backward()
    for ours, theirs in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-3)
    del fast.forward
    assert "forward" not in vars(fast)
    torch.testing.assert_close(fast(tokens), plain(tokens), rtol=1e-4, atol=1e-4)


def test_a_copy_of_it_is_on_its_own(fast):
    other = copy.deepcopy(fast)
    text = [*generate(fast, [1, 2, 3], **OPTIONS)]
    with torch.no_grad():
        other.layers[0].feed_forward.w_down.weight.mul_(-3)
    assert [*generate(fast, [1, 2, 3], **OPTIONS)] == text
    assert [*generate(other, [1, 2, 3], **OPTIONS)] != text


def test_what_cannot_be_joined_is_refused_and_left_alone():
    model = new_model()
    model.layers[1].attention.wo = torch.nn.Linear(32, 32)
    with pytest.raises(ValueError, match=r"layers\.1\.attention\.wo is Linear"):
        fuse_decoding(model)
    assert "forward" not in vars(model) and model.layers[0].attention.wq.weight.is_contiguous()
    model = new_model()
    model.forward = lambda tokens: tokens
    for make_fast in (fuse_decoding, compile_decoding):
        with pytest.raises(ValueError, match=r"del model\.forward"):
            make_fast(model)
