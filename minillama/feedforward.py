"""SwiGLU: LLaMA's feed-forward layer, in which one half decides how much of the other passes."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class SwiGLU(nn.Module):
    """Widen every token's vector twice, gate one copy by the other, and narrow it again.

    `w_down(silu(w_gate(x)) * w_up(x))`, without biases.
    Source: Shazeer 2020, arXiv:2002.05202, equation 6.
    """

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.w_gate = nn.Linear(dim, hidden_dim, bias=False)
        self.w_up = nn.Linear(dim, hidden_dim, bias=False)
        self.w_down = nn.Linear(hidden_dim, dim, bias=False)

    def forward(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        return self.w_down(F.silu(self.w_gate(x)) * self.w_up(x))
