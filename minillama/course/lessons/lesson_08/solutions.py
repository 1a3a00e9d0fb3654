"""Solutions of lesson 08, SwiGLU."""

import math

import torch
import torch.nn.functional as F


def hidden_dim_by_rule(dim, multiple_of, multiplier=1.0):
    """LLaMA's width inside the feed-forward, for the width dim of the stream."""
    hidden_dim = int(8 * dim / 3)
    hidden_dim = int(multiplier * hidden_dim)
    return math.ceil(hidden_dim / multiple_of) * multiple_of


def swiglu_gradients(gate, up, upstream):
    """The slopes of the loss for gate and up, where h = silu(gate) * up and upstream is h's."""
    opening = torch.sigmoid(gate)
    slope = opening * (1 + gate * (1 - opening))
    return upstream * up * slope, upstream * gate * opening


def loudest_neurons(hidden, w_down, k):
    """The k neurons that add most to the stream at each position: (..., hidden) to (..., k)."""
    size = hidden.abs() * w_down.norm(dim=0)
    return size.topk(k, dim=-1).indices


def swiglu_merged(x, w_gate_up, w_down):
    """SwiGLU with gate and up in one matrix, the gate's rows first."""
    gate, up = (x @ w_gate_up.mT).chunk(2, dim=-1)
    return (F.silu(gate) * up) @ w_down.mT
