"""A workbook's `%%build`: try what the reader wrote, and take it into my_minillama if it is right.

What is right is decided in a copy of my_minillama that has the reader's definition in it and is
imported afresh. Until then the name stays what it was, minillama's or an earlier one of theirs, so
that my_minillama always imports and always runs.
"""

import difflib
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar

from minillama.course.build import (
    NotPython,
    differing,
    run_cell,
    taught_module,
)
from minillama.course.checking.check import CheckResult
from minillama.course.complaint import Complaint
from minillama.course.registry import CHECKS
from minillama.course.source.blanks import BLANK, unfilled
from minillama.course.source.definitions import definitions
from minillama.course.source.free_names import must_reach
from minillama.course.source.splice import PACKAGE, splice, without_unused_helpers
from minillama.course.source.taught import file_of, lessons, package_source
from minillama.course.workbook.my_package import MyPackage

MISSING, NOT_WRITTEN = "missing", "not-written"  # there is no attempt to keep


@dataclass
class Workbook:
    """The reader's package, the notebook that is open, and what its build cells came to so far."""

    here: ClassVar["Workbook | None"] = None  # this kernel's, if its notebook is a workbook's
    package: MyPackage
    shell: Any
    verdicts: dict[str, CheckResult] = field(default_factory=dict)
    building: bool = False  # while a build cell runs
    confirmed: set[str] = field(default_factory=set)  # as right, and not asked for since
    solved: list[str] = field(default_factory=list)  # exercises, since the kernel started

    def bind_yours(self) -> list[str]:
        """Bind the names of what is the reader's already in the notebook, and return them."""
        yours = {
            name: getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)
            for module in self.package.modules
            for name, part in self.package.parts(module).items()
            if part.yours
        }
        self.shell.user_ns.update(yours)
        return [*yours]

    def build(self, line: str, cell: str) -> None:
        """Run a build cell, judge each of its definitions, and bind their names to my_minillama's.

        What the reader's code raises reaches the notebook as it is, once the names are bound.
        """
        __tracebackhide__ = True  # a traceback begins in the reader's cell
        module = taught_module(line, self.package.modules)
        for other in self.package.modules:
            self.package.source(other)  # a file that is broken by hand shows now, not half way
        names, namespace = self.expected(module, cell), self.shell.user_ns
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
            for name in self.changed_of_given(module, names, cell):
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
            self.confirmed -= judged.keys()
            self.confirmed |= {name for name in judged if judged[name].passed}
            live = importlib.import_module(f"{PACKAGE}.{module}")
            namespace.update({name: getattr(live, name) for name in names + given})
        if not names:
            print(self.nothing_expected(module, cell))
        print(self.summary())

    def changed_of_given(self, module: str, names: list[str], cell: str) -> list[str]:
        """What a cell has otherwise than minillama, though it is not among the names to build."""
        source = package_source(module)
        changed = [name for name in differing(cell, source) if name in definitions(source)]
        return [name for name in changed if name not in names]

    def expected(self, module: str, cell: str) -> list[str]:
        """The names that a cell is to define: those of the lesson's cell that it is most like."""
        there = self.package.parts(module)
        written = re.findall(r"^(?:def |class )?(\w+)(?= *[(:=])", cell, re.MULTILINE)
        builds = [b for lesson in lessons() for b in lesson.builds if b.module == module]
        cells = [[name for name in build.definitions if name in there] for build in builds]
        cells = [names for names in cells if names]
        best = max(cells, key=lambda names: len({*names} & {*written}), default=[])
        if len(cells) > 1 and not {*best} & {*written}:
            best = []
        return [*best, *(n for n in dict.fromkeys(written) if n in there and n not in best)]

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
                verdict = CHECKS[name].run(getattr(load(module), name))
                broken = self.broken_users(module, name, load) if verdict.passed else []
            self.must_serve(broken)
        except Complaint as complaint:
            verdict = CheckResult(name, False, complaint.mistake, f"{name} {complaint}")
        if not verdict.passed:
            text = f"Until it is right, {instead}. Your attempt can be called as my_{name}."
            return CheckResult(name, False, verdict.mistake, f"{verdict.message}\n{text}")
        if source != before:
            self.package.write(module, source)
            self.package.reload(self.shell.user_ns)
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

    def nothing_expected(self, module: str, cell: str) -> str:
        """What to say of a cell that defines none of a module's parts."""
        there = self.package.parts(module).items()
        if (names := [*definitions(cell)]) and not differing(cell, self.package.source(module)):
            return f"{', '.join(names)}: given, the same as in {PACKAGE}/{file_of(module)}."
        to_build = ", ".join(f"{name} (lesson {part.lesson})" for name, part in there)
        defined = ", ".join(names) or "nothing"
        return (
            f"This cell defines {defined}. To build in {module} there are {to_build or 'no parts'}."
            " A helper goes into the cell of the part that uses it."
        )

    def summary(self) -> str:
        """How far the reader has come, in a line."""
        every = [
            part for module in self.package.modules for part in self.package.parts(module).values()
        ]
        yours = sum(part.yours for part in every)
        if yours == len(every):
            return f"All {yours} parts of {PACKAGE} that this workbook builds are yours."
        return f"{yours} of {len(every)} parts of {PACKAGE} are yours. progress() shows which."

    def standing(self, answer: Any, name: str) -> CheckResult | None:
        """The verdict on what a name is bound to that is known without a check, or None."""
        package, _, module = str(getattr(answer, "__module__", None)).partition(".")
        if package not in ("minillama", PACKAGE) or module not in self.package.modules:
            return None
        part, last = self.package.parts(module).get(name), self.verdicts.get(name)
        if part is None:
            return None
        if last and not last.passed and not (part.yours and last.mistake == NOT_WRITTEN):
            return last
        if part.yours and package == PACKAGE:
            if name not in self.confirmed:
                return None
            self.confirmed.remove(name)  # whoever asks again wants to see it
            return CheckResult(name, True, None, f"{name} is right, and yours.")
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
