"""The lessons, and what each of them builds: read from the notebooks themselves."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from minillama.course.source.definitions import Definition, definitions
from minillama.system.assets import PACKAGE

# An installed package carries the lessons inside; in a clone they stand beside the package.
ROOTS = (PACKAGE / "notebooks", PACKAGE.parent / "notebooks")
BUILD = re.compile(r"%%build[ \t]+([\w.]+)[ \t]*(?:\n|$)")
IMPORTED = re.compile(r"^from minillama\.([\w.]+) import\b", re.MULTILINE)


@dataclass(frozen=True)
class BuildCell:
    """A cell `%%build module`; `source` is what stands below that line."""

    module: str
    source: str

    @property
    def definitions(self) -> dict[str, Definition]:
        """What the cell defines, by name."""
        return definitions(self.source)


@dataclass(frozen=True)
class Lesson:
    """A lesson: the number "04" and the name "attention" of notebooks/04_attention.ipynb."""

    path: Path

    @property
    def number(self) -> str:
        return self.path.stem.partition("_")[0]

    @property
    def name(self) -> str:
        return self.path.stem.partition("_")[2]

    @cached_property
    def cells(self) -> list[dict[str, Any]]:
        """The notebook's cells, each with its source as one string."""
        cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        return [cell | {"source": "".join(cell["source"])} for cell in cells]

    @property
    def title(self) -> str:
        """The first heading."""
        text = "\n".join(cell["source"] for cell in self.cells if cell["cell_type"] == "markdown")
        heading = re.search(r"^# +(.+)", text, re.MULTILINE)
        return heading[1].strip() if heading else self.name

    @property
    def builds(self) -> tuple[BuildCell, ...]:
        """Its build cells, in order."""
        return _builds(self.path, self.path.stat().st_mtime_ns)


@cache
def _builds(path: Path, written: int) -> tuple[BuildCell, ...]:
    """The build cells of a notebook, which is read once and again only when it has changed."""
    sources = [cell["source"] for cell in Lesson(path).cells if cell["cell_type"] == "code"]
    found = [(BUILD.match(source), source) for source in sources]
    return tuple(BuildCell(match[1], source[match.end() :]) for match, source in found if match)


def lessons() -> list[Lesson]:
    """All lessons, in order."""
    folder = next((root for root in ROOTS if root.is_dir()), ROOTS[0])
    return [Lesson(path) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]


def choose_lessons(numbers: Iterable[str]) -> list[Lesson]:
    """The lessons of these numbers ("4" or "04"), in order; all of them if there are no numbers.

    Raises ValueError for a number that no lesson has.
    """
    there = {lesson.number: lesson for lesson in lessons()}
    wanted = list(numbers) or list(there)
    unknown = [number for number in wanted if number.zfill(2) not in there]
    if not there:
        raise ValueError(f"there are no lessons in {ROOTS[0]} nor in {ROOTS[1]}")
    if unknown:
        raise ValueError(f"there is no lesson {' or '.join(unknown)}: there are {', '.join(there)}")
    return [there[number] for number in sorted({number.zfill(2) for number in wanted})]


def taught() -> tuple[str, ...]:
    """The modules that lessons build, such as "rope", each after those that it imports from.

    With them goes what lies between two of them, so that in a reader's own package every import
    of a module that they build leads to theirs.
    """
    return _taught(tuple(dict.fromkeys(b.module for lesson in lessons() for b in lesson.builds)))


@cache
def _taught(built: tuple[str, ...]) -> tuple[str, ...]:
    order: list[str] = []
    found: dict[str, bool] = {}  # whether a module is built, or imports one that is

    def visit(module: str) -> bool:
        if module not in found:
            file = source_file(module)
            found[module] = module in built and file is not None
            source = file.read_text(encoding="utf-8") if file else ""
            below = [visit(other) for other in IMPORTED.findall(source)]
            if found[module] or any(below):
                found[module] = True
                order.append(module)
        return found[module]

    for module in built:
        visit(module)
    return tuple(order)


def source_file(module: str) -> Path | None:
    """The file of a module of minillama, which is not imported for it; None if there is none."""
    try:
        spec = find_spec(f"minillama.{module}")
    except ModuleNotFoundError:  # of "finetune.lora", where there is no finetune
        return None
    return Path(spec.origin) if spec and spec.origin else None


def package_source(module: str) -> str:
    """The text of a module of minillama."""
    file = source_file(module)
    assert file is not None
    return file.read_text(encoding="utf-8")


def file_of(module: str) -> str:
    """Where a module stands in its package: "finetune/lora.py" for "finetune.lora"."""
    return f"{module.replace('.', '/')}.py"
