import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minillama.attention import (
    Attention,
    attend,
    attention_mask,
    attention_weights,
    causal_mask,
    fused_attend,
    grouped_attend,
    repeat_heads,
)
from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.rope import rope_tables


def random_qkv(heads, kv_heads, time, keys, batch=2, head_dim=8, **options):
    q = torch.randn(batch, heads, time, head_dim, **options)
    k = torch.randn(batch, kv_heads, keys, head_dim, **options)
    return q, k, torch.randn(batch, kv_heads, keys, head_dim, **options)


def attend_all(q, k, v, mask=None):
    """`attend`, with the keys and values repeated for the query heads that share them."""
    return attend(q, repeat_heads(k, q.shape[1]), repeat_heads(v, q.shape[1]), mask)


def attend_by_loop(q, k, v, may_look):
    """Attention in Python's float64; may_look(row, query, key) decides what is seen."""
    out = torch.empty(q.shape, dtype=torch.float64)
    group = q.shape[1] // k.shape[1]
    for row in range(q.shape[0]):
        for head in range(q.shape[1]):
            keys, values = k[row, head // group].double(), v[row, head // group].double()
            for time, query in enumerate(q[row, head].double()):
                seen = [s for s in range(len(keys)) if may_look(row, time, s)]
                scores = [float(query @ keys[s]) / math.sqrt(len(query)) for s in seen]
                powers = [math.exp(score) for score in scores]
                mean = sum(p * values[s] for p, s in zip(powers, seen, strict=True)) / sum(powers)
                out[row, head, time] = mean
    return out.float()


@pytest.mark.parametrize("function", [attend_all, fused_attend, grouped_attend])
@pytest.mark.parametrize("kv_heads", [6, 3, 2, 1])
@pytest.mark.parametrize(("time", "keys"), [(5, 5), (1, 5), (3, 5), (1, 1)])
def test_equals_the_loop_when_causal(function, kv_heads, time, keys):
    q, k, v = random_qkv(6, kv_heads, time, keys)
    expected = attend_by_loop(q, k, v, lambda row, t, s: s <= keys - time + t)
    torch.testing.assert_close(function(q, k, v), expected)


@pytest.mark.parametrize("function", [attend_all, fused_attend, grouped_attend])
@pytest.mark.parametrize("time", [5, 3, 1])
def test_equals_the_loop_with_documents(function, time):
    documents = torch.tensor([[-1, -1, 0, 0, 0], [0, 0, 3, 3, -1]])
    q, k, v = random_qkv(6, 2, time, 5)

    def may_look(row, t, s):
        position = 5 - time + t
        return s <= position and bool(documents[row, s] == documents[row, position])

    mask = attention_mask(time, documents)
    torch.testing.assert_close(function(q, k, v, mask), attend_by_loop(q, k, v, may_look))


@given(st.data())
def test_mask_is_not_later_and_of_the_same_document(data):
    keys = data.draw(st.integers(1, 6))
    time = data.draw(st.integers(1, keys))
    rows = st.lists(st.integers(-1, 2), min_size=keys, max_size=keys)
    documents = data.draw(st.none() | st.lists(rows, min_size=1, max_size=2))
    if documents is None:
        mask = causal_mask(time, keys)[None, None]
    else:
        mask = attention_mask(time, torch.tensor(documents))
    for row, ids in enumerate(documents or [[0] * keys]):
        for t in range(time):
            position = keys - time + t
            expected = [s <= position and ids[s] == ids[position] for s in range(keys)]
            assert mask[row, 0, t].tolist() == expected
            assert any(expected)  # no query sees nothing at all


def test_gradients_of_all_three_are_equal():
    mask = attention_mask(7, torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 0, 2, 2, 2, -1, -1]]))
    inputs = random_qkv(6, 2, 7, 7, requires_grad=True)
    target = torch.randn(2, 6, 7, 8)
    for given_mask in (None, mask):
        gradients = [
            torch.autograd.grad((function(*inputs, given_mask) * target).sum(), inputs)
            for function in (attend_all, fused_attend, grouped_attend)
        ]
        torch.testing.assert_close(gradients[0], gradients[1])
        torch.testing.assert_close(gradients[0], gradients[2])


