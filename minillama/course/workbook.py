"""A workbook that is open in a notebook: `%load_ext minillama.course.workbook`, check, progress."""

import importlib
import sys
from pathlib import Path
from typing import Any

from minillama.course import checking
from minillama.course.adoption import Workbook
from minillama.course.checking import CheckResult
from minillama.course.lessons import TAUGHT
from minillama.course.my_package import MyPackage
from minillama.course.probing import raised
from minillama.course.splicing import PACKAGE

NO_WORKBOOK = (
    "This notebook is not a workbook's. `minillama workbook my-course` makes one, with a package "
    "my_minillama that becomes yours piece by piece."
)


def load_ipython_extension(shell: Any) -> None:
    """Register the workbook's `%%build`, and let notebooks import my_minillama.

    Raises UsageError where there is none, or it cannot be imported.
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
    for module in TAUGHT:
        try:
            importlib.import_module(f"{PACKAGE}.{module}")
        except Exception as error:  # somebody has edited the file
            raise UsageError(
                f"{PACKAGE}/{module}.py cannot be imported: it {raised(error)}. Undo what was "
                "changed in the file by hand, then restart the kernel."
            ) from error
    workbook = Workbook.here = Workbook(MyPackage(folder), shell)
    shell.register_magic_function(workbook.build, "cell", "build")


def check(answer: Any, name: str | None = None) -> CheckResult:
    """Check a function or class by its name; print the verdict and return it.

    In a workbook, where a name stands for minillama's until the reader's is right, this repeats
    the last verdict on the reader's. Raises ValueError if there is no check of that name.
    """
    called = str(name or getattr(answer, "__name__", type(answer).__name__))
    verdict = Workbook.here.standing(answer, called) if Workbook.here else None
    if verdict is None:
        return checking.check(answer, name)
    print(verdict.message)
    return verdict


def progress() -> None:
    """Print which parts of my_minillama are the reader's, and show them on the map of LLaMA."""
    if Workbook.here is None:
        print(NO_WORKBOOK)
        return
    from minillama import plots

    package = Workbook.here.package
    lines: dict[tuple[str, str], list[str]] = {}
    boxes: dict[str, bool] = {}
    for module in TAUGHT:
        for name, part in package.parts(module).items():
            words = lines.setdefault((part.lesson, module), [])
            words.append(f"{'✓' if part.yours else '·'} {name}")
            box = box_of(module, part.lesson)
            boxes[box] = boxes.get(box, True) and part.yours
    for (lesson, module), words in sorted(lines.items()):
        print(f"lesson {lesson}  {module:<12} {'  '.join(words)}")
    built = [box for box, whole in boxes.items() if whole]
    alt = f"The map of LLaMA. Yours: {', '.join(built) or 'nothing yet'}."
    plots.show(plots.llama_map(built=built), alt)


def box_of(module: str, lesson: str) -> str:
    """The box of the map that holds what a lesson builds in a module."""
    if module == "attention" and lesson != "04":
        return "heads"
    return {"optim": "training"}.get(module, module)
