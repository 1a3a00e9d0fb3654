"""The checks of lesson 04's exercises."""

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
BY_HAND = torch.tensor([[[0.0], [1.0]], [[1.3862944], [0.0]], [[6.0], [0.0]]])
THREE = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])  # not as many tokens as numbers in each
examples(one_head, "three tokens by hand", ((THREE, *BY_HAND), torch.tensor([[2.0], [4.0], [4.0]])))
agrees(
    one_head, "equal to PyTorch's attention without a mask", head,
    lambda: [(torch.randn(t, n), *torch.randn(3, n, d)) for t, n, d in ((3, 4, 4), (5, 8, 2))],
    axes="time head_dim",
)  # fmt: skip