def test_weights_are_shares_of_what_is_seen():
    q, k, _ = random_qkv(4, 4, 6, 6)
    weights = attention_weights(q, k)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 6))
    assert weights.triu(1).eq(0).all() and weights.tril().gt(0).sum() == 2 * 4 * 21


def test_bfloat16_scores_become_weights_in_float32():
    q, k, v = (x.bfloat16() for x in random_qkv(4, 2, 40, 40))
    exact = attend_all(q.double(), k.double(), v.double())
    for function in (attend_all, fused_attend, grouped_attend):
        out = function(q, k, v)
        assert out.dtype == torch.bfloat16
        torch.testing.assert_close(out.double(), exact, rtol=0, atol=0.03)


def test_training_in_bfloat16_takes_the_same_gradients_from_the_faster_way():
    inputs = [x.bfloat16().requires_grad_() for x in random_qkv(6, 2, 40, 40)]
    exact = [x.detach().double().requires_grad_() for x in inputs]
    target = torch.randn(2, 6, 40, 8)
    out = fused_attend(*inputs)
    assert out.equal(grouped_attend(*inputs))
    gradients = torch.autograd.grad((out * target).sum(), inputs)
    expected = torch.autograd.grad((attend_all(*exact) * target).sum(), exact)
    for gradient, right in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient.double(), right, rtol=0.05, atol=0.05)


def test_neighbouring_query_heads_share_a_key_value_head():
    x = torch.arange(2.0).view(1, 2, 1, 1)
    assert repeat_heads(x, 6).flatten().tolist() == [0, 0, 0, 1, 1, 1]


def test_equals_pytorchs_multi_head_attention():
    config = ModelConfig.preset("tiny", n_kv_heads=4)
    ours = Attention(config)
    theirs = torch.nn.MultiheadAttention(64, 4, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([w.weight for w in (ours.wq, ours.wk, ours.wv)]))
        theirs.out_proj.weight.copy_(ours.wo.weight)
    x = torch.randn(2, 9, 64)
    not_seen = torch.ones(9, 9, dtype=torch.bool).triu(1)
    expected, _ = theirs(x, x, x, attn_mask=not_seen, need_weights=False)
    still = torch.ones(9, 8), torch.zeros(9, 8)  # every angle 0: RoPE turns nothing
    torch.testing.assert_close(ours(x, *still), expected)


def test_heads_that_share_equal_heads_that_repeat():
    shared = Attention(ModelConfig.preset("tiny", n_kv_heads=2))
    full = Attention(ModelConfig.preset("tiny", n_kv_heads=4))
    with torch.no_grad():
        full.wq.weight.copy_(shared.wq.weight)
        full.wo.weight.copy_(shared.wo.weight)
        for name in ("wk", "wv"):
            first, second = getattr(shared, name).weight.chunk(2)
            getattr(full, name).weight.copy_(torch.cat([first, first, second, second]))
    x, tables = torch.randn(2, 9, 64), rope_tables(ModelConfig.preset("tiny", max_seq_len=9))
    torch.testing.assert_close(shared(x, *tables), full(x, *tables))


def test_cache_keeps_keys_turned_in_the_place_of_its_layer():
    config = ModelConfig.preset("tiny", n_layers=3, max_seq_len=9)
    layer = Attention(config, layer=2)
    x, (cos, sin) = torch.randn(1, 9, 64), rope_tables(config)
    cache = KVCache(config, batch_size=1)
    first = layer(x[:, :4], cos[:4], sin[:4], cache=cache)
    cache.advance(4)
    rest = layer(x[:, 4:], cos[4:], sin[4:], cache=cache)
    torch.testing.assert_close(torch.cat([first, rest], dim=1), layer(x, cos, sin))
    assert cache.keys[:2].eq(0).all() and cache.keys[2].ne(0).all()
