"""Text of your own, and what its documents are: a separator's parts, lines of JSON, files.

A single text that nothing divides has no documents: it is learned from as one long text. Anything
here may be compressed by gzip.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as short_repr

import numpy as np

from minillama.system.files import read_text, text_bytes
from minillama.system.machine import memory_bytes
from minillama.training.config import BLANK, FIELD

PLAIN, LINES = (".txt", ".md"), (".jsonl", ".ndjson")  # the files that are read in a folder
BYTES_PER_BYTE = 8  # memory that it takes to encode a byte of text: 5 to 16, as measured


def is_one_text(path: Path, separator: str | None, field: str | None) -> bool:
    """Whether nothing divides what is at `path`: no separator, no lines of JSON, no folder."""
    return separator is None and field is None and not path.is_dir() and _kind(path) not in LINES


def read_documents(path: Path, separator: str | None, field: str | None) -> list[str]:
    """The documents in a file, or in all text files of a folder, in the order of their names.

    A separator's parts are documents, and so are the texts in a field of lines of JSON, and files
    that nothing divides. White space around a document is left out, and so are empty ones.

    Raises ValueError or an OSError, in one sentence, for what cannot be read so.
    """
    if separator == "":
        raise ValueError(f"the separator must not be empty; blank lines are {BLANK!r}")
    if separator is not None and field is not None:
        raise ValueError("give a separator, for plain text, or a field, for JSON Lines, not both")
    documents = []
    for file in text_files(path):
        text = read_text(file)
        if field is not None or _kind(file) in LINES:
            if separator is not None:
                raise ValueError(
                    f"{file} has a document on each line, as JSON: leave out the separator"
                )
            parts = _from_lines(file, text, field or FIELD)
        else:
            parts = _split(text, separator)
        documents += [document for part in parts if (document := part.strip())]
    if not documents:
        raise ValueError(f"{path} is empty: there is no text in its documents")
    return documents


def text_files(path: Path) -> list[Path]:
    """The file at `path`, or in a folder all that are text by their names and not empty."""
    if not path.is_dir():
        return [path]
    found = [
        file
        for file in path.rglob("*")
        if _kind(file) in PLAIN + LINES
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.is_file()
        and file.stat().st_size
    ]
    if not found:
        endings = ", ".join(PLAIN + LINES)
        raise ValueError(f"there is no text in the folder {path}: no file ends in {endings} or .gz")
    return sorted(found, key=lambda file: file.relative_to(path).as_posix())


def check_room(path: Path) -> None:
    """Raise ValueError for text that this machine has not the memory to encode."""
    memory, n_bytes = memory_bytes(), 0
    most = memory // BYTES_PER_BYTE
    for file in text_files(path):
        if n_bytes <= most and file.is_file():
            n_bytes += text_bytes(file, most - n_bytes)
    if n_bytes > most:
        raise ValueError(
            f"encoding the {n_bytes / 2**30:,.1f} GiB of text or more in {path} takes at least "
            f"{BYTES_PER_BYTE * n_bytes / 2**30:,.0f} GiB of memory, and this machine has "
            f"{memory / 2**30:,.0f} GiB: give a part of the text"
        )


def hold_out(texts: list[str], most: int) -> tuple[list[str], list[str]]:
    """The documents to learn from, in order, and those to validate on, in an order of chance.

    Held out are `most` at most, with a tenth of the characters at most; but one at least, the
    shortest. A document that is there several times is on one side only.
    """
    room = sum(map(len, texts)) // 10
    held_out: dict[str, None] = {}
    for i in np.random.default_rng(0).permutation(len(texts)):
        if len(held_out) < most and len(texts[i]) <= room and texts[i] not in held_out:
            room -= len(texts[i])
            held_out[texts[i]] = None
    held_out = held_out or {min(texts, key=len): None}
    return [text for text in texts if text not in held_out], [*held_out]


def _kind(path: Path) -> str:
    """The ending that says what a file holds: .txt for story.txt and for story.txt.gz."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _split(text: str, separator: str | None) -> Iterator[str]:
    """The parts of a text between separators, one at a time."""
    if separator is None:
        yield text
        return
    start = 0
    pattern = r"\n\s*\n" if separator == BLANK else re.escape(separator)
    for match in re.finditer(pattern, text):
        yield text[start : match.start()]
        start = match.end()
    yield text[start:]


def _from_lines(file: Path, text: str, field: str) -> Iterator[str]:
    """The texts in a field of lines of JSON."""
    for number, line in enumerate(_split(text, "\n"), start=1):
        if not line.strip():
            continue
        where = f"line {number} of {file}"
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            raise ValueError(f"{where} is not a JSON object, and each line has to be one")
        if field not in values:
            names = ", ".join(map(short_repr, [*values][:20])) or "none"
            raise ValueError(
                f"{where} has no field {field!r}: name the one that has the text by --field; its "
                f"fields are {names}"
            )
        value = values[field]
        if not isinstance(value, str):
            raise ValueError(f"the field {field!r} in {where} is not text: {short_repr(value)}")
        if re.search("[\ud800-\udfff]", value):
            raise ValueError(f"{where} has half of a surrogate pair, which is not a character")
        yield value
