"""The checks of lesson 08's exercises on gate and up: their slopes, and both in one product."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.spies import Products
from minillama.course.complaint import Complaint, Known

swiglu_gradients = Check("swiglu_gradients")


def pair(answer: Any, *given: torch.Tensor) -> Any:
    """Both slopes of an answer in one tensor, along a new first axis."""
    got = call(answer, *given)
    if isinstance(got, torch.Tensor) and got.shape == (2, *given[0].shape):
        return got
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise Known("not-a-pair")
    return torch.stack([torch.as_tensor(part) for part in got])


@swiglu_gradients.probe("where the gate is 0")
def gradients_at_zero(f: Any) -> Iterator[Case]:
    # SiLU is 0 at 0, and its slope there is 1/2.
    gate, up, upstream = torch.tensor([0.0]), torch.tensor([3.0]), torch.tensor([10.0])
    right = torch.tensor([[15.0], [0.0]])
    yield Case(pair(f, gate, up, upstream), right, "gate = [0], up = [3] and upstream = [10]")


@swiglu_gradients.probe("where the gate is wide open, and where it is shut")
def gradients_ends(f: Any) -> Iterator[Case]:
    gate, up, upstream = torch.tensor([30.0, -30.0]), torch.tensor([2.0, 2.0]), torch.ones(2)
    right = torch.tensor([[2.0, 0.0], [30.0, 0.0]])
    example = "gate = [30, -30], up = [2, 2] and upstream = [1, 1]"
    yield Case(pair(f, gate, up, upstream), right, example, atol=1e-4)


@swiglu_gradients.probe("what autograd finds")
def gradients_autograd(f: Any) -> Iterator[Case]:
    gate, up, upstream = torch.randn(3, 2, 4)
    wide = [t.double().requires_grad_() for t in (gate, up)]
    h = wide[0] / (1 + torch.exp(-wide[0])) * wide[1]
    right = torch.stack(torch.autograd.grad((h * upstream.double()).sum(), wide)).float()
    yield Case(pair(f, gate, up, upstream), right, "random numbers", "which time hidden")


swiglu_merged = Check("swiglu_merged")


def merged_right(x: torch.Tensor, both: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """The formula in float64, row by row of the weights."""
    half = len(both) // 2
    x, both, down = x.double(), both.double(), down.double()
    gate = torch.einsum("...d,hd->...h", x, both[:half])
    up = torch.einsum("...d,hd->...h", x, both[half:])
    return torch.einsum("...h,dh->...d", gate / (1 + torch.exp(-gate)) * up, down).float()


@swiglu_merged.probe("one number, by hand")
def merged_by_hand(f: Any) -> Iterator[Case]:
    x, both, down = torch.tensor([[1.0]]), torch.tensor([[2.0], [3.0]]), torch.tensor([[10.0]])
    example = "x = [[1]], w_gate_up = [[2], [3]] and w_down = [[10]]"
    # SiLU of 2 is 1.7616.
    yield Case(call(f, x, both, down), torch.tensor([[52.848]]), example, rtol=1e-3)


@swiglu_merged.probe("more neurons and more positions")
def merged_more(f: Any) -> Iterator[Case]:
    x, both, down = torch.randn(2, 4, 6), torch.randn(12, 6), torch.randn(6, 6)
    right = merged_right(x, both, down)
    with Products() as products:
        got = call(f, x, both, down)
    yield Case(got, right, "dim = 6 and hidden = 6", "batch time dim", 1e-3, 1e-4)
    if products.count > 2:
        raise Complaint(
            f"takes {products.count} products where two are enough. To read x once, multiply it by "
            "the whole of w_gate_up, and part what comes out: gate and up lie side by side in it. "
            "The second product is that with w_down.",
            "two-products",
        )


@swiglu_merged.probe("a hidden layer wider than the stream")
def merged_wide(f: Any) -> Iterator[Case]:
    x, both, down = torch.randn(3, 4), torch.randn(20, 4) / 2, torch.randn(4, 10)
    right = merged_right(x, both, down)
    yield Case(call(f, x, both, down), right, "dim = 4 and hidden = 10", "time dim", 1e-3, 1e-4)
