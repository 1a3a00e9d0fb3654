"""RMSNorm: LLaMA's normalization, which sets the size of a vector and leaves its direction."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """Divide each vector by its root mean square, then scale each component by a learned weight.

    No mean is subtracted and no bias added. `eps` is inside the root, so that a vector of
    zeros stays zero. Source: Zhang & Sennrich 2019, arXiv:1910.07467, equation 4.
    """

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        # The squares are taken in float32: float16 has no room for that of 256, and bfloat16 would
        # round their mean to 8 bits. The result is rounded before the weight is applied, as in
        # LLaMA's published code; the other order differs in the last bit.
        wide = x.float()
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return wide.type_as(x) * self.weight
