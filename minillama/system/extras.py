"""Packages that are installed only where they are wanted, such as matplotlib for pictures."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needing(extra: str, who: str) -> Iterator[None]:
    """Let a failed import in the block say which of minillama's extras brings the package.

    Raises ModuleNotFoundError, with the name of the package that `who` lacks.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "minillama"):
            raise
        raise ModuleNotFoundError(
            f"{who} needs {package}, which is not installed here: pip install 'minillama[{extra}]'",
            name=error.name,
        ) from error
