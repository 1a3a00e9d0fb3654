"""The checks of lesson 08's exercises on gate and up: their slopes, and both in one product."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.checks.lesson_08 import MODULE
from minillama.course.probing import Case, Complaint, call
from minillama.course.watching import Products

A_PAIR = (
    "Two slopes are asked for, and both come back, in one tuple: that of the loss for gate, then "
    "that for up, as in `return for_gate, for_up`."
)

swiglu_gradients = Check(
    "swiglu_gradients",
    MODULE,
    hints={
        "swiglu_gradients": "By the product rule silu'(g) = σ(g) (1 + g (1 - σ(g))). Each slope is "
        "upstream, times what the other factor is, times this one's own slope."
    },
    mistakes=(
        Mistake(
            "sigmoid-as-slope",
            "The sigmoid is taken for the slope of SiLU. SiLU is gate · σ(gate), a product: the "
            "slope of the second factor is missing.",
            {"opening * (1 + gate * (1 - opening))": "opening"},
        ),
        *(
            Mistake(
                "no-slope",
                "The slope of SiLU is missing: the gate goes through SiLU before it multiplies "
                "up, so by the chain rule upstream * up is multiplied by silu'(gate) too.",
                {"upstream * up * slope": "upstream * up"} | other,
            )
            for other in ({}, {"upstream * gate * opening": "upstream * gate"})
        ),
        Mistake(
            "silu-for-its-slope",
            "SiLU itself stands where its slope belongs. What is asked for is how silu(gate) "
            "changes with the gate, σ(gate) (1 + gate (1 - σ(gate))), and that is 1/2 at 0.",
            {"opening * (1 + gate * (1 - opening))": "gate * opening"},
        ),
        Mistake(
            "one-term-of-two",
            "The slope of SiLU lacks a term. By the product rule gate · σ(gate) has two: "
            "σ + gate · σ · (1 - σ).",
            {"opening * (1 + gate * (1 - opening))": "gate * opening * (1 - opening)"},
        ),
        Mistake(
            "gate-missing",
            "The second term of SiLU's slope lacks the gate: it is σ + gate · σ · (1 - σ).",
            {"opening * (1 + gate * (1 - opening))": "opening * (1 + 1 - opening)"},
        ),
        Mistake(
            "slope-of-the-sigmoid",
            "This is the slope of the sigmoid, not of SiLU, which is gate times the sigmoid.",
            {"opening * (1 + gate * (1 - opening))": "opening * (1 - opening)"},
        ),
        Mistake(
            "opening-missing",
            "The slope of SiLU lacks a factor: it is σ + gate · σ · (1 - σ), and σ is in both "
            "terms.",
            {"opening * (1 + gate * (1 - opening))": "opening + gate * (1 - opening)"},
        ),
        Mistake(
            "sign",
            "A sign is wrong in the slope of SiLU: the sigmoid's own slope is σ (1 - σ), and it is "
            "added.",
            {"(1 + gate * (1 - opening))": "(1 - gate * (1 - opening))"},
        ),
        Mistake(
            "up-missing",
            "The gate's slope lacks up: h is a product, and each factor's slope holds the other.",
            {"upstream * up * slope": "upstream * slope"},
        ),
        Mistake(
            "upstream-missing",
            "The slopes lack upstream: this is how h answers, and the loss answers to h by "
            "upstream.",
            {"upstream * up * slope, upstream * gate * opening": "up * slope, gate * opening"},
        ),
        Mistake(
            "not-a-pair",
            A_PAIR,
            {"return upstream * up * slope, upstream * gate * opening":
             "return upstream * up * slope"},
        ),
        Mistake(
            "the-gate-without-its-activation",
            "The slope for up holds the plain gate. What multiplies up is silu(gate).",
            {"upstream * gate * opening": "upstream * gate"},
        ),
        Mistake(
            "swapped",
            "The two slopes are swapped: gate's comes first.",
            {"return upstream * up * slope, upstream * gate * opening":
             "return upstream * gate * opening, upstream * up * slope"},
        ),
        Mistake(
            "as-if-relu",
            "The gate is taken as if it went through ReLU, whose slope is 0 or 1.",
            {"slope = opening * (1 + gate * (1 - opening))": "slope = (gate > 0).type_as(gate)",
             "upstream * gate * opening": "upstream * gate.clamp(min=0)"},
        ),
    ),
)  # fmt: skip


def pair(answer: Any, *given: torch.Tensor) -> Any:
    """Both slopes of an answer in one tensor, along a new first axis."""
    got = call(answer, *given)
    if isinstance(got, torch.Tensor) and got.shape == (2, *given[0].shape):
        return got
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise Complaint(f"is not right yet. {A_PAIR}", "not-a-pair")
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


swiglu_merged = Check(
    "swiglu_merged",
    MODULE,
    hints={"swiglu_merged": "x @ w_gate_up.mT holds gate and up; `chunk(2, dim=-1)` parts them."},
    mistakes=(
        Mistake(
            "up-first",
            "SiLU stands on the second half. The gate's rows come first in w_gate_up, and SiLU "
            "belongs to the gate.",
            {"gate, up = (": "up, gate = ("},
        ),
        Mistake(
            "every-second",
            "Gate and up are taken alternately. They stand one after the other: the first half of "
            "the rows is the gate's.",
            {"gate, up = (x @ w_gate_up.mT).chunk(2, dim=-1)":
             "both = x @ w_gate_up.mT\n    gate, up = both[..., ::2], both[..., 1::2]"},
        ),
        Mistake(
            "over-positions",
            "The positions are parted in two halves. Gate and up lie side by side along the last "
            "axis.",
            {"chunk(2, dim=-1)": "chunk(2, dim=-2)"},
        ),
        Mistake(
            "silu-on-both",
            "SiLU is applied to both halves. Only the gate has it.",
            {"F.silu(gate) * up": "F.silu(gate) * F.silu(up)"},
        ),
        Mistake(
            "no-silu",
            "SiLU is missing: this is a plain product of two linear maps.",
            {"F.silu(gate) * up": "gate * up"},
        ),
        Mistake(
            "sum",
            "Gate and up are added. A gate multiplies.",
            {"F.silu(gate) * up": "F.silu(gate) + up"},
        ),
        Mistake(
            "not-transposed",
            "A weight is not transposed: like nn.Linear's, these are (out, in), so x is multiplied "
            "by their transposes.",
            {"x @ w_gate_up.mT": "x @ w_gate_up", "@ w_down.mT": "@ w_down"},
        ),
        Mistake(
            "no-down",
            "w_down is not used: the result is still as wide as the hidden layer.",
            {"(F.silu(gate) * up) @ w_down.mT": "F.silu(gate) * up"},
        ),
    ),
)  # fmt: skip


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
