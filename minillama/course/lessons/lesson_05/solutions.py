"""Solutions of lesson 05, RoPE."""

import math

import torch
from einops import rearrange


def theta_for(longest, head_dim):
    """The theta with which a head's slowest pair goes once round in `longest` tokens."""
    return (longest / (2 * math.pi)) ** (head_dim / (head_dim - 2))


def rotate_neighbours(x, cos, sin):
    """Turn the pairs (0, 1), (2, 3), ... of x, (..., time, head_dim); cos and sin as before."""
    first, second = x[..., ::2], x[..., 1::2]
    turned = torch.stack((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return turned.flatten(-2)


def relative_score(q, k, distance, frequencies):
    """The dot product of q, turned by its position, with k, turned by a position `distance` less.

    q, k: (head_dim,), not turned yet, pairs in halves. frequencies: (head_dim / 2,).
    """
    half = len(frequencies)
    q, k = torch.complex(q[:half], q[half:]), torch.complex(k[:half], k[half:])
    turn = torch.polar(torch.ones(half), distance * frequencies)
    return (q * k.conj() * turn).real.sum()


def from_meta(weight, n_heads):
    """A wq or wk, (n_heads · head_dim, dim), whose pairs are neighbours: put them in halves."""
    return rearrange(weight, "(h pairs two) dim -> (h two pairs) dim", h=n_heads, two=2)
