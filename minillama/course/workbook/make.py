"""Make a workbook: lessons with blanks in place of what they build, and my_minillama."""

import json
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from minillama.course.registry import CHECKS
from minillama.course.source.blanks import blank
from minillama.course.source.definitions import definitions, replace_definition
from minillama.course.source.splice import PACKAGE, UNBUILT, mark, own_imports
from minillama.course.source.taught import (
    BUILD,
    Lesson,
    choose_lessons,
    file_of,
    package_source,
    taught,
)
from minillama.course.workbook.memory import writing_to
from minillama.system.files import write_text, writing

INIT = '''\
"""Your own minillama, which becomes yours piece by piece as you work through the lessons.

The comment above a part says whose it is. `%%build` in a lesson puts yours in once its check
passes: write it there, not here.
"""
'''
README = """\
# A workbook of minillama

Lessons in which you write a LLaMA yourself, part by part. Start JupyterLab in this folder,

    jupyter lab

and open `{first}`. In a cell that begins with `%%build`, write code in the place of each
`raise NotImplementedError`, and run the cell. It tells you whether that is right, and if not, why.
Hints are folded away above it.

`{package}/` is your own package. It begins as a copy of minillama's modules (to read them gives
away what you are to build), so everything works from the start and you may take the lessons in any
order. A part that you build takes the place of minillama's as soon as its check passes, and a
comment above it says that it is yours. So do not edit these files, nor move them: open the lessons
here, where `{package}` stands beside them.

If a file gets lost or broken, `minillama workbook . --repair` in this folder puts it right, and
keeps what is yours. In a lesson, this shows how far you have come:

    from minillama.course import progress
    progress()
"""
SOLUTIONS = "Solutions"
HINTS = """\
<details><summary>Hints</summary>

{}

</details>"""


def make_workbook(folder: Path, numbers: Iterable[str] = ()) -> list[Lesson]:
    """Write a workbook with these lessons (all of them if none is named); returns the lessons.

    Raises ValueError for a number that no lesson has, FileExistsError where the folder is not
    empty, and WriteError where the disk refuses. Where it fails, it leaves nothing behind.
    """
    chosen = choose_lessons(numbers)
    files = contents(chosen)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists and is not an empty folder: name a new one")
    made = not folder.exists()
    with writing(folder):
        (folder / PACKAGE).mkdir(parents=True)
    try:
        with writing(folder):
            for name, text in files.items():
                (folder / name).parent.mkdir(exist_ok=True, parents=True)
                write_text(folder / name, text())
        with writing_to(folder) as memory:
            memory.lessons = [lesson.number for lesson in chosen]
    except BaseException:
        for path in [folder] if made else folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
    return chosen


def contents(chosen: Sequence[Lesson]) -> dict[str, Callable[[], str]]:
    """The files of a workbook as it begins, each with the function that makes its text."""
    files: dict[str, Callable[[], str]] = {
        lesson.path.name: partial(workbook_notebook, lesson) for lesson in chosen
    }
    for module in taught():
        path = Path(PACKAGE, file_of(module))
        for inside in path.parents[:-1]:
            files[(inside / "__init__.py").as_posix()] = partial(str, "")
        files[path.as_posix()] = partial(workbook_module, module, chosen)
    files[f"{PACKAGE}/__init__.py"] = partial(str, INIT)
    first = chosen[0].path.name if chosen else "a lesson"
    files["README.md"] = partial(README.format, first=first, package=PACKAGE)
    return files


def workbook_notebook(lesson: Lesson) -> str:
    """A lesson's notebook for a reader: blanks below hints, no solutions, no outputs."""
    notebook = json.loads(lesson.path.read_text(encoding="utf-8"))
    cells, in_solutions = [], False
    for cell in lesson.cells:
        heading = re.match(r"##? +(.+)", cell["source"])
        if heading and cell["cell_type"] == "markdown":
            in_solutions = heading[1].strip() == SOLUTIONS
        if in_solutions or "solution" in cell["metadata"].get("tags", []):
            continue
        if cell["cell_type"] == "code":
            cells += hints_above(cell)
            source = workbook_cell(cell["source"])
            cell = cell | {"source": source, "outputs": [], "execution_count": None}
        cells.append(cell)
    notebook["cells"] = cells
    notebook["metadata"].pop("widgets", None)
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def hints_above(cell: dict[str, Any]) -> list[dict[str, Any]]:
    """The cell to stand above a build cell, with a hint for every blank, folded; or none."""
    build = BUILD.match(cell["source"])
    lines = []
    for name in definitions(cell["source"][build.end() :]) if build else []:
        for function, hint in CHECKS[name].hints.items() if name in CHECKS else []:
            label = name if function == name else f"{name}.{function}"
            lines.append(f"- `{label}`: {escape(hint, quote=False)}")
    if not lines:
        return []
    new = {"id": f"hints-{cell['id']}"[:64], "cell_type": "markdown", "metadata": {}}
    return [new | {"source": HINTS.format("\n".join(lines))}]


def workbook_cell(source: str) -> str:
    """A code cell that works with my_minillama, and whose definitions to build are blank."""
    magic = r"^(%load_ext minillama\.course)[ \t]*$"
    source = own_imports(re.sub(magic, r"\1.workbook", source, flags=re.MULTILINE))
    build = BUILD.match(source)
    if build is None:
        return source
    body = source[build.end() :]
    for name, definition in definitions(body).items():
        if name in CHECKS:
            text = blank(definition.source, CHECKS[name].hints)
            body = replace_definition(body, name, text).rstrip("\n")
    return build[0] + body


def workbook_module(module: str, chosen: Iterable[Lesson]) -> str:
    """A module of my_minillama as it begins: minillama's, with marks on what lessons build."""
    source = own_imports(package_source(module))
    there = definitions(source)
    for lesson in chosen:
        for build in lesson.builds:
            for name in build.definitions if build.module == module else []:
                if name in CHECKS and name in there:
                    source = mark(source, name, UNBUILT.format(lesson.number))
    return source
