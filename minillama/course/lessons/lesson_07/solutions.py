"""Solutions of lesson 07, RMSNorm."""

import torch


def layer_norm(x, eps):
    """LayerNorm without weight and bias: (..., dim) to (..., dim)."""
    centered = x - x.mean(dim=-1, keepdim=True)
    return centered * torch.rsqrt(centered.square().mean(dim=-1, keepdim=True) + eps)


def rms_norm_backward(x, weight, eps, grad):
    """The gradient of x, (..., dim), from that of RMSNorm's result."""
    scale = torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps)
    normed, grad = x * scale, grad * weight
    return scale * (grad - normed * (grad * normed).mean(dim=-1, keepdim=True))


@torch.no_grad()
def sees_the_future(model, tokens):
    """Whether another last token changes any earlier output of the model, for tokens (1, time)."""
    touched = tokens.clone()
    touched[:, -1] = torch.where(tokens[:, -1] == 0, 1, 0)
    return not torch.equal(model(tokens)[:, :-1], model(touched)[:, :-1])
