"""Writing that survives a kill, a power cut and a full disk, and JSON that is read with care.

There is one trick: write under another name, force that to disk, rename it. A rename happens
entirely or not at all, so a reader sees the old file or the new one, never half of one.
`write_atomically` does this for any file or folder; `write_text` and `write_json` are built on it.
"""

import codecs
import gzip
import json
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PARTIAL = ".partial"  # the ending of what is still being written
MAX_JSON_BYTES = 2**24
GZIP = b"\x1f\x8b"  # how its files begin
TOGETHER = 2**20  # bytes of a text file that are read at a time


class WriteError(OSError):
    """Something could not be written; says in a sentence what, in which folder, and why."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn any OSError in the block (a full disk, no permission) into a WriteError about `path`.

    Where blocks are nested the outermost names what could not be written: the folder that is being
    made, rather than one of the files in it.
    """
    try:
        yield
    except OSError as error:
        cause = error.__cause__ if isinstance(error, WriteError) else error
        name, why = path.name.removesuffix(PARTIAL), getattr(cause, "strerror", None) or cause
        raise WriteError(f"cannot write {name} in {path.absolute().parent}: {why}") from cause


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write(temporary path)` make a file or folder, force it to disk, then rename it `path`.

    A file replaces an older one; a folder must not exist yet. What a killed attempt left behind is
    removed first. Raises WriteError if the disk refuses, which leaves everything as it was.
    """
    partial = path.with_name(path.name + PARTIAL)
    with writing(path):
        remove(partial)
        try:
            write(partial)
            for file in sorted(partial.rglob("*")) if partial.is_dir() else [partial]:
                if file.is_file():
                    _force_to_disk(file)
            insist(lambda: os.replace(partial, path))
            _force_to_disk(path.parent)
        except OSError:
            with suppress(OSError):
                remove(partial)  # half a checkpoint would only fill a full disk further
            raise


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, with the same line ends on all systems, atomically."""
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8", newline="\n"))


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a dict as readable JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises ValueError where it holds something else, or too much."""
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"{path} is far too large: it should be a small JSON file")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: it is not valid JSON") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} is damaged: it should hold a JSON object")
    return values


def read_text(path: str | Path) -> str:
    """Read a UTF-8 text file, without byte-order mark and with newlines as line ends.

    A file that is compressed by gzip is unpacked, whatever its name.
    Raises FileNotFoundError or IsADirectoryError where there is no file, and ValueError for one
    that is empty, binary, damaged or not UTF-8.
    """
    return "".join(text_chunks(path))


def text_chunks(path: str | Path) -> Iterator[str]:
    """What `read_text` reads, a piece at a time: no more than that is held in memory."""
    path = Path(path)
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_empty, held = True, ""  # held: a \r, which a \n may follow
    done = characters = 0  # of what came before
    for content in _contents(path):
        if done == 0 and (wide := _wide_encoding(content)):
            raise ValueError(
                f"{path} is {wide} text, not UTF-8: save it as UTF-8 in an editor, or convert it "
                f"with iconv -f {wide} -t UTF-8"
            )
        if b"\0" in content:
            raise ValueError(f"{path} is not a text file: there are zero bytes in it")
        waiting = len(decoder.getstate()[0])  # bytes of a character that is not whole yet
        try:
            text = held + decoder.decode(content, final=not content)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path} is not UTF-8 text, as its byte {done - waiting + error.start} shows: save "
                "it as UTF-8"
            ) from None
        done, first, characters = done + len(content), characters == 0, characters + len(text)
        if first:
            text = text.removeprefix("\ufeff")
        held = "\r" if content and text.endswith("\r") else ""
        text = text.removesuffix(held).replace("\r\n", "\n")
        is_empty = is_empty and not text.strip()
        if text:
            yield text
    if is_empty:
        raise ValueError(f"{path} is empty: there is no text in it")


def _contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, unpacked if they are compressed, in pieces; the last one is empty."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a text file")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    with path.open("rb") as file:
        packed = file.peek(2).startswith(GZIP)
        source: Any = gzip.GzipFile(fileobj=file) if packed else file
        content = b"?"
        while content:
            try:
                content = source.read(TOGETHER)
            except (OSError, EOFError, zlib.error):
                if not packed:
                    raise
                raise ValueError(
                    f"{path} is damaged: it starts like a gzip file but is cut off or corrupted; "
                    "download it or compress it again"
                ) from None
            yield content


def text_bytes(path: Path, enough: int) -> int:
    """How many bytes `read_text` will find in a file, unpacked; it stops counting at `enough`.

    A compressed file is unpacked piece by piece, since the size in its last bytes is that of its
    last part only, modulo 4 GiB. What is damaged counts as far as it can be unpacked.
    """
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        packed = file.read(len(GZIP)) == GZIP
    if packed:
        n_bytes = 0
        with suppress(OSError, EOFError, zlib.error), gzip.open(path) as file:
            while n_bytes <= enough and (piece := file.read(2**20)):
                n_bytes += len(piece)
    return n_bytes


def _wide_encoding(content: bytes) -> str | None:
    """UTF-16 or UTF-32, if that is what the bytes are; told by their byte-order mark.

    Without a mark, UTF-16 shows by zeros at every second place and nowhere else.
    """
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    few = content[:1000]
    zeros = sorted(few[parity::2].count(0) for parity in (0, 1))
    return "UTF-16" if zeros[0] == 0 and zeros[1] > len(few) // 4 else None


def remove(path: Path) -> None:
    """Remove a file or a folder with everything in it, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        insist(lambda: path.unlink(missing_ok=True))


def set_aside(path: Path) -> Path | None:
    """Rename a file or folder, if it is there, to make place for another; returns where it is."""
    if not path.exists():
        return None
    names = (path.with_name(f"{path.name}.old{number or ''}") for number in range(10**6))
    free = next(name for name in names if not name.exists())
    insist(lambda: path.rename(free))
    return free


def insist(change: Callable[[], object]) -> None:
    """Change a file, again and again on Windows, which refuses while a dashboard reads the file."""
    for _ in range(20 if os.name == "nt" else 0):
        try:
            change()
            return
        except PermissionError:
            time.sleep(0.05)
    change()


def _force_to_disk(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows keeps folders itself and cannot open one as a file
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
