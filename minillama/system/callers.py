"""Who calls a function, under whatever name, while something runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

WRAPPERS = ("torch", "jaxtyping", "beartype")  # whose decorators call what they decorate


@contextmanager
def callers_of(code: CodeType) -> Iterator[list[str]]:
    """Collect, for each call of a function's code in the block, the package of the calling code."""
    callers, before = list[str](), sys.getprofile()
    # A lambda, because it is called for whatever is called at all, and tests check others' types.
    sys.setprofile(
        lambda frame, event, arg: (
            callers.append(_caller(frame)) if event == "call" and frame.f_code is code else None
        )
    )
    try:
        yield callers
    finally:
        sys.setprofile(before)


def _caller(frame: FrameType) -> str:
    caller = frame.f_back
    while caller and (package := str(caller.f_globals.get("__name__")).partition(".")[0]):
        if package not in WRAPPERS:
            return package
        caller = caller.f_back
    return ""
