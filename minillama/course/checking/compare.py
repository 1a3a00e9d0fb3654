"""Comparing results: with what is right, in words; and with those of a known mistake."""

import numbers
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking.answer import Case, Outcome
from minillama.course.complaint import Complaint, cause_of


def problem(outcomes: list[Outcome]) -> str | None:
    """The first thing that is wrong among a probe's outcomes, or None."""
    return next((words for words in map(wrong_with, outcomes) if words), None)


def wrong_with(outcome: Outcome) -> str | None:
    """What is wrong with one outcome, in words, or None."""
    if isinstance(outcome, Complaint):
        return str(outcome)
    try:
        return difference(outcome)
    except Exception as error:  # something that cannot be compared, such as a sparse tensor
        return f"it gives {article(outcome.got)} that cannot be compared: it raises {error!r}"


def likely(outcome: Outcome) -> str:
    """What probably lies behind a wrong outcome; empty if that is not known."""
    if isinstance(outcome, Complaint):
        return outcome.cause or cause_of(str(outcome), "no line")
    got, right = outcome.got, outcome.right
    if cause := cause_of(wrong_with(replace(outcome, example="")) or "", ""):
        return cause
    if type(got) is type(right) is list and sorted(map(repr, got)) == sorted(map(repr, right)):
        return "The items are right, but their order is not."
    if isinstance(right, numbers.Real) and isinstance(got, numbers.Real) and got == -right:
        return "The sign is wrong."
    return relation(got, right) if isinstance(right, Tensor) and right.numel() > 1 else ""


def relation(got: Tensor, right: Tensor) -> str:
    """How the numbers of a tensor of the right shape and dtype are related to the right ones."""
    if right.dtype == torch.bool:
        return "True and False are exchanged." if torch.equal(got, ~right) else ""
    a, b = got.detach().double(), right.detach().double()
    if len(b.unique()) < 3:
        return ""  # so few numbers are related by chance
    if a.ndim > 1 and a.shape[-1] == a.shape[-2] and torch.allclose(a, b.mT):
        return "The result is transposed: its last two axes are exchanged."
    factor = (a / b)[b != 0]
    if torch.allclose(a, factor[0] * b, rtol=1e-3):
        times = f"{show(factor[0].item())} times"
        return f"Every number is {times} what it should be: a factor is missing, or one too many."
    placed, belong = a.flatten().sort()[0], b.flatten().sort()[0]
    if len(b.unique()) > 8 and torch.allclose(placed, belong, rtol=1e-3):
        return (
            "The numbers are right, but in the wrong places: look at the order of axes and parts."
        )
    if torch.allclose(a, b, rtol=0.02, atol=1e-3):
        return (
            "The numbers are almost right. Either they are rounded early (compute in float32), or "
            "a small term such as eps is missing or in the wrong place."
        )
    return ""


def same(ours: list[Outcome], theirs: list[Outcome]) -> bool:
    """Whether two answers to one probe came to the same results."""
    if len(ours) != len(theirs):
        return False
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a, Complaint) != isinstance(b, Complaint):
            return False
        if isinstance(a, Complaint) or isinstance(b, Complaint):
            # The same exception counts as the same, whichever line it comes from.
            if getattr(a, "core", a) != getattr(b, "core", b):
                return False
        elif difference(Case(a.got, b.got, rtol=a.rtol, atol=a.atol)):
            return False
    return True


def difference(case: Case) -> str | None:
    """How what came out differs from what is right, in words; None where it does not."""
    got, right = case.got, case.right
    given = f"given {case.example}, " if case.example else ""
    if isinstance(right, Tensor):
        return tensor_difference(case, given)
    if isinstance(got, Tensor) and got.numel() == 1:
        got = got.item()
    if isinstance(right, bool | str) or right is None or not isinstance(right, numbers.Real):
        equal = isinstance(got, type(right)) and bool(got == right)
    else:
        equal = isinstance(got, numbers.Real) and abs(float(got) - float(right)) <= (
            case.atol + case.rtol * abs(float(right))
        )
    if equal:
        return None
    both = isinstance(got, list | tuple) and isinstance(right, list | tuple)
    if both and max(len(got), len(right)) > 12:
        return given + items_difference(got, right)
    words = f"{given}it gives {beside(got, right)}."
    if isinstance(got, Tensor):
        words = f"{given}it gives a tensor of the shape {tuple(got.shape)}, and {show(right)} is "
        words += "right."
    elif isinstance(got, list | tuple) and not isinstance(right, list | tuple):
        words = f"{given}it gives {article(got)}, {show(got)}, and {show(right)} is right"
        words += comma(got) or "."
    return words


