"""The check of SwiGLU, against its formula in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call, fill
from minillama.course.checking.check import Check

swiglu = Check("SwiGLU", "feedforward")


def made(SwiGLU: Any, w: dict[str, Tensor]) -> Any:
    hidden_dim, dim = w["w_up.weight"].shape
    return fill(call(SwiGLU, dim, hidden_dim), w)


@swiglu.probe("one number, by hand")
def by_hand(SwiGLU: Any) -> Iterator[Case]:
    numbers = {"w_gate": 2.0, "w_up": 3.0, "w_down": 10.0}
    module = made(SwiGLU, {f"{name}.weight": torch.tensor([[n]]) for name, n in numbers.items()})
    # SiLU of 2 is 2 / (1 + exp(-2)) = 1.7616, and of -2 it is -0.2384.
    for x, right in ((1.0, 1.7616 * 3 * 10), (-1.0, -0.2384 * -3 * 10)):
        example = f"w_gate = [[2]], w_up = [[3]], w_down = [[10]] and x = [[{x:g}]]"
        got = call(module, torch.tensor([[x]]))
        yield Case(got, torch.tensor([[right]]), example, rtol=1e-3)


@swiglu.probe("every token is worked on by itself")
def tokens(SwiGLU: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.swiglu_shapes(4, 6)), torch.randn(2, 3, 4)
    right = oracles.swiglu(x, w).float()
    yield Case(call(made(SwiGLU, w), x), right, "dim = 4 and hidden_dim = 6", "batch time dim")


@swiglu.probe("any number of axes may stand before dim")
def leading(SwiGLU: Any) -> Iterator[Case]:
    w = oracles.draw(oracles.swiglu_shapes(4, 6))
    for x in (torch.randn(4), torch.randn(2, 4), torch.randn(1, 2, 3, 4)):
        right, example = oracles.swiglu(x, w).float(), f"x of the shape {tuple(x.shape)}"
        yield Case(call(made(SwiGLU, w), x), right, example)


@swiglu.probe("large numbers pass the gate whole or not at all")
def large(SwiGLU: Any) -> Iterator[Case]:
    w = {f"{name}.weight": torch.ones(1, 1) for name in ("w_gate", "w_up", "w_down")}
    got = call(made(SwiGLU, w), torch.tensor([[30.0], [-30.0], [300.0]]))
    example = "all weights 1 and x = [[30], [-30], [300]]"
    yield Case(got, torch.tensor([[900.0], [0.0], [90000.0]]), example, atol=1e-3)


@swiglu.probe("bfloat16 goes in and comes out")
def half(SwiGLU: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.swiglu_shapes(8, 12)), torch.randn(3, 8).bfloat16()
    right = oracles.swiglu(x, {name: t.bfloat16() for name, t in w.items()}).bfloat16()
    got = call(made(SwiGLU, w).bfloat16(), x)
    yield Case(got, right, "x and weights in bfloat16", "batch dim", 0.1, 0.1)


@swiglu.probe("the gradients of x and of the weights are right")
def gradients(SwiGLU: Any) -> Iterator[Case]:
    w = oracles.draw(oracles.swiglu_shapes(4, 6), requires_grad=True)
    x, target = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4)
    module = made(SwiGLU, w)
    (call(module, x) * target).sum().backward()
    right = torch.autograd.grad((oracles.swiglu(x, w) * target).sum(), [x, *w.values()])
    given = {"x": x, **dict(module.named_parameters())}
    for name, grad in zip(["x", *w], right, strict=True):
        yield Case(given[name].grad, grad, f"a random x, for the gradient of {name}")
