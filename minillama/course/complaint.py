"""What is wrong with an answer, in the reader's words; an exception's too."""

import linecache
import os
import site
import sys
import sysconfig
from functools import cache


class Complaint(Exception):
    """What is wrong, already in the reader's words; `mistake` is its short name if it has one.

    `given` says what the answer was called with, and `printed` what it then printed.
    """

    def __init__(self, message: str, mistake: str | None = None, given: str = "") -> None:
        super().__init__(message)
        self.mistake, self.given, self.printed = mistake, given, ""


class Known(Complaint):
    """A known mistake that a probe recognizes by itself; the mistake's text says what is wrong.

    `more` follows the explanation, such as where it shows.
    """

    def __init__(self, mistake: str, more: str = "") -> None:
        super().__init__(f"is not right yet: {mistake}.{more}", mistake)
        self.more = more


def raised(error: BaseException) -> str:
    """An exception in a sentence, with the last line that is the reader's own."""
    line, inside = own_line(error)
    first = (str(error).splitlines() or [""])[0]
    cures = CURES if inside else CURES | SIGNATURE
    cure = next((f". {cure}" for words, cure in cures.items() if words in first), "")
    return f"raises {type(error).__name__}{line}: {first}{cure}"


def own_line(error: BaseException) -> tuple[str, bool]:
    """The last line of the reader's own that an error passed, and whether it passed any."""
    trace, line, inside = error.__traceback__, "", False
    while trace:
        filename = trace.tb_frame.f_code.co_filename
        if not filename.startswith(("<frozen ", "<@beartype")) and not of_library(filename):
            inside = True
            text = linecache.getline(filename, trace.tb_lineno).strip()
            line = f" at the line `{text}`" if text else ""
        trace = trace.tb_next
    return line, inside


# Habits from numpy and pandas that torch answers in words of its own.
CURES = {
    "Boolean value of Tensor": "To ask whether there is one, write `is None`; to combine tables "
    "of True and False, `&` with brackets around both sides.",
    "The shape of the mask": "`masked_fill(~mask, value)` spreads a mask over the axes before "
    "it; indexing with it does not.",
    "unexpected keyword argument 'axis'": "Is this numpy's function on a tensor? Take torch's.",
    "before Module.__init__() call": "Let __init__ begin with `super().__init__()`, which makes "
    "the module ready to hold parts.",
    "builtin_function_or_method": "In torch `size` is a method: `.shape`, or `.numel()`.",
}
# Where no line of the answer's own has run, it is its parameters that do not fit the call.
KEEP = "Keep the parameters as they were given in the blank."
SIGNATURE = dict.fromkeys(("positional arguments but", "positional argument but"), KEEP)


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
