"""The checks of lesson 08's first and third exercise; the others are in gate.py."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint

MODULE = "course.lessons.lesson_08.solutions"

hidden_dim_by_rule = Check("hidden_dim_by_rule")


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


loudest_neurons = Check("loudest_neurons")


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
