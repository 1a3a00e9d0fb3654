"""The check of repeat_heads, against heads picked one by one."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

AXES = "batch heads keys head_dim"
repeat_heads = Check("repeat_heads", "attention")


@repeat_heads.probe("two heads for six")
def two_for_six(repeat_heads: Any) -> Iterator[Case]:
    x = torch.tensor([7.0, 8.0]).view(1, 2, 1, 1)
    right = torch.tensor([7.0, 7, 7, 8, 8, 8]).view(1, 6, 1, 1)
    example = "two heads [[7]] and [[8]] and n_heads = 6"
    yield Case(call(repeat_heads, x, 6), right, example, "batch heads keys head_dim")


@repeat_heads.probe("whole heads are repeated, for any numbers of them")
def whole_heads(repeat_heads: Any) -> Iterator[Case]:
    for kv_heads, n_heads in ((3, 6), (1, 4), (4, 4), (2, 8)):
        x = torch.randn(2, kv_heads, 5, 4)
        group = n_heads // kv_heads
        right = torch.stack([x[:, head // group] for head in range(n_heads)], dim=1)
        example = f"{kv_heads} heads and n_heads = {n_heads}"
        yield Case(call(repeat_heads, x, n_heads), right, example, "batch heads keys head_dim")


@repeat_heads.probe("the gradients of heads that are shared add up")
def shared_gradient(repeat_heads: Any) -> Iterator[Case]:
    x, target = torch.randn(1, 2, 3, 4, requires_grad=True), torch.randn(1, 6, 3, 4)
    (call(repeat_heads, x, 6) * target).sum().backward()
    right = target.view(1, 2, 3, 3, 4).sum(2)
    yield Case(x.grad, right, "2 heads and n_heads = 6, for the gradient of x", AXES)
