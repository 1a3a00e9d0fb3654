"""What is missing or broken in a workbook, and how it is put right; what is the reader's stays."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from minillama.course.source.definitions import definitions, replace_definition
from minillama.course.source.splice import HELPER_MARK, PACKAGE, comment_above, own_imports, parts
from minillama.course.source.taught import Lesson, file_of, lessons, package_source
from minillama.course.workbook.make import contents
from minillama.course.workbook.memory import MEMORY, recall, recalled, writing_to
from minillama.course.workbook.my_package import MyPackage
from minillama.course.workbook.update import with_parts
from minillama.system.files import set_aside, write_text, writing


@dataclass(frozen=True)
class Fault:
    """A file of a workbook, what is wrong with it in words, and the text that puts it right."""

    file: str
    what: str
    text: str


def is_left_of_one(folder: Path) -> bool:
    """Whether a folder is a workbook, or was one before somebody deleted parts of it."""
    return (folder / PACKAGE).is_dir() or (folder / MEMORY).exists()


def lessons_of(folder: Path) -> list[Lesson]:
    """The lessons that a workbook has, or had."""
    known = {*recalled(folder).lessons}
    for path in (folder / PACKAGE).rglob("*.py"):
        text = path.read_bytes().decode(errors="replace") if path.is_file() else ""
        known |= {*re.findall(r"^# (?:minillama's|Yours), .* in lesson (\d\d)\.\r?$", text, re.M)}
    return [x for x in lessons() if x.number in known or (folder / x.path.name).exists()]


def edited(source: str, module: str) -> dict[str, str]:
    """What a module's source has otherwise than minillama and not as the reader's; minillama's."""
    there, built = definitions(source), parts(source)
    return {
        name: ours.source
        for name, ours in definitions(own_imports(package_source(module))).items()
        if name in there and there[name].source != ours.source
        if not (name in built and built[name].yours)
        and not HELPER_MARK.fullmatch(comment_above(source, name))
    }


def faults(folder: Path) -> Iterator[Fault]:
    """What is wrong with a workbook's files."""
    try:
        recall(folder)
    except FileNotFoundError:
        pass  # an earlier minillama made it
    except (OSError, ValueError, TypeError):
        yield Fault(MEMORY, "is damaged", "{}\n")
    chosen, memory = lessons_of(folder), recalled(folder)
    broken = False  # what imports it cannot be imported either
    for file, make in contents(chosen).items():
        path = folder / file
        if not path.is_file():
            yield Fault(file, "is missing", memory.modules.get(file) or make())
        elif path.suffix == ".ipynb" and not is_notebook(path):
            yield Fault(file, "is no notebook any more", make())
        elif path.name == "__init__.py" and not is_python(path):
            yield Fault(file, "is not Python", make())
        else:
            continue
        broken |= path.suffix == ".py"
    package = MyPackage(folder / PACKAGE)
    if not package.folder.is_dir():
        return
    with package.fresh({}) as load:
        for module in package.modules:  # each after those that it imports from
            file = f"{PACKAGE}/{file_of(module)}"
            try:
                source = mended = package.source(module)
                load(module)
            except Exception as error:  # a Complaint, or a UsageError of IPython's
                its = f"{file} is broken" in str(error)
                if its or not broken:  # others only import this one
                    last = memory.modules.get(file, "")
                    same = last == (folder / file).read_bytes().decode(errors="replace")
                    text = contents(chosen)[file]() if same or not last else last
                    found = re.search("is broken: .*(?=. Undo)", str(error)) if its else None
                    yield Fault(file, found[0] if found else "cannot be imported", text)
                broken = True
                continue
            for name, text in (other := edited(source, module)).items():
                mended = replace_definition(mended, name, text)
            mended = with_parts(mended, module, chosen)
            names = ", ".join(other)
            what = f"has {names} as somebody edited it by hand" if other else "lacks a definition"
            if mended != source:
                yield Fault(file, what, mended)


def is_python(path: Path) -> bool:
    """Whether a file's text is Python."""
    try:
        ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return False
    return True


def is_notebook(path: Path) -> bool:
    """Whether a file can be opened as a notebook."""
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8"))["cells"], list)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return False


def repair(folder: Path) -> list[str]:
    """Put right what is wrong, and return what was done, a line a file.

    A file that is replaced stays beside the new one, under another name. Raises WriteError where
    the disk refuses.
    """
    done, seen = list[str](), set[Fault]()
    with writing_to(folder):
        while new := [fault for fault in faults(folder) if fault not in seen]:
            for fault in new:  # and again, since one may have hidden another
                seen.add(fault)
                done.append(put_right(folder / fault.file, fault))
    return done


def put_right(path: Path, fault: Fault) -> str:
    """Write a file anew, and say so; what was in its place is kept."""
    with writing(path):
        if path.parent.is_file():
            set_aside(path.parent)
        old = set_aside(path)
        path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, fault.text)
    Path(cache_from_source(str(path))).unlink(missing_ok=True)
    built = parts(fault.text) if path.suffix == ".py" else {}
    yours = ", ".join(name for name, part in built.items() if part.yours)
    whose = f", with {yours} as you built it" if yours else ""
    kept = f"; the file as it was is now {old.name}" if old else ""
    return f"{fault.file} {fault.what}: written anew{whose}{kept}."
