"""A workbook's `%%build`: try what the reader wrote, and take it into my_minillama if it is right.

What is right is decided in a copy of my_minillama that has the reader's definition in it and is
imported afresh. Until then the name stays what it was, minillama's or an earlier one of theirs, so
that my_minillama always imports and always runs.
"""

import difflib
import importlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, ClassVar

from minillama.course.build import NotPython, differing, run_cell, taught_module
from minillama.course.checking.borrowed import run_own
from minillama.course.checking.check import CheckResult
from minillama.course.complaint import Complaint
from minillama.course.registry import CHECKS
from minillama.course.source.blanks import BLANK, unfilled
from minillama.course.source.definitions import definitions
from minillama.course.source.free_names import must_reach
from minillama.course.source.splice import PACKAGE, splice, without_unused_helpers
from minillama.course.source.taught import file_of
from minillama.course.workbook import cells
from minillama.course.workbook.memory import writing_to
from minillama.course.workbook.my_package import MyPackage
from minillama.course.workbook.repair import edited

HAND = (
    "{} has {} as somebody edited it by hand. `minillama workbook . --repair` puts minillama's "
    "back; write yours in the build cell."
)
MISSING, NOT_WRITTEN = "missing", "not-written"  # there is no attempt to keep


@dataclass
class Workbook:
    """The reader's package, the notebook that is open, and what its build cells came to so far."""

    here: ClassVar["Workbook | None"] = None  # this kernel's, if its notebook is a workbook's
    package: MyPackage
    shell: Any
    verdicts: dict[str, CheckResult] = field(default_factory=dict)
    building: bool = False  # while a build cell runs
    told: set[str] = field(default_factory=set)  # whose verdict a build cell has just given
    seen: dict[str, str] = field(default_factory=dict, repr=False)  # modules as last loaded

    def bind_yours(self) -> list[str]:
        """Bind the names of what is the reader's already in the notebook, and return them."""
        yours = {
            name: getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)
            for module in self.package.modules
            for name, part in self.package.parts(module).items()
            if part.yours
        }
        self.shell.user_ns.update(yours)
        self.seen = self.sources()
        return [*yours]

    def sources(self) -> dict[str, str]:
        """The text of every module. Raises UsageError where one is broken."""
        return {module: self.package.source(module) for module in self.package.modules}

    def catch_up(self) -> None:
        """Use my_minillama as it is now, if another notebook has adopted something, and say so."""
        now = self.sources()
        if now == self.seen:
            return
        self.package.reload(self.shell.user_ns)
        changed = ", ".join(m for m in now if now[m] != self.seen.get(m))
        self.seen = now
        print(
            f"{PACKAGE} has changed outside this notebook, in {changed}, and is used as it is now. "
            "Restart the kernel if something made before, such as a model, should use it too."
        )

    def before_cell(self, info: Any) -> None:
        """Say which parts that a cell uses are not the reader's; IPython calls this."""
        from IPython.core.error import UsageError

        with suppress(SyntaxError, UsageError):
            names = cells.not_built(
                self.package, self.shell.transform_cell(info.raw_cell), self.shell.user_ns
            )
            if names:
                print(f"Not built yet, so minillama's own is used here: {', '.join(names)}.")

    def remember(self, exercise: str) -> None:
        """Keep that an exercise is solved; on a disk that refuses, until the kernel ends."""
        with suppress(OSError), writing_to(self.package.folder.parent) as memory:
            memory.solved = [*dict.fromkeys([*memory.solved, exercise])]

    def build(self, line: str, cell: str) -> None:
        """Run a build cell, judge each of its definitions, and bind their names to my_minillama's.

        What the reader's code raises reaches the notebook as it is, once the names are bound.
        """
        __tracebackhide__ = True  # a traceback begins in the reader's cell
        module = taught_module(line, self.package.modules)
        self.catch_up()  # a file that is broken by hand shows now, not half way
        if by_hand := edited(self.package.source(module), module):
            print(HAND.format(f"{PACKAGE}/{file_of(module)}", ", ".join(by_hand)))
        names, namespace = cells.expected(self.package, module, cell), self.shell.user_ns
        given = list[str]()  # what the cell has as my_minillama has it, such as a constant
        judged = dict[str, CheckResult]()
        try:
            self.building = True
            run_cell(self.shell, line, cell)
            changed = differing(cell, self.package.source(module))
            given = [name for name in definitions(cell) if name not in [*names, *changed]]
            attempts = dict(namespace)
            for name in names:
                verdict = judged[name] = self.judge(module, name, cell)
                print(verdict.message)
                if not verdict.passed and verdict.mistake not in (MISSING, NOT_WRITTEN):
                    namespace[f"my_{name}"] = attempts[name]
            for name in cells.changed_of_given(module, names, cell):
                print(
                    f"{name} is given, and not to build: this notebook uses it as you changed it, "
                    f"{PACKAGE}/{file_of(module)} keeps it as it was."
                )
        except BaseException as error:
            what = f"its build cell stopped with {type(error).__name__}"
            what = "its build cell is not Python" if isinstance(error, NotPython) else what
            for name in [name for name in names if name not in judged]:
                text = f"{name}: {what}; {self.instead(module, name)}."
                judged[name] = CheckResult(name, False, None, text)
                print(text)
            raise
        finally:
            self.building = False
            # A part of theirs that this cell does not define, as one of several cells that a build
            # cell was split into, is as right as it was.
            there = self.package.parts(module)
            judged = {
                name: verdict
                for name, verdict in judged.items()
                if verdict.mistake != MISSING or not there[name].yours
            }
            self.verdicts |= judged
            self.told |= judged.keys()
            live = importlib.import_module(f"{PACKAGE}.{module}")
            namespace.update({name: getattr(live, name) for name in names + given})
        if not names:
            print(cells.nothing_expected(self.package, module, cell))
        print(cells.summary(self.package))

    def judge(self, module: str, name: str, cell: str) -> CheckResult:
        """The verdict on one definition of a cell that has run; a right one is taken in."""
        defined, instead = definitions(cell), self.instead(module, name)
        if name not in defined:
            others = defined.keys() - self.package.parts(module).keys()
            near = difflib.get_close_matches(name, others, 1, 0.5)
            text = f"{name}: this cell does not define it; {instead}."
            text += f" If {near[0]} is meant to be it, call it {name}." if near else ""
            return CheckResult(name, False, MISSING, text)
        blanks, raising = unfilled(defined[name].source)
        blanks = [blank for blank in blanks if blank in CHECKS[name].hints]
        if blanks:
            some = len(blanks) < len(CHECKS[name].hints)
            whole = "left blank here" if self.package.parts(module)[name].yours else "not built yet"
            what = f"{' and '.join(blanks)} not written yet" if some else whole
            text = f"{name}: {what}; {instead} until then."
            return CheckResult(name, False, NOT_WRITTEN, text)
        try:
            if raising:
                where = "" if raising == [name] else f" in {' and '.join(raising)}"
                line = f'raise NotImplementedError("{BLANK}")'
                raise Complaint(f"still has the line `{line}`{where}: delete it.")
            before, lent = self.package.source(module), self.package.lent(module)
            source = without_unused_helpers(splice(before, module, name, cell), lent)
            must_reach(before, source, f"{PACKAGE}/{file_of(module)}", self.shell.user_ns)
            with self.package.fresh({module: source}) as load:
                verdict = run_own(CHECKS[name], getattr(load(module), name))
                broken = self.broken_users(module, name, load) if verdict.passed else []
            self.must_serve(broken)
        except Complaint as complaint:
            verdict = CheckResult(name, False, complaint.mistake, f"{name} {complaint}")
        if not verdict.passed:
            text = f"Until it is right, {instead}. Your attempt can be called as my_{name}."
            return CheckResult(name, False, verdict.mistake, f"{verdict.message}\n{text}")
        if source != before:
            if not self.package.write(module, source, before):
                return self.judge(module, name, cell)
            self.package.reload(self.shell.user_ns)
            self.seen[module] = source
        elif name not in self.verdicts or self.verdicts[name].passed:
            return CheckResult(name, True, None, f"{name}: still right.")
        text = f"It stands in {PACKAGE}/{file_of(module)} now."
        return CheckResult(name, True, None, f"{verdict.message}\n{text}")

    def broken_users(
        self, module: str, name: str, load: Callable[[str], ModuleType]
    ) -> list[CheckResult]:
        """The verdicts on what needs a right definition and fails with it."""
        users = [(n, m) for m in self.package.users(module) for n in self.package.names(m)]
        checks = [CHECKS[n] for n, m in users if n in CHECKS and CHECKS[n].module == m]
        others = [check for check in checks if check.name != name]
        verdicts = [other.run(getattr(load(other.module), other.name)) for other in others]
        return [verdict for verdict in verdicts if not verdict.passed]

    def must_serve(self, broken: list[CheckResult]) -> None:
        """Raise Complaint if one of these is on something that works as my_minillama is now."""
        for verdict in broken:
            check = CHECKS[verdict.name]
            live = importlib.import_module(f"{PACKAGE}.{check.module}")
            if check.run(getattr(live, check.name)).passed:
                raise Complaint(
                    f"is right by itself, but {check.name} does not work with it. The rest of the "
                    "package uses its parameters and methods as they were given: keep them so. "
                    f"Or, if {check.name} is yours, build that better first.\n{verdict.message}"
                )

    def instead(self, module: str, name: str) -> str:
        """Whose definition stands in for one that is not right."""
        yours = self.package.parts(module)[name].yours
        return "yours from before is used" if yours else "minillama's is used"

    def standing(self, answer: Any, name: str) -> CheckResult | None:
        """The verdict on what a name is bound to that is known without a check, or None."""
        package, _, module = str(getattr(answer, "__module__", None)).partition(".")
        if package not in ("minillama", PACKAGE) or module not in self.package.modules:
            return None
        self.catch_up()
        part, last = self.package.parts(module).get(name), self.verdicts.get(name)
        if part is None:
            return None
        told = name in self.told
        self.told.discard(name)  # whoever asks again wants to see it all
        if last and not last.passed and not (part.yours and last.mistake == NOT_WRITTEN):
            what = "built" if last.mistake == NOT_WRITTEN else "right"
            text = f"{name} is not {what} yet, as its build cell has said."
            return replace(last, message=text) if told else last
        if part.yours and package == PACKAGE:
            return CheckResult(name, True, None, f"{name} is right, and yours.") if told else None
        text = f"{name} is minillama's here, not yours: build it in lesson {part.lesson}."
        return CheckResult(name, False, NOT_WRITTEN, text)

    def left_out(self, answer: Any, name: str) -> str:
        """What to say of a right definition of the notebook's that no build cell has taken in."""
        module, tried = CHECKS[name].module, self.shell.user_ns.get(f"my_{name}")
        part = self.package.parts(module).get(name) if module in self.package.modules else None
        ours = getattr(answer, "__module__", None) == "__main__" and answer is not tried
        if part is None or not ours or self.building:
            return ""
        what = "not the one in my_minillama" if part.yours else "not in my_minillama yet"
        return f"It is {what}: put `%%build {module}` as the first line of its cell."
