import pytest
import torch

from minillama.cache import KVCache
from minillama.config import ModelConfig

CONFIG = ModelConfig.preset("tiny", n_layers=2, max_seq_len=8)  # 2 key-value heads of 16


def new(time, batch=3, dtype=torch.float32):
    return torch.randn(batch, 2, time, 16).to(dtype), torch.randn(batch, 2, time, 16).to(dtype)


def test_returns_everything_written_so_far_layer_by_layer():
    cache = KVCache(CONFIG, batch_size=3)
    pieces = [[new(5), new(5)], [new(1), new(1)], [new(2), new(2)]]
    for number, layers in enumerate(pieces):
        for layer, (k, v) in enumerate(layers):
            keys, values = cache.update(layer, k, v)
            seen = [piece[layer] for piece in pieces[: number + 1]]
            assert torch.equal(keys, torch.cat([k for k, _ in seen], dim=2))
            assert torch.equal(values, torch.cat([v for _, v in seen], dim=2))
        cache.advance(layers[0][0].shape[2])
    assert cache.position == 8


def test_setting_the_position_back_forgets_what_came_after():
    cache = KVCache(CONFIG, batch_size=3)
    first, wrong, right = new(4), new(3), new(2)
    for k, v in (first, wrong):
        cache.update(0, k, v)
        cache.advance(k.shape[2])
    cache.position = 4
    keys, _ = cache.update(0, *right)
    assert torch.equal(keys, torch.cat([first[0], right[0]], dim=2))


def test_too_much_or_for_another_batch_is_refused_and_nothing_is_written():
    cache = KVCache(CONFIG, batch_size=3, max_seq_len=6)
    cache.update(0, *new(5))
    cache.advance(5)
    before = cache.keys.clone(), cache.values.clone()
    with pytest.raises(ValueError, match="has room for 6 tokens and holds 5: 2 more do not fit"):
        cache.update(0, *new(2))
    with pytest.raises(ValueError, match="made for a batch of 3, not 1"):
        cache.update(0, *new(1, batch=1))
    with pytest.raises(ValueError, match="2 more do not fit"):
        cache.update_documents(torch.zeros(3, 2, dtype=torch.long), 3, 2)
    assert torch.equal(cache.keys, before[0]) and torch.equal(cache.values, before[1])
    assert cache.position == 5 and cache.documents is None


@pytest.mark.parametrize("size", [0, -1, 9])
def test_a_size_beyond_the_model_is_refused(size):
    with pytest.raises(ValueError, match=f"holds between 1 and 8 tokens, not {size}"):
        KVCache(CONFIG, batch_size=1, max_seq_len=size)


def test_documents_are_remembered_and_later_tokens_are_document_0():
    cache = KVCache(CONFIG, batch_size=2)
    assert cache.update_documents(None, 2, 3) is None
    cache.advance(3)
    documents = cache.update_documents(torch.tensor([[-1, 0], [1, 2]]), 2, 2)
    assert documents.tolist() == [[0, 0, 0, -1, 0], [0, 0, 0, 1, 2]]
    cache.advance(2)
    documents = cache.update_documents(None, 2, 1)
    assert documents.tolist() == [[0, 0, 0, -1, 0, 0], [0, 0, 0, 1, 2, 0]]
    cache.position = 4  # the fifth token is forgotten, and with it its document
    assert cache.update_documents(None, 2, 1).tolist() == [[0, 0, 0, -1, 0], [0, 0, 0, 1, 0]]


def test_may_be_kept_in_another_dtype_than_the_model_computes_in():
    cache = KVCache(CONFIG, batch_size=3, dtype=torch.bfloat16)
    k, v = new(4)
    keys, values = cache.update(0, k, v)
    assert keys.dtype == values.dtype == torch.float32
    assert torch.equal(keys, k.bfloat16().float()) and torch.equal(values, v.bfloat16().float())
    assert cache.keys.dtype == torch.bfloat16
