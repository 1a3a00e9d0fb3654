"""Answers to the exercises of lesson 05 as beginners write them, right and wrong."""

import math

import numpy as np
import pytest
import torch
from answering import Answers, verdicts_of

from minillama.rope import apply_rope

pytestmark = pytest.mark.usefixtures("as_readers_run")
answers = Answers()


# theta_for


@answers("theta_for")
def by_the_slowest_frequency(longest, head_dim):
    frequency = 2 * math.pi / longest
    return (1 / frequency) ** (1 / (1 - 2 / head_dim))


@answers("theta_for")
def by_the_last_pair(longest, head_dim):
    last = head_dim // 2 - 1
    return np.power(longest / 2 / np.pi, head_dim / (2 * last))


@answers("theta_for")
def as_a_tensor(longest, head_dim):
    return torch.tensor(longest / (2 * torch.pi)) ** (head_dim / (head_dim - 2))


@answers("theta_for", "exponent-1")
def simply(longest, head_dim):
    return longest / (2 * math.pi)


@answers("theta_for", "without-2-pi")
def one_over(longest, head_dim):
    return longest ** (1 / (1 - 2 / head_dim))


@answers("theta_for", "exponent-upside-down")
def power_not_root(longest, head_dim):
    return (longest / 2 / math.pi) ** (1 - 2 / head_dim)


@answers("theta_for", "next-to-last")
def off_by_one(longest, head_dim):
    last = head_dim // 2 - 2
    return (longest / (2 * math.pi)) ** (head_dim / (2 * last))


# rotate_neighbours


@answers("rotate_neighbours")
def as_meta_does(x, cos, sin):
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * torch.complex(cos, sin)).flatten(-2).type_as(x)


@answers("rotate_neighbours")
def writes_into_a_new_one(x, cos, sin):
    out = torch.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return out


@answers("rotate_neighbours")
def with_doubled_tables(x, cos, sin):
    cos, sin = cos.repeat_interleave(2, -1), sin.repeat_interleave(2, -1)
    across = torch.stack((-x[..., 1::2], x[..., ::2]), -1).reshape(x.shape)
    return x * cos + across * sin


@answers("rotate_neighbours")
def through_halves(x, cos, sin):
    halves = torch.cat((x[..., ::2], x[..., 1::2]), -1)
    first, second = apply_rope(halves, cos, sin).chunk(2, -1)
    return torch.stack((first, second), -1).flatten(-2)


@answers("rotate_neighbours", "halves")
def as_before(x, cos, sin):
    return apply_rope(x, cos, sin)


@answers("rotate_neighbours", "joined-as-halves")
def forgets_the_way_back(x, cos, sin):
    return apply_rope(torch.cat((x[..., ::2], x[..., 1::2]), -1), cos, sin)


@answers("rotate_neighbours", "taken-as-halves")
def forgets_the_way_there(x, cos, sin):
    first, second = apply_rope(x, cos, sin).chunk(2, -1)
    return torch.stack((first, second), -1).flatten(-2)


@answers("rotate_neighbours", "a-column-for-two")
def with_tables_as_they_are(x, cos, sin):
    across = torch.stack((-x[..., 1::2], x[..., ::2]), -1).reshape(x.shape)
    return x * cos + across * sin


@answers("rotate_neighbours", "in-place")
def overwrites(x, cos, sin):
    x[..., ::2], x[..., 1::2] = (
        x[..., ::2] * cos - x[..., 1::2] * sin,
        x[..., ::2] * sin + x[..., 1::2] * cos,
    )
    return x


@answers("rotate_neighbours", "backwards")
def conjugated(x, cos, sin):
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.complex(cos, -sin)).flatten(-2)


@answers("rotate_neighbours", "not-flattened")
def leaves_pairs(x, cos, sin):
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.complex(cos, sin))


# from_meta


