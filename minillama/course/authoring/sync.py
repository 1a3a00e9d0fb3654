"""Carry definitions between lessons and the package, by name, and leave all else as it is.

A cell `%%build attention` shares its definitions with minillama/attention.py, and a cell with the
tag `solution` of lesson 04 shares its with minillama/course/lessons/lesson_04/solutions.py.
"""

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from minillama.course.source.definitions import Definition, definitions, replace_definition
from minillama.course.source.taught import BUILD, file_of
from minillama.system.files import write_text
from minillama.system.notebooks import (
    LessonError,
    read_notebook,
    write_notebook,
)


@dataclass
class Carried:
    """What changed, a line a definition; and what stands in a lesson only, and so cannot."""

    changed: list[str] = field(default_factory=list)
    homeless: list[str] = field(default_factory=list)


def home(cell: NotebookNode, lesson: Path, package: Path) -> Path | None:
    """The file that a cell's definitions belong to, or None for a cell that shares none."""
    if cell.cell_type != "code":
        return None
    if build := BUILD.match(cell.source):
        return package / file_of(build[1])
    if "solution" in cell.metadata.get("tags", []):
        return package / "course" / "lessons" / f"lesson_{lesson.stem[:2]}" / "solutions.py"
    return None


def carry(lessons: list[Path], package: Path, to: str | None = None) -> Carried:
    """Make the definitions of lessons those of the package (`to="notebooks"`), or the reverse.

    `to="package"` goes the other way, and None only says what differs. Files change as a whole or
    not at all, and only where a definition differs. Raises LessonError for a cell that is not
    Python, or whose module is not there.
    """
    done, modules = Carried(), dict[Path, str]()
    notebooks = {path: read_notebook(path) for path in lessons}
    touched = set[Path]()
    for path, notebook in notebooks.items():
        for number, cell in enumerate(notebook.cells, 1):
            file = home(cell, path, package)
            if file is None:
                continue
            where = f"{path.name}, cell {number}"
            if file not in modules:
                modules[file] = read_module(file, where)
            magic, body = split(cell.source)
            for name, ours in parse(body, where).items():
                theirs = parse(modules[file], file.name).get(name)
                label = f"{name} ({where}, and {file.relative_to(package.parent).as_posix()})"
                if theirs is None:
                    # A solution may keep results under names of its own.
                    if magic or re.match(r"@|def |class ", ours.source):
                        done.homeless.append(label)
                elif theirs.source != ours.source:
                    done.changed.append(label)
                    if to == "package":
                        modules[file] = replace_definition(modules[file], name, ours.source)
                        touched.add(file)
                    elif to == "notebooks":
                        body = replace_definition(body, name, theirs.source).rstrip("\n")
                        cell.source = magic + body
                        touched.add(path)
    for file in sorted(touched):
        if file in notebooks:
            write_notebook(file, notebooks[file])
        else:
            write_text(file, modules[file])
    return done


def read_module(file: Path, where: str) -> str:
    if not file.is_file():
        raise LessonError(f"{where} belongs to {file.name}, which is not there")
    return file.read_text(encoding="utf-8")


def parse(source: str, where: str) -> dict[str, Definition]:
    try:
        return definitions(source)
    except SyntaxError as error:
        raise LessonError(f"{where} is not Python: line {error.lineno}: {error.msg}") from error


def split(source: str) -> tuple[str, str]:
    """A cell's `%%build` line, if it has one, and the rest."""
    build = BUILD.match(source)
    return (source[: build.end()], source[build.end() :]) if build else ("", source)


def format_package(package: Path) -> None:
    """Let ruff format the package. Raises LessonError with ruff's own words where it cannot."""
    command = [sys.executable, "-m", "ruff", "format", "--quiet", str(package)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise LessonError(f"ruff could not format the package: {done.stderr.strip()}")
