"""`check(attend)`, as a notebook calls it: find the check, judge the answer, print the verdict."""

import inspect
from collections.abc import Callable, Collection
from dataclasses import replace
from difflib import get_close_matches
from textwrap import dedent
from typing import Any

from torch import nn

from minillama.course.checking.borrowed import run_own
from minillama.course.checking.check import Check, CheckResult
from minillama.course.registry import CHECKS
from minillama.course.source.blanks import unfilled
from minillama.course.source.taught import taught
from minillama.course.workbook.adopt import Workbook


def check(answer: Any, name: str | None = None) -> CheckResult:
    """Check a function or class by its name; print the verdict and return it.

    In a workbook, where a name stands for minillama's until the reader's is right, this repeats
    the last verdict on the reader's. Where nothing can be checked, the verdict says so.
    """
    called, here = str(name or getattr(answer, "__name__", type(answer).__name__)), Workbook.here
    if here is None:
        return judge(answer, called)
    verdict = here.standing(answer, called)
    if verdict is not None:
        print(verdict.message)
        return verdict
    verdict = judge(answer, called, run_own)
    if not verdict.passed:
        return verdict
    if CHECKS[called].module not in taught():
        here.remember(called)
    if more := here.left_out(answer, called):
        print(more)
        return replace(verdict, message=f"{verdict.message}\n{more}")
    return verdict


def judge(
    answer: Any, name: str, run: Callable[[Check, Any], CheckResult] = Check.run
) -> CheckResult:
    """The verdict of the check of that name, which is printed too.

    Where there is no check of that name, or no function is given, the verdict says so.
    """
    unfit = misplaced(answer, name, list(CHECKS))
    if not unfit and is_blank(answer, CHECKS[name].hints):
        unfit = f"{name} is not written yet: fill in the blank."
    result = CheckResult(name, False, None, unfit) if unfit else run(CHECKS[name], answer)
    print(result.message)
    return result


def is_blank(answer: Any, names: Collection[str]) -> bool:
    """Whether one of these functions of an answer has no body yet."""
    try:
        source = dedent(inspect.getsource(answer))
        return bool({*names} & {*unfilled(source)[0]})
    except (OSError, TypeError, SyntaxError):  # it has no source here
        return False


def misplaced(answer: Any, name: str, known: list[str]) -> str:
    """Why nothing can be checked, in a sentence; empty where something can."""
    if not callable(answer) or isinstance(answer, nn.Module):
        example = next((n for n in (name, answer) if isinstance(n, str) and n in known), "attend")
        kind = "class" if isinstance(answer, nn.Module) else "function"
        return f"give check the {kind} itself, as in check({example})"
    if name in known:
        return ""
    if name == "<lambda>":
        return 'a lambda has no name: say what it is, as in check(f, "attend")'
    near = get_close_matches(name, known, 1)
    if near:
        return f"there is no check for {name!r}: is {near[0]} meant?"
    return f"there is no check for {name!r}. There are checks for {', '.join(sorted(known))}"
