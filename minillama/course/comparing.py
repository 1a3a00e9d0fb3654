"""Comparing results: with what is right, in words; and with those of a known mistake."""

import numbers
import re
from typing import Any

import torch
from torch import Tensor

from minillama.course.probing import Case, Complaint, Outcome

LINE = r" at the line `.*`(?=:)"  # as `raised` says where in an answer an exception came from


def problem(outcomes: list[Outcome]) -> str | None:
    """The first thing that is wrong among a probe's outcomes, or None."""
    for outcome in outcomes:
        words = str(outcome) if isinstance(outcome, Complaint) else difference(outcome)
        if words:
            return words
    return None


def same(ours: list[Outcome], theirs: list[Outcome]) -> bool:
    """Whether two answers to one probe came to the same results."""
    if len(ours) != len(theirs):
        return False
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a, Complaint) != isinstance(b, Complaint):
            return False
        if isinstance(a, Complaint) or isinstance(b, Complaint):
            # The same exception counts as the same, whichever line it comes from.
            if re.sub(LINE, "", str(a)) != re.sub(LINE, "", str(b)):
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
        equal = bool(got == right) and isinstance(got, type(right))
    else:
        equal = isinstance(got, numbers.Real) and abs(float(got) - float(right)) <= (
            case.atol + case.rtol * abs(float(right))
        )
    return None if equal else f"{given}it gives {show(got)}, and {show(right)} is right."


def tensor_difference(case: Case, given: str) -> str | None:
    """The same for tensors: type, then shape, then dtype, then values."""
    got, right = case.got, case.right
    if not isinstance(got, Tensor):
        return f"{given}it gives a {type(got).__name__}, and a tensor is right."
    if got.shape != right.shape:
        words = f"{given}its shape is {tuple(got.shape)}, and {tuple(right.shape)} is right"
        names = case.axes.split()
        if got.ndim == right.ndim == len(names):
            wrong = [n for n, a, b in zip(names, got.shape, right.shape, strict=True) if a != b]
            words += f": look at the axis {' and '.join(wrong)} of ({', '.join(names)})"
        elif right.ndim == len(names):
            words += f": its axes are ({', '.join(names)})"
        return words + "."
    if got.dtype != right.dtype:
        return f"{given}its dtype is {got.dtype}, and {right.dtype} is right."
    a, b = got.detach().double(), right.detach().double()
    close = torch.isclose(a, b, rtol=case.rtol, atol=case.atol, equal_nan=True)
    if close.all():
        return None
    if right.numel() <= 12:
        return f"{given}it gives {show(got)}, and {show(right)} is right."
    where = tuple((~close).nonzero()[0].tolist())
    names = case.axes.split() if len(case.axes.split()) == right.ndim else [""] * right.ndim
    place = ", ".join(f"{name} {i}".strip() for name, i in zip(names, where, strict=True))
    return f"{given}it gives {show(a[where])} at [{place}], and {show(b[where])} is right."


def show(value: Any) -> str:
    """A value as a reader wants to see it: few digits, no dtype."""
    if isinstance(value, Tensor):
        return show(value.detach().tolist() if value.dtype != torch.bfloat16 else value.tolist())
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        inside = ", ".join(map(show, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    return repr(value)
