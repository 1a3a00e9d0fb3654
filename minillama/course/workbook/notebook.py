"""A workbook that is open in a notebook: `%load_ext minillama.course.workbook`, progress."""

import importlib
import sys
from pathlib import Path
from typing import Any

from minillama.course.build import register
from minillama.course.source.splice import PACKAGE
from minillama.course.workbook.adopt import Workbook
from minillama.course.workbook.my_package import MyPackage

NO_WORKBOOK = (
    "This notebook is not a workbook's. `minillama workbook my-course` makes one, with a package "
    "my_minillama that becomes yours piece by piece."
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
    if yours := workbook.bind_yours():
        print(f"Yours already: {', '.join(yours)}.")


def progress() -> None:
    """Print which parts of my_minillama are the reader's, and show them on the map of LLaMA.

    Exercises are in no file: those solved since the kernel started are named.
    """
    here, folder = Workbook.here, Path.cwd() / PACKAGE
    if here is None and not (folder / "__init__.py").is_file():
        print(NO_WORKBOOK)
        return
    from minillama import plots

    package = MyPackage(folder) if here is None else here.package
    lines: dict[tuple[str, str], list[str]] = {}
    boxes: dict[str, list[bool]] = {}  # for each part that a box holds, whether it is theirs
    for module in package.modules:
        for name, part in package.parts(module).items():
            line = lines.setdefault((part.lesson, module), [])
            line.append(f"{'✓' if part.yours else '·'} {name}")
            boxes.setdefault(box_of(module, part.lesson), []).append(part.yours)
    for (lesson, module), line in sorted(lines.items()):
        print(f"lesson {lesson}  {module:<12} {'  '.join(line)}")
    if here is not None and here.solved:
        print(f"Exercises solved since the kernel started: {', '.join(here.solved)}.")
    built = [box for box, yours in boxes.items() if all(yours)]
    begun = [box for box, yours in boxes.items() if any(yours) and not all(yours)]
    words = [f"Yours: {', '.join(built)}"] * bool(built)
    words += [f"{'in' if built else 'Yours in'} part: {', '.join(begun)}"] * bool(begun)
    alt = f"The map of LLaMA. {'; '.join(words) or 'Yours: nothing yet'}."
    plots.show(plots.llama_map(built=built, begun=begun), alt)


def box_of(module: str, lesson: str) -> str:
    """The box of the map that holds what a lesson builds in a module."""
    if module == "attention" and lesson != "04":
        return "heads"
    boxes = {"optim": "training", "transforms": "sampling", "beam": "sampling"}
    return boxes.get(module, module)
