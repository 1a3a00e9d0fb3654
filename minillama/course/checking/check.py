"""Checks that explain: probe an answer, compare with what is right, recognise known mistakes.

A `Check` belongs to one function or class. Its probes call the answer and yield `Case`s: what came
out beside what is right, which never comes from the answer itself. Its known mistakes are edits of
the reference's source: where an answer's results are those of a mistake, the check says which.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from minillama.course.checking.answer import ENDLESS, Outcome, Probe, run_probe
from minillama.course.checking.compare import likely, problem, same, wrong_with
from minillama.course.checking.mistakes import Mistake
from minillama.course.complaint import Complaint, Known
from minillama.course.source.definitions import Definition, compile_source, definitions


@dataclass(frozen=True)
class CheckResult:
    """The verdict: `mistake` is a known mistake's short name, or None; `message` says it all."""

    name: str
    passed: bool
    mistake: str | None
    message: str

    def _ipython_display_(self) -> None:
        """Nothing: the message has been printed already."""


@dataclass(eq=False)
class Check:
    """The check of one definition of a module of minillama; of its lesson's solutions by default.

    The registry reads `hints` and `mistakes` from the text beside it. There is a hint for every
    blank of a workbook: by method name for a class, by its own name for a function.
    """

    name: str
    module: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()
    probes: dict[str, Probe] = field(default_factory=dict)
    # Each mistake's answer, and what it came to in each probe, once it has been tried.
    _wrong: dict[int, Any] = field(default_factory=dict, repr=False)
    _tried: dict[tuple[int, str], list[Outcome]] = field(default_factory=dict, repr=False)

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
        source = of_package(self.module)[self.name].source
        for old, new in (edits or {}).items():
            if source.count(old) != 1:
                raise ValueError(
                    f"{self.name} contains {source.count(old)} times {old!r}, not once"
                )
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
        outcomes = dict[str, list[Outcome]]()
        for title, probe in self.probes.items():
            outcomes[title] = run_probe(probe, answer)
            if any(isinstance(x, Complaint) and x.mistake == ENDLESS for x in outcomes[title]):
                break  # the others would take as long
        return self.verdict(outcomes)

    def verdict(self, outcomes: Mapping[str, list[Outcome]]) -> CheckResult:
        """What an answer's results in each probe say of it."""
        broken = {title: problem(outcome) for title, outcome in outcomes.items()}
        first = next((title for title in broken if broken[title]), None)
        if first is None:
            lines = [f"{self.name} is right.", *(f"  ✓ {title}" for title in self.probes)]
            return CheckResult(self.name, True, None, "\n".join(lines))
        words = broken[first]
        assert words is not None
        wrong = next(outcome for outcome in outcomes[first] if wrong_with(outcome))
        if isinstance(wrong, Complaint) and wrong.mistake:
            if isinstance(wrong, Known):
                words = f"is not right yet. {self.why(wrong.mistake)}{wrong.more}"
            text = f"{self.name} {words}{said(wrong.printed)}"
            return CheckResult(self.name, False, wrong.mistake, text)
        details = f'  It shows where "{first}": {words}{said(wrong.printed)}'
        try:
            known = self.recognise(outcomes)
            why = known.why if known else likely(wrong)
        except Exception:  # the verdict holds all the same; tests make sure of every mistake
            known, why = None, ""
        text = f"{self.name} is not right yet.{' ' * bool(why)}{why}\n{details}"
        return CheckResult(self.name, False, known.name if known else None, text)

    def recognise(self, outcomes: Mapping[str, list[Outcome]]) -> Mistake | None:
        """The known mistake with the same wrong results, of several the one that explains most.

        An answer may have more wrong with it than that, or differ from it in a corner.
        """
        wrong = {title for title, outcome in outcomes.items() if problem(outcome)}
        first = next(title for title in outcomes if title in wrong)
        best, best_score = None, 0.0
        for number, mistake in enumerate(self.mistakes):
            if not same(outcomes[first], self.tried(number, first)):
                continue  # by far the most, so the other probes need not run
            theirs = {title: self.tried(number, title) for title in self.probes}
            shown = {title for title, outcome in theirs.items() if problem(outcome)}
            agree = {title for title in theirs if same(outcomes[title], theirs[title])}
            shares = len(agree & shown) / max(len(shown), 1), len(agree & wrong) / len(wrong)
            if max(shares) >= 0.5 and sum(shares) > best_score:
                best, best_score = mistake, sum(shares)
        return best

    def why(self, name: str) -> str:
        """The explanation of the known mistakes of that name."""
        return next((mistake.why for mistake in self.mistakes if mistake.name == name), "")

    def tried(self, number: int, title: str) -> list[Outcome]:
        """What the mistake of that number comes to in the probe of that title."""
        if (number, title) not in self._tried:
            if number not in self._wrong:
                self._wrong[number] = self.wrong(self.mistakes[number])
            self._tried[number, title] = run_probe(self.probes[title], self._wrong[number])
        return self._tried[number, title]


@cache
def of_package(module: str) -> Mapping[str, Definition]:
    """The definitions of a module of minillama."""
    return definitions(inspect.getsource(import_module(f"minillama.{module}")))


def said(printed: str, most: int = 10) -> str:
    """What an answer printed where it first went wrong, as the end of a verdict."""
    lines = printed.rstrip().splitlines()
    more = [f"... and {len(lines) - most} lines more"] if len(lines) > most else []
    return "".join(f"\n    {line}" for line in ["It printed:", *lines[:most], *more] if lines)