def items_difference(got: Any, right: Any) -> str:
    """How a long list differs from what is right: the first item that does."""
    shorter = min(len(got), len(right))
    where = next((i for i in range(shorter) if got[i] != right[i]), shorter)
    words = f"it gives {article(got)} of {len(got)}"
    words += f", and {len(right)} are right" if len(got) != len(right) else ""
    if where == len(got) == len(right):
        return f"{words}, and {article(right)} is right."
    if where == shorter:
        return f"{words}; the first {shorter} are as they should be."
    place = f"; number {where + 1} is the first that is wrong: " if where else "; the first is "
    return f"{words}{place}{beside(got[where], right[where])}."


def article(value: Any) -> str:
    """The type of a value, as in "a tuple"."""
    kind = type(value).__name__
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def comma(got: Any) -> str:
    """What makes a tuple of one out of a value."""
    one = isinstance(got, tuple) and len(got) == 1
    return ": is there a comma behind what it returns?" if one else ""


def tensor_difference(case: Case, given: str) -> str | None:
    """The same for tensors: type, then shape, then dtype, then values."""
    got, right = case.got, case.right
    if not isinstance(got, Tensor):
        return f"{given}it gives {article(got)}, and a tensor is right{comma(got) or '.'}"
    if got.shape != right.shape:
        words, names = f"{given}its shape is {tuple(got.shape)}, and ", case.axes.split()
        if right.ndim == 0:
            return words + "one number is right."
        words += f"{tuple(right.shape)} is right"
        if got.ndim == right.ndim == len(names):
            wrong = [n for n, a, b in zip(names, got.shape, right.shape, strict=True) if a != b]
            axes = "axes" if len(wrong) > 1 else "axis"
            listed = " and ".join(filter(None, [", ".join(wrong[:-1]), wrong[-1]]))
            words += f": look at the {axes} {listed} of ({', '.join(names)})"
        elif right.ndim == len(names):
            words += f": its axes are ({', '.join(names)})"
        return words + "."
    if got.dtype != right.dtype:
        return f"{given}its dtype is {got.dtype}, and {right.dtype} is right."
    if got.device != right.device:
        return f"{given}its device is {got.device}, and {right.device} is right."
    a, b = got.detach().double(), right.detach().double()
    close = torch.isclose(a, b, rtol=case.rtol, atol=case.atol, equal_nan=True)
    if close.all():
        return None
    if right.numel() <= 12:
        return f"{given}it gives {beside(got, right)}."
    where = tuple((~close).nonzero()[0].tolist())
    names = case.axes.split() if len(case.axes.split()) == right.ndim else [""] * right.ndim
    place = ", ".join(f"{name} {i}".strip() for name, i in zip(names, where, strict=True))
    return f"{given}it gives {beside(a[where], b[where], f' at [{place}]')}."


def beside(got: Any, right: Any, place: str = "") -> str:
    """What came out and what is right, with so many digits that they differ to the eye."""
    digits = next((n for n in range(4, 18) if show(got, n) != show(right, n)), 4)
    return f"{show(got, digits)}{place}, and {show(right, digits)} is right"


def show(value: Any, digits: int = 4) -> str:
    """A value as a reader wants to see it: few digits, no dtype."""
    if isinstance(value, Tensor):
        return show(value.detach().tolist(), digits)
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, list | tuple):
        inside = ", ".join(show(item, digits) for item in value)
        inside += "," * (value.__class__ is tuple and len(value) == 1)
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    return repr(value)
