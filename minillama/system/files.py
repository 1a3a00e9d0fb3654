"""Writing that survives a kill, a power cut and a full disk, and JSON that is read with care.

The one trick throughout: write under another name, force it to disk, rename. A rename happens
wholly or not at all, so whoever looks sees the old or the new, never a half.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PARTIAL = ".partial"  # the ending of what is still being written
MAX_JSON_BYTES = 2**24


class WriteError(OSError):
    """Something could not be written; says in a sentence what, in which folder, and why."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Make a WriteError about `path` of any OSError in the block: a full disk, no permission."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        name, why = path.name.removesuffix(PARTIAL), error.strerror or error
        raise WriteError(f"cannot write {name} in {path.absolute().parent}: {why}") from error


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write(temporary path)` make a file or folder, force it to disk, then rename it `path`.

    A file replaces an older one; a folder must not exist yet. A leftover of a killed attempt is
    removed first. Raises WriteError where the disk refuses, which leaves everything as it was.
    """
    partial = path.with_name(path.name + PARTIAL)
    with writing(path):
        remove(partial)
        try:
            write(partial)
            for file in sorted(partial.rglob("*")) if partial.is_dir() else [partial]:
                if file.is_file():
                    _force_to_disk(file)
            _rename(partial, path)
            _force_to_disk(path.parent)
        except OSError:
            with suppress(OSError):
                remove(partial)  # half a checkpoint would only fill a full disk further
            raise


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, with the same line ends everywhere."""
    path.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a dict as readable JSON, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda p: write_text(p, text))


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises ValueError where it holds something else, or too much."""
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"{path} is far too large for what it should be, a small JSON file")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: it is not valid JSON") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} is damaged: it should hold a JSON object")
    return values


def read_text(path: str | Path) -> str:
    """Read a UTF-8 text file, without byte-order mark and with newlines as line ends.

    Raises FileNotFoundError or IsADirectoryError where there is no file, and ValueError for one
    that is empty, binary or not UTF-8.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a text file")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    content = path.read_bytes()
    if b"\0" in content:
        raise ValueError(f"{path} is not a text file: there are zero bytes in it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text, as its byte {error.start} shows: save it as UTF-8"
        ) from None
    if not text.strip():
        raise ValueError(f"{path} is empty: there is no text in it")
    return text.replace("\r\n", "\n")


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _rename(old: Path, new: Path) -> None:
    """Rename over an older file. Windows refuses while somebody reads that, as a dashboard may."""
    for _ in range(20 if os.name == "nt" else 0):
        try:
            return os.replace(old, new)
        except PermissionError:
            time.sleep(0.05)
    os.replace(old, new)


def _force_to_disk(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows keeps folders itself and cannot open one as a file
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
