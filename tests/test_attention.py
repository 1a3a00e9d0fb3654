import torch

from minillama.attention import (
    attend,
    attention_mask,
    fused_attend,
    grouped_attend,
    repeat_heads,
)


def random_qkv(heads, kv_heads, time, keys, batch=2, head_dim=8, **options):
    q = torch.randn(batch, heads, time, head_dim, **options)
    k = torch.randn(batch, kv_heads, keys, head_dim, **options)
    return q, k, torch.randn(batch, kv_heads, keys, head_dim, **options)


def attend_all(q, k, v, mask=None):
    """`attend`, with the keys and values repeated for the query heads that share them."""
    return attend(q, repeat_heads(k, q.shape[1]), repeat_heads(v, q.shape[1]), mask)


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
