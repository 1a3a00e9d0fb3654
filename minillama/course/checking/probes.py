"""Probes that many checks share: calls with known results, an oracle, gradients.

Inputs are made while the probe runs, so that every answer gets the same random numbers. Where an
example has no words of its own, its arguments are told by the reference's names for them. What the
reference takes by keyword only is given by keyword.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from minillama.course.checking.answer import Case, call, fill
from minillama.course.checking.check import Check
from minillama.course.checking.compare import show
from minillama.course.checking.spies import Elsewhere, tensors
from minillama.course.complaint import Complaint

Args = tuple[Any, ...]
Answer = Callable[..., Any]
Inputs = Iterable[Args] | Callable[[], Iterable[Args]]  # random ones are made while a probe runs


class Parts(dict[Any, Any]):
    """The parts of a result by their names; each that is right is a case of its own."""


def examples(check: Check, title: str, *calls: tuple[Any, ...], **how: Any) -> None:
    """A probe of calls worked out by hand: (arguments, result) or (arguments, result, words).

    how: axes, rtol and atol of the cases; `through`, which calls the answer in place of `call`;
    `words`, said of every call, or a function that makes them of its arguments.
    """
    through, tell = how.pop("through", call), how.pop("words", None)

    @check.probe(title)
    def probe(answer: Answer) -> Iterator[Case]:
        for args, right, *words in calls:
            example = words[0] if words else told(check, tell, args)
            yield from cases(called(check, through, answer, copied(args)), right, example, **how)


def agrees(check: Check, title: str, oracle: Answer, inputs: Inputs, **how: Any) -> None:
    """A probe that compares with an oracle on some inputs; its results get our dtype.

    how: as for `examples`.
    """
    through, tell = how.pop("through", call), how.pop("words", None)

    @check.probe(title)
    def probe(answer: Answer) -> Iterator[Case]:
        for args in inputs() if callable(inputs) else map(copied, inputs):
            right, first = oracle(*args), args[0]
            if all(isinstance(x, Tensor) and x.is_floating_point() for x in (right, first)):
                right = right.to(first.dtype)
            got = called(check, through, answer, args)
            yield from cases(got, right, told(check, tell, args), **how)


def all_examples(check: Check, probes: Mapping[str, Iterable[Any]], **how: Any) -> None:
    """Several probes of calls worked out by hand: their titles and calls."""
    for title, calls in probes.items():
        examples(check, title, *calls, **how)


def all_agree(check: Check, oracle: Answer, probes: Mapping[str, Inputs], **how: Any) -> None:
    """Several probes that compare with one oracle: their titles and inputs."""
    for title, inputs in probes.items():
        agrees(check, title, oracle, inputs, **how)


def gradients(
    check: Check, title: str, oracle: Answer, inputs: Callable[[], Args], **how: Any
) -> None:
    """A probe of the gradients, by every argument that is a floating-point tensor.

    A module's weights are an argument too, a dict, which `through` gives to the module.
    """
    through = how.pop("through", call)

    @check.probe(title)
    def probe(answer: Answer) -> Iterator[Case]:
        args = inputs()
        named = dict(zip(parameters(check), args, strict=False))
        for weights in [value for value in args if isinstance(value, dict)]:
            named |= weights
        learned = {n: x for n, x in named.items() if torch.is_tensor(x) and x.is_floating_point()}
        for x in learned.values():
            x.requires_grad_()
        right = oracle(*args)
        target = torch.randn(right.shape, dtype=right.dtype)
        results, inside = (right, through(answer, *args)), [*learned.values()]
        theirs, ours = (
            torch.autograd.grad((result * target).sum(), inside, allow_unused=True)
            for result in results
        )
        for name, got, grad in zip(learned, ours, theirs, strict=True):
            if grad is not None:
                grad = grad if got is None else grad.to(got.dtype)
                yield Case(got, grad, f"random numbers, for the gradient of {name}", **how)


def on_device(
    check: Check, title: str, inputs: Callable[[], Args], complaint: str,
    mistake: str | None = None, through: Answer = call,
) -> None:  # fmt: skip
    """A probe that all is made on the device of the tensors, or the device, that `inputs` gives."""

    @check.probe(title)
    def probe(answer: Answer) -> Iterator[Case]:
        args = inputs()
        with Elsewhere(*tensors(args)) as gpu:
            got = through(answer, *args)
        if gpu.mixed or not all(gpu.there.get(id(tensor), False) for tensor in tensors(got)):
            raise Complaint(complaint, mistake)
        yield from ()


def modules(made_with: Callable[..., Args], also: Answer = lambda x, *more: ()) -> Answer:
    """Calls an answer that is a class of modules on (x, weights by name, *more).

    It is made with `made_with(weights, *more)`, and called with x and `also(x, *more)`.
    """

    def through(answer: Answer, x: Tensor, weights: Mapping[str, Tensor], *more: Any) -> Any:
        weights = {name: weight.to(x.dtype) for name, weight in weights.items()}
        module = fill(call(answer, *made_with(weights, *more)), weights).to(x.dtype)

        def forward(x: Tensor, *rest: Any) -> Any:  # with gradients by the weights that were given
            return functional_call(module, weights, (x, *rest))

        return call(forward, x, *also(x, *more))

    return through


def cases(got: Any, right: Any, example: str, **how: Any) -> Iterator[Case]:
    """One case, or one for each of the Parts of a result."""
    if isinstance(right, Parts):
        for name, part in right.items():
            yield Case(got[name], part, f"{example}, as {name}", **how)
    else:
        yield Case(got, right, example, **how)


def called(check: Check, through: Answer, answer: Answer, args: Args) -> Any:
    """Call an answer, with keywords where the reference takes those only."""
    taken = inspect.signature(check.reference).parameters.values()
    named = {x.name: y for x, y in zip(taken, args, strict=False) if x.kind is x.KEYWORD_ONLY}
    return through(answer, *args[: len(args) - len(named)], **named)


def told(check: Check, words: str | Callable[..., str] | None, args: Args) -> str:
    """What is said of a call."""
    return words(*args) if callable(words) else words or given(check, args)


def copied(args: Args) -> Args:
    """Arguments with copies of what an answer may write into: tensors, lists and dicts."""
    return tuple(deepcopy(x) if isinstance(x, Tensor | list | dict) else x for x in args)


def given(check: Check, args: Args) -> str:
    """Arguments in words: `x = [[3, 4]]`, or `x of the shape (2, 3, 8)` where they are many."""
    words = []
    for name, value in zip(parameters(check), args, strict=False):
        if isinstance(value, Tensor) and value.numel() > 12:
            words.append(f"{name} of the shape {tuple(value.shape)}")
        else:
            text = show(value)
            words.append(f"{name} = {text if len(text) < 100 else f'{text[:40]} ... {text[-9:]}'}")
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def parameters(check: Check) -> list[str]:
    """The reference's names of its parameters; a module's are those of its forward."""
    called = getattr(check.reference, "forward", check.reference)
    return [name for name in inspect.signature(called).parameters if name != "self"]
