"""What is wrong with an answer, in the reader's words; an exception's too."""

import linecache
import os
import re
import site
import sys
import sysconfig
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


class Complaint(Exception):
    """What is wrong, already in the reader's words; `mistake` is its short name if it has one.

    `cause` is what probably lies behind it, and `printed` what the answer printed on the way.
    Complaints of one `core` (the message, if not given) are the same.
    """

    def __init__(
        self, message: str, mistake: str | None = None, cause: str = "", core: str = ""
    ) -> None:
        super().__init__(message)
        self.mistake, self.cause, self.core, self.printed = mistake, cause, core or message, ""


class Known(Complaint):
    """A known mistake that a probe recognizes by itself; the mistake's text says what is wrong.

    `more` follows the explanation, such as where it shows.
    """

    def __init__(self, mistake: str, more: str = "") -> None:
        super().__init__(f"is not right yet: {mistake}.{more}", mistake)
        self.more = more


def raised(error: BaseException) -> Complaint:
    """An exception in a sentence, with the last line that is the reader's own and its cause."""
    place, line = own_line(error)
    lines = str(error).strip().splitlines() or [""]
    first = lines[0] if "einops" not in type(error).__module__ else f"{lines[0]} {lines[-1]}"
    what = f"raises {type(error).__name__}"
    cause = cause_of(first, line)
    core = what if line.startswith("raise ") else f"{what}: {first}"  # whatever their own words are
    return Complaint(f"{what}{place}: {first}", cause=cause, core=core)


def own_line(error: BaseException) -> tuple[str, str]:
    """The last line of the reader's own that an error passed, for a sentence and for `cause_of`."""
    trace, line, place = error.__traceback__, "", ""
    while trace:
        filename = trace.tb_frame.f_code.co_filename
        if not filename.startswith(("<frozen ", "<@beartype")) and not of_library(filename):
            text = linecache.getline(filename, trace.tb_lineno).strip()
            names = trace.tb_frame.f_locals
            where = shapes(text or " ".join(names), names)
            place = f" at the line `{text}`{where}" if text else where
            line = f"{text}{where} (in a {'method' if 'self' in names else 'function'})"
        trace = trace.tb_next
    return place, line


def shapes(line: str, names: Mapping[str, Any]) -> str:
    """The shapes of the tensors and arrays that a line names, also as attributes of `self`."""
    found = {}
    for name in re.findall(r"\b(?:self\.)?[^\W\d]\w*", line):
        value = names.get(name)
        if name.startswith("self."):
            value = vars(names.get("self", type)).get(name.removeprefix("self."))
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple):  # a tensor's, or an array's
            found[name] = tuple(shape)
    words = [f"{name} has the shape {shape}" for name, shape in found.items()]
    return f", where {' and '.join(words)}" if words else ""


def cause_of(message: str, line: str) -> str:
    """What probably lies behind an exception's message at an answer's line; empty if unknown."""
    for said, there, why in causes():
        if (found := re.search(said, message)) and re.search(there, line):
            return why.replace("{0}", found[1] if found.re.groups and found[1] else "")
    return ""


@cache
def causes() -> list[tuple[str, str, str]]:
    """The entries of causes.txt: patterns of message and line, and the explanation."""
    text = Path(__file__).with_name("causes.txt").read_text(encoding="utf-8")
    entries = re.findall(r"(?m)^(?!#)(?! {4})(.*)\n((?: {4}.*\n)+)", text)
    return [(*head.partition("  at  ")[::2], " ".join(why.split())) for head, why in entries]


LIBRARIES = "minillama torch numpy einops jaxtyping beartype IPython ipykernel".split()


@cache
def of_library(filename: str) -> bool:
    """Whether a file is Python's, minillama's or a package's, wherever these are installed."""
    folders = [sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [f for f in site.getsitepackages() if f.endswith("-packages")]
    folders.append(site.getusersitepackages())
    for library in LIBRARIES:
        folders += getattr(sys.modules.get(library), "__path__", [])
    for path in (os.path.abspath, os.path.realpath):  # either may be what Python has noted
        file = os.path.normcase(path(filename))
        if any(file.startswith(os.path.join(os.path.normcase(path(f)), "")) for f in folders):
            return True
    return False
