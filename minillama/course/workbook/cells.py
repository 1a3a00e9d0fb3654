"""What the cells of a workbook define, are to define, and use."""

import re
from typing import Any

from minillama.course.build import differing
from minillama.course.source.definitions import definitions
from minillama.course.source.free_names import names_read
from minillama.course.source.splice import PACKAGE
from minillama.course.source.taught import BUILD, file_of, lessons, package_source
from minillama.course.workbook.my_package import MyPackage


def expected(package: MyPackage, module: str, cell: str) -> list[str]:
    """The names that a cell is to define: those of the lesson's cell that it is most like."""
    there = package.parts(module)
    written = re.findall(r"^(?:def |class )?(\w+)(?= *[(:=])", cell, re.MULTILINE)
    builds = [b for lesson in lessons() for b in lesson.builds if b.module == module]
    cells = [[name for name in build.definitions if name in there] for build in builds]
    cells = [names for names in cells if names]
    best = max(cells, key=lambda names: len({*names} & {*written}), default=[])
    if len(cells) > 1 and not {*best} & {*written}:
        best = []
    return [*best, *(n for n in dict.fromkeys(written) if n in there and n not in best)]


def nothing_expected(package: MyPackage, module: str, cell: str) -> str:
    """What to say of a cell that defines none of a module's parts."""
    there = package.parts(module).items()
    if (names := [*definitions(cell)]) and not differing(cell, package_source(module)):
        return f"{', '.join(names)}: given, the same as in {PACKAGE}/{file_of(module)}."
    to_build = ", ".join(f"{name} (lesson {part.lesson})" for name, part in there)
    defined = ", ".join(names) or "nothing"
    return (
        f"This cell defines {defined}. To build in {module} there are {to_build or 'no parts'}."
        " A helper goes into the cell of the part that uses it."
    )


def changed_of_given(module: str, names: list[str], cell: str) -> list[str]:
    """What a cell has otherwise than minillama, though it is not among the names to build."""
    source = package_source(module)
    changed = [name for name in differing(cell, source) if name in definitions(source)]
    return [name for name in changed if name not in names]


def not_built(package: MyPackage, cell: str, namespace: dict[str, Any]) -> list[str]:
    """The parts that a cell uses, other than to check them, and that are minillama's there.

    Raises SyntaxError for a cell that is not Python, and UsageError where a module is broken.
    """
    if BUILD.match(cell.lstrip()):
        return []
    parts = [part for module in package.modules for part in package.parts(module).items()]
    used = names_read(cell) - {*re.findall(r"check\((\w+)", cell)}
    return [
        name
        for name, part in parts
        if name in used and not part.yours
        if str(getattr(namespace.get(name), "__module__", None)).startswith(f"{PACKAGE}.")
    ]


def summary(package: MyPackage) -> str:
    """How far the reader has come, in a line."""
    every = [part for module in package.modules for part in package.parts(module).values()]
    yours = sum(part.yours for part in every)
    if yours == len(every):
        return f"All {yours} parts of {PACKAGE} that this workbook builds are yours."
    return f"{yours} of {len(every)} parts of {PACKAGE} are yours. progress() shows which."
