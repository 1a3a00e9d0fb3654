"""The checks of lesson 04's exercises."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import agrees, all_agree
from minillama.course.checking.spies import Tables
from minillama.course.complaint import Complaint

attention_entropy = Check("attention_entropy")
all_agree(attention_entropy, lambda p: torch.where(p > 0, -p * p.log(), 0.0).sum(-1), {
    "a row by hand": [(torch.tensor([[0.5, 0.25, 0.25]]),)],
    "0 for a look at one key, ln n for n keys alike": [(torch.eye(3),), (torch.ones(1, 4) / 4,)],
    "each row of a batch of heads has its own": lambda: [(torch.rand(2, 3, 4, 5).softmax(-1),)],
}, axes="batch heads time")  # fmt: skip


def by_rule(allowed: Any, time: int, keys: int) -> Tensor:
    """A mask by a rule for the positions of query and key; the queries are the last ones."""
    return torch.tensor([[allowed(t, s) for s in range(keys)] for t in range(keys - time, keys)])


prefix_mask = Check("prefix_mask")
all_agree(prefix_mask, lambda n, prefix: by_rule(lambda t, s: t >= s or max(t, s) < prefix, n, n), {
    "four tokens of which two are the prefix": [(4, 2)],
    "other lengths, no prefix and nothing but prefix": [(5, 3), (5, 0), (3, 3), (1, 1)],
}, axes="time keys")  # fmt: skip

sliding_window_mask = Check("sliding_window_mask")
all_agree(sliding_window_mask, lambda n, k, w: by_rule(lambda t, s: 0 <= t - s < w, n, k), {
    "four tokens and a window of two": [(4, 4, 2)],
    "other windows, and queries that are the last of many keys": [
        (5, 5, 3), (2, 6, 3), (1, 4, 2), (3, 3, 9), (3, 3, 1)
    ],
}, axes="time keys")  # fmt: skip

attend_in_chunks = Check("attend_in_chunks")
AXES = "batch heads time head_dim"


def whole(q: Tensor, k: Tensor, v: Tensor, size: int) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


agrees(
    attend_in_chunks, "equal to attention in one piece, whether the size divides the length or not",
    whole, lambda: [(*torch.randn(3, 2, 3, n, 4), size) for n in (6, 7) for size in (3, 2, 1, 10)],
    words=lambda q, k, v, size: f"{q.shape[-2]} tokens and size = {size}", axes=AXES,
)  # fmt: skip


@attend_in_chunks.probe("`size` queries at a time")
def small(f: Any) -> Iterator[Case]:
    q, k, v = torch.randn(3, 1, 1, 12, 2)
    largest = []
    for size in (2, 4):
        with Tables(q) as tables:
            got = call(f, q, k, v, size)
        largest.append(tables.largest)
        yield Case(got, whole(q, k, v, size), f"12 tokens and size = {size}", AXES)
    if largest[0] == largest[1]:
        raise Complaint("given 12 tokens, its tables are as large with size = 2 as with size = 4.")


@attend_in_chunks.probe("a chunk looks at no keys or values after its end")
def unseen(f: Any) -> Iterator[Case]:
    q, k, v = torch.randn(3, 1, 2, 6, 4)
    right = whole(q, k, v, 2)[..., :4, :]
    v[..., -1, :] = torch.inf  # times a weight of 0 it is nan, so even that is seen
    example = "6 tokens of which the last value is infinite, for the first 4 with size = 2"
    yield Case(call(f, q, k, v, 2)[..., :4, :], right, example, AXES)
