"""Solutions of lesson 07, RMSNorm."""

import math

import torch


def layer_norm(x, eps):
    """LayerNorm without weight and bias: (..., dim) to (..., dim)."""
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(dim=-1, keepdim=True) + eps)


def fold_norm(norm_weight, matrix):
    """The (out, dim) matrix that does what the norm's weight and then `matrix` would do."""
    return matrix * norm_weight


def qk_norm_scores(q, k, eps):
    """Scores, (..., time, keys), of queries and keys that are normalised first."""
    q = q * torch.rsqrt(q.square().mean(dim=-1, keepdim=True) + eps)
    k = k * torch.rsqrt(k.square().mean(dim=-1, keepdim=True) + eps)
    return q @ k.mT / math.sqrt(q.shape[-1])


def rms_norm_backward(x, weight, eps, grad):
    """The gradient of x, (..., dim), from that of RMSNorm's result."""
    scale = torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps)
    normed, grad = x * scale, grad * weight
    return scale * (grad - normed * (grad * normed).mean(dim=-1, keepdim=True))
