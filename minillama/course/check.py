"""`check(attend)`, as a notebook calls it: find the check, judge the answer, print the verdict."""

from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from torch import nn

from minillama.course.checking.check import CheckResult
from minillama.course.registry import CHECKS
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
    verdict = judge(answer, called)
    if not verdict.passed:
        return verdict
    if CHECKS[called].module not in taught() and called not in here.solved:
        here.solved.append(called)
    if more := here.left_out(answer, called):
        print(more)
        return replace(verdict, message=f"{verdict.message}\n{more}")
    return verdict


def judge(answer: Any, name: str) -> CheckResult:
    """The verdict of the check of that name, which is printed too.

    Where there is no check of that name, or no function is given, the verdict says so.
    """
    unfit = misplaced(answer, name, list(CHECKS))
    result = CheckResult(name, False, None, unfit) if unfit else CHECKS[name].run(answer)
    print(result.message)
    return result


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
