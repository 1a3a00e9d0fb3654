"""The checks of lesson 04's exercises."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from minillama.course.checking.check import Check
from minillama.course.checking.probes import agrees, all_agree, examples

softmax = Check("softmax")
all_agree(softmax, lambda scores: scores.double().softmax(-1), {
    "two scores by hand: weights of ¼ and ¾": [(torch.tensor([[0.0, 1.0986123]]),)],
    "scores of 1,000 do not overflow": [(torch.tensor([[1000.0, 1000.0]]),)],
    "a row of low scores next to a row of high ones":
        [(torch.tensor([[500.0, 500.0], [-500.0, -500.0]]),)],
    "every row of every head is normalized by itself": lambda: [(torch.randn(2, 3, 4, 4),)],
}, axes="batch heads time keys")  # fmt: skip


def head(x: Tensor, *matrices: Tensor) -> Tensor:
    q, k, v = (x.double() @ matrix.double() for matrix in matrices)
    return F.scaled_dot_product_attention(q, k, v)


one_head = Check("one_head")
BY_HAND = torch.eye(2), *torch.tensor([[[0.0], [1.0]], [[1.0986123], [0.0]], [[4.0], [0.0]]])
examples(one_head, "two tokens by hand", (BY_HAND, torch.tensor([[2.0], [3.0]])))
agrees(
    one_head, "equal to PyTorch's attention without a mask", head,
    lambda: [(torch.randn(t, n), *torch.randn(3, n, d)) for t, n, d in ((3, 4, 4), (5, 8, 2))],
    axes="time head_dim",
)  # fmt: skip


def by_rule(allowed: Any, time: int, keys: int) -> Tensor:
    """A mask by a rule for the positions of query and key; the queries are the last ones."""
    return torch.tensor([[allowed(t, s) for s in range(keys)] for t in range(keys - time, keys)])


sliding_window_mask = Check("sliding_window_mask")
all_agree(sliding_window_mask, lambda n, k, w: by_rule(lambda t, s: 0 <= t - s < w, n, k), {
    "four tokens and a window of two": [(4, 4, 2)],
    "other windows, and queries at the last of many positions": [
        (5, 5, 3), (2, 6, 3), (1, 4, 2), (3, 3, 9), (3, 3, 1)
    ],
}, axes="time keys")  # fmt: skip
