import pytest
import torch

from minillama.cache import KVCache
from minillama.config import ModelConfig

CONFIG = ModelConfig.preset("tiny", n_layers=2, max_seq_len=8)  # 2 key-value heads of 16


def new(time, batch=3, dtype=torch.float32):
    return torch.randn(batch, 2, time, 16).to(dtype), torch.randn(batch, 2, time, 16).to(dtype)


def test_too_much_or_for_another_batch_is_refused_and_nothing_is_written():
    cache = KVCache(CONFIG, batch_size=3, max_seq_len=6)
    cache.update(0, *new(5))
    cache.advance(5)
    before = cache.keys.clone(), cache.values.clone()
    with pytest.raises(ValueError, match="has room for 6 tokens, not for 7"):
        cache.update(0, *new(2))
    with pytest.raises(ValueError, match="is for a batch of 3, not 1"):
        cache.update(0, *new(1, batch=1))
    assert torch.equal(cache.keys, before[0]) and torch.equal(cache.values, before[1])
    assert cache.position == 5


def test_may_be_kept_in_another_dtype_than_the_model_computes_in():
    cache = KVCache(CONFIG, batch_size=3, dtype=torch.bfloat16)
    k, v = new(4)
    keys, values = cache.update(0, k, v)
    assert keys.dtype == values.dtype == torch.float32
    assert torch.equal(keys, k.bfloat16().float()) and torch.equal(values, v.bfloat16().float())
    assert cache.keys.dtype == torch.bfloat16
