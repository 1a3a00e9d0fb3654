"""Add to a workbook what it lacks: lessons and parts that came after it was made."""

from collections.abc import Iterable
from pathlib import Path

from minillama.course.registry import CHECKS
from minillama.course.source.definitions import definitions
from minillama.course.source.splice import (
    HELPER_MARK,
    PACKAGE,
    UNBUILT,
    comment_above,
    imports,
    insert,
    last_import,
    mark,
    own_imports,
    parts,
)
from minillama.course.source.taught import (
    Lesson,
    choose_lessons,
    file_of,
    lessons,
    package_source,
    taught,
)
from minillama.course.workbook.make import contents, workbook_module
from minillama.course.workbook.memory import writing_to
from minillama.system.files import read_text, write_text, writing


def is_workbook(folder: Path) -> bool:
    """Whether a folder is a workbook already."""
    return (folder / PACKAGE / "__init__.py").is_file()


def update_workbook(folder: Path, numbers: Iterable[str] = ()) -> tuple[list[Lesson], list[str]]:
    """Add these lessons (all of them if none is named) and their parts; returns what was added.

    A notebook that is there stays as it is, and so does every definition, whoever wrote it.

    Raises ValueError for a number that no lesson has and for a module that is broken, and
    WriteError where the disk refuses. Done again, it goes on from where it failed.
    """
    chosen = choose_lessons(numbers)
    new = [lesson for lesson in chosen if not (folder / lesson.path.name).exists()]
    theirs = [lesson for lesson in lessons() if (folder / lesson.path.name).exists()]
    added = list[str]()
    with writing_to(folder) as memory:
        made = contents([*theirs, *new])
        files = {name: make() for name, make in made.items() if not (folder / name).exists()}
        for module in taught():
            name = f"{PACKAGE}/{file_of(module)}"
            old = "" if name in files else read_text(folder / name)
            try:
                text = with_parts(old, module, [*theirs, *new])
            except SyntaxError as error:
                raise ValueError(
                    f"{folder / name} is not Python, as its line {error.lineno} shows: {error.msg}."
                    " Add --repair to have it written anew"
                ) from error
            added += [part for part in parts(text) if part not in parts(old)]
            if text != old:
                files[name] = text
        for name, text in files.items():
            with writing(folder):
                (folder / name).parent.mkdir(exist_ok=True, parents=True)
            write_text(folder / name, text)
        memory.lessons = sorted({*memory.lessons, *(x.number for x in [*theirs, *new])})
    return new, added


def with_parts(source: str, module: str, built: Iterable[Lesson]) -> str:
    """A module of my_minillama with what minillama's has beyond it, and marks on what is to build.

    source: the module as it is, or "" where there is none yet. Raises SyntaxError if it is broken.
    """
    if not source:
        return workbook_module(module, built)
    source, fresh = own_imports(source), own_imports(package_source(module))
    known = {*imports(source).values(), *definitions(source)}
    statements = [line for line, name in imports(fresh).items() if name not in known]
    lines = source.splitlines()
    texts = [there.source for name, there in definitions(fresh).items() if name not in known]
    for text in dict.fromkeys(texts):  # `a, b = 1, 2` defines two names
        lines += ["", "", *text.splitlines()]
    if texts:
        source = "\n".join(lines) + "\n"
        source = insert(source, last_import(source), statements)
    for lesson in built:
        for build in lesson.builds:
            for name in build.definitions if build.module == module else []:
                if name not in CHECKS or name not in definitions(source) or name in parts(source):
                    continue
                if not HELPER_MARK.fullmatch(comment_above(source, name)):
                    source = mark(source, name, UNBUILT.format(lesson.number))
    return source