@answers("from_meta")
def as_transformers_does(weight, n_heads):
    rows, dim = weight.shape
    return weight.view(n_heads, rows // n_heads // 2, 2, dim).transpose(1, 2).reshape(rows, dim)


@answers("from_meta")
def head_by_head(weight, n_heads):
    heads = weight.chunk(n_heads)
    return torch.cat([torch.cat((head[::2], head[1::2])) for head in heads])


@answers("from_meta")
def by_index(weight, n_heads):
    head_dim = len(weight) // n_heads
    order = torch.arange(len(weight)).view(n_heads, -1, 2).mT.reshape(n_heads, head_dim)
    return weight[order.flatten()]


@answers("from_meta", "all-heads-at-once")
def no_heads(weight, n_heads):
    return torch.cat((weight[::2], weight[1::2]))


@answers("from_meta", "other-way")
def to_meta(weight, n_heads):
    rows, dim = weight.shape
    return weight.view(n_heads, 2, -1, dim).transpose(1, 2).reshape(rows, dim)


@answers("from_meta", "unchanged")
def only_views(weight, n_heads):
    return weight.view(n_heads, -1, 2, weight.shape[1]).reshape(weight.shape)


@answers("from_meta", "columns")
def by_columns(weight, n_heads):
    heads = weight.chunk(n_heads, dim=1)
    return torch.cat([torch.cat((h[:, ::2], h[:, 1::2]), 1) for h in heads], 1)


# relative_score


@answers("relative_score")
def turns_the_query(q, k, distance, frequencies):
    angles = distance * frequencies
    return apply_rope(q[None], angles.cos()[None], angles.sin()[None])[0] @ k


@answers("relative_score")
def turns_the_key_back(q, k, distance, frequencies):
    angles = -distance * frequencies
    return apply_rope(k[None], angles.cos()[None], angles.sin()[None])[0] @ q


@answers("relative_score")
def by_real_and_imaginary(q, k, distance, frequencies):
    (a, b), (c, d) = q.chunk(2), k.chunk(2)
    angle = distance * frequencies
    return ((a * c + b * d) * angle.cos() - (b * c - a * d) * angle.sin()).sum()


@answers("relative_score")
def by_exponential(q, k, distance, frequencies):
    q, k = (torch.complex(*x.chunk(2)) for x in (q, k))
    return torch.sum(q * k.conj() * torch.exp(1j * distance * frequencies)).real.item()


@answers("relative_score")
def in_a_loop(q, k, distance, frequencies):
    total, half = 0, len(frequencies)
    for i, pace in enumerate(frequencies.tolist()):
        turn = complex(math.cos(pace * distance), math.sin(pace * distance))
        pair = complex(q[i], q[i + half]) * complex(k[i], -k[i + half])
        total += (pair * turn).real
    return total


@answers("relative_score", "no-conjugate")
def multiplies(q, k, distance, frequencies):
    q, k = (torch.complex(*x.chunk(2)) for x in (q, k))
    return (q * k * torch.exp(1j * distance * frequencies)).real.sum()


@answers("relative_score", "other-direction")
def turns_the_key(q, k, distance, frequencies):
    angles = distance * frequencies
    return apply_rope(k[None], angles.cos()[None], angles.sin()[None])[0] @ q


@answers("relative_score", "neighbours")
def as_neighbours(q, k, distance, frequencies):
    q, k = (torch.view_as_complex(x.view(-1, 2)) for x in (q, k))
    return (q * k.conj() * torch.exp(1j * distance * frequencies)).real.sum()


@answers("relative_score", "still-complex")
def stays_complex(q, k, distance, frequencies):
    q, k = (torch.complex(*x.chunk(2)) for x in (q, k))
    return torch.vdot(k, q * torch.exp(1j * distance * frequencies))


@answers("relative_score", "sum-before-length")
def takes_the_length(q, k, distance, frequencies):
    q, k = (torch.complex(*x.chunk(2)) for x in (q, k))
    return abs((q * k.conj() * torch.exp(1j * distance * frequencies)).sum())


test_an_answer_gets_its_verdict, test_a_blank_is_not_written_yet = verdicts_of(answers)
