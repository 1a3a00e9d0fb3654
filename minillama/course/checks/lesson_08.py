"""The checks of lesson 08's exercises."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call
from minillama.course.watching import Products

MODULE = "course.exercises.lesson_08"

hidden_dim_by_rule = Check(
    "hidden_dim_by_rule",
    MODULE,
    hints={
        "hidden_dim_by_rule": "8/3 of dim, cut to a whole number; times the multiplier, cut again; "
        "up to the next multiple of multiple_of."
    },
    mistakes=(
        Mistake(
            "not-rounded-up",
            "It is rounded to the multiple below. LLaMA goes up, so that there is never less than "
            "8/3 of dim.",
            {"math.ceil(hidden_dim / multiple_of)": "(hidden_dim // multiple_of)"},
        ),
        Mistake(
            "to-the-nearest",
            "It is rounded to the nearest multiple, which may be the one below. LLaMA goes up.",
            {"math.ceil(hidden_dim / multiple_of)": "round(hidden_dim / multiple_of)"},
        ),
        Mistake(
            "one-multiple-too-far",
            "What is a multiple already goes up by one more. It may stay: the next multiple counts "
            "from there.",
            {"math.ceil(hidden_dim / multiple_of)": "(hidden_dim // multiple_of + 1)"},
        ),
        Mistake(
            "four-times",
            "This is 4 times dim, as with two matrices. A third matrix of that width would make "
            "half as many parameters again: two thirds of it, 8/3 of dim, keep their number.",
            {"8 * dim / 3": "4 * dim"},
        ),
        Mistake(
            "not-rounded",
            "It is not brought to a multiple of multiple_of. Multiples of 256 fill the blocks in "
            "which hardware multiplies matrices.",
            {"math.ceil(hidden_dim / multiple_of) * multiple_of": "hidden_dim"},
        ),
        Mistake(
            "not-rounded",
            "It is not brought to a multiple of multiple_of. Multiples of 256 fill the blocks in "
            "which hardware multiplies matrices.",
            {"math.ceil(hidden_dim / multiple_of) * multiple_of": "hidden_dim",
             "int(8 * dim / 3)": "8 * dim / 3"},
        ),
        Mistake(
            "first-cut-missing",
            "8/3 of dim is not cut before it is multiplied. The multiplier then makes a whole one "
            "out of what should have been dropped, and the width is another than the checkpoint's.",
            {"int(8 * dim / 3)": "8 * dim / 3"},
        ),
        Mistake(
            "second-cut-missing",
            "What the multiplier leaves is not cut, so a fraction above a multiple counts as more "
            "than the multiple and goes up by one too many.",
            {"int(multiplier * hidden_dim)": "multiplier * hidden_dim"},
        ),
        Mistake(
            "never-cut",
            "Nothing is cut before it goes up. The rule cuts to a whole number twice: 8/3 of dim, "
            "and then that times the multiplier. Fractions that stay can make the width larger.",
            {"int(8 * dim / 3)": "8 * dim / 3",
             "int(multiplier * hidden_dim)": "multiplier * hidden_dim"},
        ),
        Mistake(
            "multiplier-ignored",
            "The multiplier is not used. Llama 2 70B and Llama 3 widen the feed-forward by it.",
            {"int(multiplier * hidden_dim)": "hidden_dim"},
        ),
        Mistake(
            "multiplier-last",
            "The multiplier comes after the rounding, so the result is no multiple of multiple_of "
            "any more.",
            {"int(multiplier * hidden_dim)": "hidden_dim",
             "math.ceil(hidden_dim / multiple_of) * multiple_of":
             "int(multiplier * math.ceil(hidden_dim / multiple_of) * multiple_of)"},
        ),
    ),
)  # fmt: skip


def width(answer: Any, *args: Any) -> Any:
    """What an answer gives, unless it is a float, which no layer takes for its width."""
    got = call(answer, *args)
    if isinstance(got, float):
        raise Complaint(
            f"gives the float {got}. A width is a whole number, and nn.Linear takes nothing else: "
            "cut it with int, or divide with // to stay whole.",
            "a-float",
        )
    return got


@hidden_dim_by_rule.probe("small numbers, by hand")
def rule_by_hand(f: Any) -> Iterator[Case]:
    # 8/3 of 12 is 32, a multiple of 8 already; of 15 it is 40, and the next multiple of 16 is 48.
    for dim, multiple_of, right in ((12, 8, 32), (15, 16, 48), (13, 32, 64)):
        yield Case(
            width(f, dim, multiple_of), right, f"dim = {dim} and multiple_of = {multiple_of}"
        )
    # 8/3 of 5 is cut to 13, and 1.3 of that, 16.9, to 16; 8/3 of 4 is cut to 10.
    for dim, multiplier, right in ((5, 1.3, 16), (4, 2.0, 20)):
        example = f"dim = {dim}, multiple_of = 1 and multiplier = {multiplier}"
        yield Case(width(f, dim, 1, multiplier), right, example)


@hidden_dim_by_rule.probe("the published models")
def rule_published(f: Any) -> Iterator[Case]:
    for name, args, right in (
        ("LLaMA 7B", (4096, 256), 11008),
        ("LLaMA 13B", (5120, 256), 13824),
        ("LLaMA 65B", (8192, 256), 22016),
        ("Llama 2 70B", (8192, 4096, 1.3), 28672),
        ("Llama 3 8B", (4096, 1024, 1.3), 14336),
    ):
        names = ("dim", "multiple_of", "multiplier")
        words = ", ".join(f"{n} = {a}" for n, a in zip(names, args, strict=False))
        yield Case(width(f, *args), right, f"{name}: {words}")


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
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        return got
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


loudest_neurons = Check(
    "loudest_neurons",
    MODULE,
    hints={
        "loudest_neurons": "A neuron adds its number times its column of w_down: the length of "
        "that is the product of both sizes. Then topk along the last axis."
    },
    mistakes=(
        Mistake(
            "sign-kept",
            "Neurons with large negative numbers are left out. They add just as much, in the other "
            "direction.",
            {"hidden.abs()": "hidden"},
        ),
        Mistake(
            "columns-ignored",
            "Only the neurons' numbers count here. What a neuron adds is its number times its "
            "column of w_down, and some columns are far longer than others.",
            {"hidden.abs() * w_down.norm(dim=0)": "hidden.abs()"},
        ),
        Mistake(
            "numbers-ignored",
            "Only the columns count here, so every position has the same neurons. How much of its "
            "column a neuron adds depends on the position.",
            {"hidden.abs() * w_down.norm(dim=0)": "w_down.norm(dim=0).expand_as(hidden)"},
        ),
        Mistake(
            "rows-for-columns",
            "These are lengths of w_down's rows, one a feature of the stream. A neuron's value is "
            "a column: w_down is (dim, hidden).",
            {"norm(dim=0)": "norm(dim=1)"},
        ),
        Mistake(
            "sizes-for-places",
            "These are the sizes, and the question is which neurons: `topk` gives both, and "
            "`.indices` are the places.",
            {"topk(k, dim=-1).indices": "topk(k, dim=-1).values"},
        ),
        Mistake(
            "quietest",
            "These are the neurons that add least: `argsort` begins with the smallest.",
            {"size.topk(k, dim=-1).indices": "size.argsort(dim=-1)[..., :k]"},
        ),
        Mistake(
            "loudest-last",
            "The right neurons in the wrong order: the loudest comes first.",
            {"size.topk(k, dim=-1).indices": "size.argsort(dim=-1)[..., -k:]"},
        ),
        Mistake(
            "over-positions",
            "This looks for the loudest positions of each neuron. Every position asks for its "
            "neurons: the last axis.",
            {"topk(k, dim=-1)": "topk(k, dim=0)"},
        ),
    ),
)  # fmt: skip


@loudest_neurons.probe("three neurons, by hand")
def loudest_by_hand(f: Any) -> Iterator[Case]:
    # What they add has the lengths 1 · 1, 2 · 5 and 3 · 2.
    hidden = torch.tensor([[1.0, -2.0, 3.0]])
    w_down = torch.tensor([[1.0, 3.0, 0.0], [0.0, 4.0, 2.0]])
    example = "hidden = [[1, -2, 3]], w_down = [[1, 3, 0], [0, 4, 2]] and k = 2"
    yield Case(call(f, hidden, w_down, 2), torch.tensor([[1, 2]]), example, "time k")


@loudest_neurons.probe("every position has its own")
def loudest_each(f: Any) -> Iterator[Case]:
    hidden, w_down = torch.randn(5, 6), torch.randn(6, 6)
    written = (hidden[:, None, :] * w_down).double().pow(2).sum(1)  # what each adds, squared
    right = written.argsort(dim=-1, descending=True)[:, :3]
    yield Case(call(f, hidden, w_down, 3), right, "random numbers and k = 3", "time k")


@loudest_neurons.probe("any number of axes may stand before the neurons")
def loudest_axes(f: Any) -> Iterator[Case]:
    hidden, w_down = torch.randn(2, 5, 8), torch.rand(4, 8) * torch.arange(1, 9)
    written = (hidden[..., None, :] * w_down).double().pow(2).sum(-2)
    right = written.argsort(dim=-1, descending=True)[..., :2]
    yield Case(call(f, hidden, w_down, 2), right, "two texts and k = 2", "batch time k")


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
