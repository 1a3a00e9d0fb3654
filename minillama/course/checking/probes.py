"""Probes that many checks share: calls with known results, an oracle, gradients.

Inputs are made while the probe runs, so that every answer gets the same random numbers. Where an
example has no words of its own, its arguments are told by the reference's names for them.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.compare import show

Args = tuple[Any, ...]
Answer = Callable[..., Any]


def examples(check: Check, title: str, *calls: tuple[Any, ...], **how: Any) -> None:
    """A probe of calls worked out by hand: (arguments, result) or (arguments, result, words).

    how: axes, rtol and atol of the cases; `through`, which calls the answer in place of `call`.
    """
    through = how.pop("through", call)

    @check.probe(title)
    def probe(answer: Answer) -> Iterator[Case]:
        for args, right, *words in calls:
            got = through(answer, *args)
            yield Case(got, right, words[0] if words else given(check, args), **how)


def agrees(
    check: Check, title: str, oracle: Answer, inputs: Callable[[], Iterable[Args]], **how: Any
) -> None:
    """A probe that compares with an oracle on what `inputs` makes; its results get our dtype.

    how: as for `examples`, and `words`, said of every call.
    """
    through, words = how.pop("through", call), how.pop("words", None)

    @check.probe(title)
    def probe(answer: Answer) -> Iterator[Case]:
        for args in inputs():
            right, first = oracle(*args), args[0]
            if (
                isinstance(right, Tensor)
                and isinstance(first, Tensor)
                and first.is_floating_point()
            ):
                right = right.to(first.dtype) if right.is_floating_point() else right
            example = given(check, args) if words is None else words
            yield Case(through(answer, *args), right, example, **how)


def gradients(
    check: Check, title: str, oracle: Answer, inputs: Callable[[], Args], **how: Any
) -> None:
    """A probe of the gradients, by every argument that is a floating-point tensor."""

    @check.probe(title)
    def probe(answer: Answer) -> Iterator[Case]:
        args = inputs()
        learned = [x for x in args if isinstance(x, Tensor) and x.is_floating_point()]
        for x in learned:
            x.requires_grad_()
        right = oracle(*args)
        weights = torch.randn(right.shape, dtype=right.dtype)
        theirs = torch.autograd.grad((right * weights).sum(), learned)
        ours = torch.autograd.grad((call(answer, *args) * weights).sum(), learned)
        names = dict(zip(map(id, args), parameters(check), strict=False))
        for x, got, grad in zip(learned, ours, theirs, strict=True):
            yield Case(
                got,
                grad.to(got.dtype),
                f"random numbers, for the gradient of {names[id(x)]}",
                **how,
            )


def given(check: Check, args: Args) -> str:
    """Arguments in words: `x = [[3, 4]]`, or `x of the shape (2, 3, 8)` where they are many."""
    words = []
    for name, value in zip(parameters(check), args, strict=False):
        if isinstance(value, Tensor) and value.numel() > 12:
            words.append(f"{name} of the shape {tuple(value.shape)}")
        else:
            words.append(f"{name} = {show(value)}")
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def parameters(check: Check) -> list[str]:
    """The reference's names of its parameters."""
    return list(inspect.signature(check.reference).parameters)
