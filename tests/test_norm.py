import torch

from minillama.norm import RMSNorm


def random_norm(dim: int, eps: float) -> RMSNorm:
    norm = RMSNorm(dim, eps)
    torch.nn.init.uniform_(norm.weight, -2, 2)
    return norm


def test_values_and_gradients_equal_pytorchs():
    norm, theirs = random_norm(24, eps=1e-5), torch.nn.RMSNorm(24, eps=1e-5)
    theirs.load_state_dict(norm.state_dict())
    x, target = torch.randn(5, 24, requires_grad=True), torch.randn(5, 24)
    gradients = [
        torch.autograd.grad((layer(x) * target).sum(), [x, layer.weight])
        for layer in (norm, theirs)
    ]
    torch.testing.assert_close(norm(x), theirs(x))
    torch.testing.assert_close(gradients[0], gradients[1])


def test_zeros_stay_zero_with_a_finite_gradient():
    x = torch.zeros(1, 8, requires_grad=True)
    y = RMSNorm(8, eps=1e-6)(x)
    y.sum().backward()
    assert y.eq(0).all() and torch.allclose(x.grad, torch.full((1, 8), 1e3))  # 1 / sqrt(eps)


def test_bfloat16_is_computed_in_float32_and_rounded_before_the_weight():
    norm = random_norm(64, eps=1e-5).bfloat16()
    x = (100 * torch.randn(50, 64)).bfloat16()
    exact = x.double() / (x.double().square().mean(-1, keepdim=True) + 1e-5).sqrt()
    y = norm(x)
    assert y.dtype == torch.bfloat16
    # At most one unit in the last place (2^-8) from rounding, then multiplying by the weight.
    torch.testing.assert_close(y, exact.bfloat16() * norm.weight, rtol=2**-7, atol=0)
    assert (y == exact.bfloat16() * norm.weight).float().mean() > 0.99
    assert (y == (exact * norm.weight.double()).bfloat16()).float().mean() < 0.9
