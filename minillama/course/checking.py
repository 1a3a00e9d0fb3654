"""Checks that explain: probe an answer, compare with what is right, recognise known mistakes.

A `Check` belongs to one function or class. Its probes call the answer and yield `Case`s: what came
out beside what is right, which never comes from the answer itself. Its known mistakes are edits of
the reference's source: where an answer's results are those of a mistake, the check says which.
"""

import inspect
import numbers
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from minillama.course.definitions import compile_source, definitions

BLANK = "your code here"  # what an unfilled blank raises, as NotImplementedError


class Complaint(Exception):
    """What is wrong, already in the reader's words; `mistake` is its short name if it has one."""

    def __init__(self, message: str, mistake: str | None = None) -> None:
        super().__init__(message)
        self.mistake = mistake


@dataclass(frozen=True)
class Case:
    """One comparison: what the answer gave, what is right, and the example that it was given.

    `axes` names a tensor's axes ("batch heads time head_dim"), for messages about shapes.
    """

    got: Any
    right: Any
    example: str = ""
    axes: str = ""
    rtol: float = 1e-4
    atol: float = 1e-5


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer: the reference with `edits` (old text: new text) made to it."""

    name: str
    why: str
    edits: Mapping[str, str]


@dataclass(frozen=True)
class CheckResult:
    """The verdict: `mistake` is a known mistake's short name, or None; `message` says it all."""

    name: str
    passed: bool
    mistake: str | None
    message: str

    def _ipython_display_(self) -> None:
        """Nothing: the message has been printed already."""


Probe = Callable[[Any], Iterator[Case]]


@dataclass(frozen=True)
class Check:
    """The check of one definition of a module of minillama.

    `hints` holds a line for every blank of its workbook: by method name for a class, by its own
    name for a function.
    """

    name: str
    module: str
    hints: Mapping[str, str]
    mistakes: tuple[Mistake, ...] = ()
    probes: dict[str, Probe] = field(default_factory=dict)

    def probe(self, title: str) -> Callable[[Probe], Probe]:
        """Add a probe; its title is a property that holds of a right answer."""

        def add(probe: Probe) -> Probe:
            self.probes[title] = probe
            return probe

        return add

    @property
    def reference(self) -> Any:
        """The package's own definition."""
        return getattr(import_module(f"minillama.{self.module}"), self.name)

    def source(self, edits: Mapping[str, str] | None = None) -> str:
        """The reference's source with edits; raises ValueError where one does not fit once."""
        module = import_module(f"minillama.{self.module}")
        source = definitions(inspect.getsource(module))[self.name].source
        for old, new in (edits or {}).items():
            if source.count(old) != 1:
                raise ValueError(f"{self.name} contains {source.count(old)} times {old!r}, not once")
            source = source.replace(old, new)
        return source

    def wrong(self, mistake: Mistake) -> Any:
        """The reference with a known mistake made in it."""
        namespace = dict(vars(import_module(f"minillama.{self.module}")))
        code = compile_source(self.source(mistake.edits), f"<{self.name}: {mistake.name}>")
        exec(code, namespace)
        return namespace[self.name]

    def run(self, answer: Any) -> CheckResult:
        """Probe an answer and say whether it is right, or else what is wrong with it."""
        outcomes = {title: run_probe(probe, answer) for title, probe in self.probes.items()}
        broken = {title: problem(outcome) for title, outcome in outcomes.items()}
        first = next((title for title in broken if broken[title]), None)
        if first is None:
            lines = [f"{self.name} is right.", *(f"  ✓ {title}" for title in self.probes)]
            return CheckResult(self.name, True, None, "\n".join(lines))
        words = broken[first]
        assert words is not None
        last = outcomes[first][-1]
        if isinstance(last, Complaint) and last.mistake:
            return CheckResult(self.name, False, last.mistake, f"{self.name} {words}")
        details = f'  It shows where "{first}": {words}'
        known = self.recognise(outcomes)
        if known is None:
            text = f"{self.name} is not right yet.\n{details}"
            return CheckResult(self.name, False, None, text)
        text = f"{self.name} is not right yet. {known.why}\n{details}"
        return CheckResult(self.name, False, known.name, text)

    def recognise(self, outcomes: Mapping[str, list["Outcome"]]) -> Mistake | None:
        """The known mistake that gives the same wrong results, in all or else in most probes."""
        wrong = {title for title, outcome in outcomes.items() if problem(outcome)}
        first = next(title for title in outcomes if title in wrong)
        best, best_score = None, 0.6
        for mistake in self.mistakes:
            answer = self.wrong(mistake)
            theirs = {title: run_probe(probe, answer) for title, probe in self.probes.items()}
            agree = {title for title in theirs if same(outcomes[title], theirs[title])}
            score = len(agree & wrong) / len(wrong) + (len(agree) == len(theirs))
            if first in agree and problem(theirs[first]) and score > best_score:
                best, best_score = mistake, score
        return best


