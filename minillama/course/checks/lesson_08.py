"""The checks of lesson 08's first and third exercise; the others are in gate.py."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call

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
            "rounded-not-cut",
            "It is rounded to the nearest whole number where the rule cuts. int() drops what "
            "stands behind the point, round() may go up.",
            {"int(8 * dim / 3)": "round(8 * dim / 3)",
             "int(multiplier * hidden_dim)": "round(multiplier * hidden_dim)"},
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
            "sums-for-lengths",
            "A column's numbers are added up without their signs. What a neuron adds is a vector, "
            "whose length is the root of the sum of squares: `w_down.norm(dim=0)`.",
            {"w_down.norm(dim=0)": "w_down.abs().sum(dim=0)"},
        ),
        Mistake(
            "squares-for-lengths",
            "The squares of a column are added up, and the root of that is missing. Squared, "
            "long columns count for more than what they add.",
            {"w_down.norm(dim=0)": "w_down.square().sum(dim=0)"},
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
    # The columns have the lengths 5, 6 and 1.
    hidden, w_down = torch.ones(1, 3), torch.tensor([[3.0, 0.0, 1.0], [4.0, 6.0, 0.0]])
    example = "hidden = [[1, 1, 1]], w_down = [[3, 0, 1], [4, 6, 0]] and k = 1"
    yield Case(call(f, hidden, w_down, 1), torch.tensor([[1]]), example, "time k")


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
