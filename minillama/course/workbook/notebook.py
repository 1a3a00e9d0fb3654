"""A workbook that is open in a notebook: `%load_ext minillama.course.workbook`, progress."""

import importlib
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from minillama.course.build import register
from minillama.course.registry import CHECKS
from minillama.course.source.splice import PACKAGE
from minillama.course.source.taught import Lesson
from minillama.course.workbook.adopt import Workbook
from minillama.course.workbook.memory import recalled
from minillama.course.workbook.my_package import MyPackage
from minillama.course.workbook.repair import faults, is_left_of_one, lessons_of

NO_WORKBOOK = (
    "This notebook is not a workbook's. `minillama workbook my-course` makes one, with a package "
    "my_minillama that becomes yours piece by piece."
)
REPAIR = (
    "`minillama workbook . --repair`, in a terminal in this folder, writes such files anew and "
    "keeps what is yours. Restart the kernel afterwards."
)


def load_ipython_extension(shell: Any) -> None:
    """Register the workbook's `%%build`, and let notebooks import my_minillama.

    What is the reader's already is bound to its names, as if its build cells had run.

    Raises UsageError where there is none, or it cannot be imported, with the file and the line.
    """
    from IPython.core.error import UsageError  # shown as one line, without a traceback

    folder = Path.cwd() / PACKAGE
    if not (folder / "__init__.py").is_file():
        raise UsageError(
            f"there is no {PACKAGE} in {folder.parent}: open this notebook in the folder that "
            f"`minillama workbook` made, where {PACKAGE} stands beside it, and restart its kernel."
            + f" {REPAIR}"
            * is_left_of_one(folder.parent)
        )
    if sys.path[0] not in ("", str(folder.parent)):
        sys.path.insert(0, str(folder.parent))
    package = MyPackage(folder)
    for module in package.modules:
        package.source(module)
        try:
            importlib.import_module(f"{PACKAGE}.{module}")
        except Exception as error:  # somebody has edited the file
            raise package.broken(module, error) from error
    workbook = Workbook.here = Workbook(package, shell)
    register(shell, workbook.build)
    shell.events.register("pre_run_cell", workbook.before_cell)
    from minillama.plots import text

    if len(text.fonts()) < 2:
        print(text.NO_HAN)
    if yours := workbook.bind_yours():
        print(f"Yours already: {', '.join(yours)}.")


def progress() -> None:
    """Print which parts and exercises are the reader's, and show the parts on the map of LLaMA.

    Says too which files of the workbook are missing or broken, and what to do about that.
    """
    folder = Workbook.here.package.folder.parent if Workbook.here else Path.cwd()
    if not is_left_of_one(folder):
        print(NO_WORKBOOK)
        return
    from IPython.core.error import UsageError

    from minillama import plots

    package, solved, wrong = MyPackage(folder / PACKAGE), recalled(folder).solved, list[str]()
    lines: dict[tuple[str, str], list[str]] = {}
    boxes: dict[str, list[bool]] = {}  # for each part that a box holds, whether it is theirs
    for module in package.modules:
        with suppress(OSError, UsageError):  # which is among the faults
            for name, part in package.parts(module).items():
                line = lines.setdefault((part.lesson, module), [])
                line.append(f"{'✓' if part.yours else '·'} {name}")
                boxes.setdefault(box_of(module, part.lesson), []).append(part.yours)
    for lesson in lessons_of(folder):
        for build in lesson.builds:
            given = [f"= {name}" for name in build.definitions if name not in CHECKS]
            lines.setdefault((lesson.number, build.module), []).extend(given)
        marked = [f"{'✓' if name in solved else '·'} {name}" for name in exercises(lesson)]
        lines[lesson.number, "~ exercises"] = marked
    for (number, module), line in sorted(lines.items()):
        if line:
            print(f"lesson {number}  {module.lstrip('~ '):<12} {'  '.join(line)}")
    print("✓ yours, · still to build, = given")
    try:
        wrong = [f"{fault.file} {fault.what}." for fault in faults(folder)]
    except OSError as error:
        wrong = [f"{folder} cannot be read: {error}."]
    if wrong:
        print("\n".join([*wrong, REPAIR]))
    built = [box for box, yours in boxes.items() if all(yours)]
    begun = [box for box, yours in boxes.items() if any(yours) and not all(yours)]
    words = [f"Yours: {', '.join(built)}"] * bool(built)
    words += [f"{'in' if built else 'Yours in'} part: {', '.join(begun)}"] * bool(begun)
    alt = f"The map of LLaMA. {'; '.join(words) or 'Yours: nothing yet'}."
    plots.show(plots.llama_map(built=built, begun=begun), alt)


def exercises(lesson: Lesson) -> list[str]:
    """The exercises of a lesson that have a check."""
    cells = [c["source"] for c in lesson.cells if "exercise" in c["metadata"].get("tags", [])]
    return [n for n in re.findall(r"^(?:def|class) (\w+)", "\n".join(cells), re.M) if n in CHECKS]


def box_of(module: str, lesson: str) -> str:
    """The box of the map that holds what a lesson builds in a module."""
    if module == "attention" and lesson != "04":
        return "heads"
    boxes = {"optim": "training", "transforms": "sampling", "beam": "sampling"}
    return boxes.get(module, module)
