"""my_minillama, the reader's own package: its files, a fresh import of them, and what is live."""

import ast
import importlib
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import cache_from_source
from pathlib import Path
from types import ModuleType
from typing import Any

from minillama.course.complaint import Complaint, raised
from minillama.course.source.definitions import definitions
from minillama.course.source.splice import PACKAGE, Part, imports, parts
from minillama.course.source.taught import file_of, taught
from minillama.course.workbook.memory import writing_to
from minillama.system.files import write_text


@dataclass(frozen=True)
class MyPackage:
    """The folder my_minillama, with modules of minillama's names: "attention", "finetune.lora"."""

    folder: Path

    @property
    def modules(self) -> list[str]:
        """The taught modules that are there, each after those that it imports from.

        A workbook that was made for fewer lessons, or by an earlier minillama, lacks some.
        """
        return [module for module in taught() if (self.folder / file_of(module)).is_file()]

    def source(self, module: str) -> str:
        """The text of a module as it is now.

        Raises UsageError, with the line, where somebody has broken the file by hand.
        """
        path = self.folder / file_of(module)
        try:
            text = path.read_text(encoding="utf-8")
            must_parse(text, str(path))
        except UnicodeDecodeError as error:
            place = str(path), error.object[: error.start].count(b"\n") + 1, 0, ""
            raise self.broken(module, SyntaxError("it is not UTF-8 text", place)) from None
        except (SyntaxError, ValueError) as error:
            raise self.broken(module, error) from None
        return text

    def broken(self, module: str, error: Exception) -> Exception:
        """The UsageError, which a notebook shows as one line, for a file that cannot be used."""
        from IPython.core.error import UsageError

        place = breakage(self.folder, error) or f"{PACKAGE}/{file_of(module)} {raised(error)}"
        return UsageError(place)

    def lent(self, module: str) -> list[str]:
        """The names of a module that others import."""
        statements = "\n".join(s for other in self.modules for s in imports(self.source(other)))
        return re.findall(
            rf"^from {PACKAGE}\.{re.escape(module)} import (\w+)", statements, re.MULTILINE
        )

    def names(self, module: str) -> list[str]:
        """The names that a module defines."""
        return [*definitions(self.source(module))]

    def parts(self, module: str) -> dict[str, Part]:
        """What there is to build in a module, by name."""
        return parts(self.source(module))

    def users(self, module: str) -> list[str]:
        """A module and those that need it, directly or through others."""
        users = [module]
        for name in self.modules:  # each stands after those that it imports from
            found = re.findall(
                rf"^from {PACKAGE}\.([\w.]+) import", self.source(name), re.MULTILINE
            )
            if {*found} & {*users} and name not in users:
                users.append(name)
        return users

    def write(self, module: str, source: str, before: str) -> bool:
        """Replace a module's file, as a whole or not at all; not where it is not as `before` now.

        Then another notebook has written to it, and what it has adopted must not be lost.
        """
        path = self.folder / file_of(module)
        with writing_to(self.folder.parent) as memory:
            if self.source(module) != before:
                return False
            write_text(path, source)
            memory.modules[path.relative_to(self.folder.parent).as_posix()] = source
        # Python tells a stale one by its source's size and second of writing, which may agree.
        Path(cache_from_source(str(path))).unlink(missing_ok=True)
        return True

    def reload(self, namespace: dict[str, Any]) -> None:
        """Have all that is imported use the files as they are now, and the namespace too."""
        names = [f"{PACKAGE}.{module}" for module in self.modules]
        live = [sys.modules[name] for name in names if name in sys.modules]
        old = {
            id(value): (value, module, name)
            for module in live
            for name, value in vars(module).items()
            if getattr(value, "__module__", None) == module.__name__
        }
        for module in live:
            try:
                importlib.reload(module)
            except Exception as error:  # another file than the one just written, by hand
                raise self.broken(module.__name__.partition(".")[2], error) from error
        for key, value in list(namespace.items()):
            if id(value) in old:
                _, module, name = old[id(value)]
                namespace[key] = getattr(module, name)

    @contextmanager
    def fresh(self, changed: Mapping[str, str]) -> Iterator[Callable[[str], ModuleType]]:
        """Import a copy with changed modules, anew; afterwards the package is as it was.

        Yields the function that imports a module, and raises Complaint where that fails.
        """
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place) / PACKAGE
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(self.folder, copy, ignore=ignore, ignore_dangling_symlinks=True)
            for module, source in changed.items():
                (copy / file_of(module)).write_text(source, encoding="utf-8", newline="\n")
            live = take_out()
            sys.path.insert(0, place)
            importlib.invalidate_caches()
            try:
                yield partial(import_or_complain, copy, [*changed])
            finally:
                sys.path.remove(place)
                take_out()
                sys.modules.update(live)


def take_out() -> dict[str, ModuleType]:
    """Remove the package from what is imported, and return it."""
    names = [name for name in sys.modules if name.partition(".")[0] == PACKAGE]
    return {name: sys.modules.pop(name) for name in names}


@lru_cache(maxsize=64)
def must_parse(text: str, path: str) -> None:
    """Raise SyntaxError where a file's text is not Python."""
    ast.parse(text, path)


def breakage(folder: Path, error: BaseException, changed: Collection[str] = ()) -> str:
    """Which file of the package an error comes from, at which line, and what to do; "" if none.

    changed: modules that are as a build cell has made them, not as somebody's hand has.
    """
    frames = traceback.extract_tb(error.__traceback__)
    places = [(frame.filename, frame.lineno, frame.line) for frame in frames]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno, error.text))
    root = folder.resolve()
    inside = [place for place in places if Path(place[0]).resolve().is_relative_to(root)]
    if not inside:
        return ""
    path, number, line = inside[-1]
    file = Path(path).resolve().relative_to(root).as_posix()
    if file in map(file_of, changed):
        return ""
    what = error.msg if isinstance(error, SyntaxError) else (str(error).splitlines() or [""])[0]
    what = what.partition(f" ({getattr(error, 'path', None)})")[0]  # of an ImportError
    where = f"line {number}" + (f", `{line.strip()}`," if line else "") if number else "it"
    return (
        f"{PACKAGE}/{file} is broken: {where} raises {type(error).__name__}: {what}. Undo what was "
        "changed in the file by hand, or run `minillama workbook . --repair`; then restart the "
        "kernel."
    )


def import_or_complain(folder: Path, changed: Collection[str], module: str) -> ModuleType:
    """A module of my_minillama, which lies in this folder. Raises Complaint with what it raises."""
    try:
        return importlib.import_module(f"{PACKAGE}.{module}")
    except (Exception, SystemExit) as error:  # whatever the reader's code does
        if by_hand := breakage(folder, error, changed):
            raise Complaint(f"cannot be tried, because {by_hand}") from error
        raise Complaint(
            f"cannot stand in {PACKAGE}/{file_of(module)}: importing that {raised(error)}"
        ) from error