Outcome = Case | Complaint


def run_probe(probe: Probe, answer: Any) -> list[Outcome]:
    """The cases of one probe; a complaint comes last if the answer could not go on."""
    outcomes: list[Outcome] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            outcomes.extend(probe(answer))
        except Complaint as complaint:
            outcomes.append(complaint)
        except Exception as error:  # such as a result that cannot be added up or has no gradient
            outcomes.append(Complaint(raised(error)))
    return outcomes


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call an answer: its exceptions become complaints, and so do inputs that it changed."""
    name = getattr(function, "__name__", type(function).__name__)
    given = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
    before = [tensor.detach().clone() for tensor in given]
    try:
        result = function(*args, **kwargs)
    except NotImplementedError as error:
        if str(error) != BLANK:
            raise Complaint(raised(error)) from error
        raise Complaint("is not written yet: fill in the blank.", "not-written") from error
    except Exception as error:  # whatever an answer raises is about the answer
        raise Complaint(raised(error)) from error
    if any(not torch.equal(now, then) for now, then in zip(given, before, strict=True)):
        raise Complaint(
            f"changes a tensor that it was given (calling {name}). Whoever holds that tensor "
            "finds other numbers in it: make a new tensor instead of writing into it.",
            "in-place",
        )
    if result is None:
        raise Complaint("returns None: is there a `return`?", "returns-nothing")
    return result


def raised(error: Exception) -> str:
    """An exception in a sentence, with the line of the answer that it came from."""
    trace, line = error.__traceback__, ""
    while trace:
        filename = trace.tb_frame.f_code.co_filename
        if "site-packages" not in filename and not filename.endswith("checking.py"):
            text = inspect.linecache.getline(filename, trace.tb_lineno).strip()  # type: ignore[attr-defined]
            line = f" at the line `{text}`" if text else ""
        trace = trace.tb_next
    first = (str(error).splitlines() or [""])[0]
    return f"raises {type(error).__name__}{line}: {first}"


def fill(module: Any, weights: Mapping[str, Tensor]) -> Any:
    """Put weights into a module that an answer made, so that its initialisation plays no part."""
    if not isinstance(module, nn.Module):
        raise Complaint(f"makes a {type(module).__name__}, which is not an nn.Module")
    there = dict(module.named_parameters())
    for name, weight in weights.items():
        if name not in there:
            has = ", ".join(there) or "none at all: are they nn.Parameter or nn.Linear?"
            raise Complaint(f"has no parameter called {name}. It has {has}")
        if there[name].shape != weight.shape:
            raise Complaint(
                f"makes {name} in the shape {tuple(there[name].shape)}, "
                f"and {tuple(weight.shape)} is right"
            )
    extra = there.keys() - weights.keys()
    if extra:
        raise Complaint(f"has parameters that do not belong there: {', '.join(sorted(extra))}")
    with torch.no_grad():
        for name, weight in weights.items():
            there[name].copy_(weight)
    return module


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
        if isinstance(a, Complaint) or isinstance(b, Complaint):
            if str(a) != str(b):
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


def check(answer: Any, name: str | None = None) -> CheckResult:
    """Check a function or class by its name; print the verdict and return it.

    Raises ValueError if there is no check of that name.
    """
    from minillama.course.checks import CHECKS  # they import this module

    name = name or getattr(answer, "__name__", type(answer).__name__)
    if name not in CHECKS:
        known = ", ".join(sorted(CHECKS))
        raise ValueError(f"there is no check for {name!r}. There are checks for {known}")
    result = CHECKS[name].run(answer)
    print(result.message)
    return result
