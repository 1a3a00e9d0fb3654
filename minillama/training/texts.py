"""Text of your own, and what its documents are: a separator's parts, lines of JSON, files.

A single text that nothing divides has no documents: it is learned from as one long text. Anything
here may be compressed by gzip.
"""

import json
import re
from array import array
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from reprlib import repr as short_repr

import numpy as np

from minillama.system.files import read_text, text_bytes, text_chunks
from minillama.system.machine import memory_bytes
from minillama.training.config import BLANK, FIELD

PLAIN, LINES = (".txt", ".md"), (".jsonl", ".ndjson")  # the files that are read in a folder
BYTES_PER_BYTE = 8  # memory that it takes to encode a byte of text: 5 to 16, as measured
DIGEST = 16  # bytes


def is_one_text(path: Path, separator: str | None, field: str | None) -> bool:
    """Whether nothing divides what is at `path`: no separator, no lines of JSON, no folder."""
    return separator is None and field is None and not path.is_dir() and _kind(path) not in LINES


def read_documents(path: Path, separator: str | None, field: str | None) -> list[str]:
    """The documents in a file, or in all text files of a folder: see `documents_in`."""
    return list(documents_in(path, separator, field))


def documents_in(path: Path, separator: str | None, field: str | None) -> Iterator[str]:
    """Yield the documents in a file, or in all text files of a folder, in the order of their names.

    A separator's parts are documents, and so are the texts in a field of lines of JSON, and files
    that nothing divides. White space around a document is left out, and so are empty ones.

    Raises ValueError or an OSError, in one sentence, for what cannot be read so.
    """
    if separator == "":
        raise ValueError(f"the separator must not be empty; blank lines are {BLANK!r}")
    if separator is not None and field is not None:
        raise ValueError("give a separator, for plain text, or a field, for JSON Lines, not both")
    is_empty = True
    for file in text_files(path):
        if field is not None or _kind(file) in LINES:
            if separator is not None:
                raise ValueError(
                    f"{file} has a document on each line, as JSON: leave out the separator"
                )
            parts = _from_lines(file, field or FIELD)
        elif separator is None:
            parts = iter([read_text(file)])
        else:
            parts = _split(text_chunks(file), separator)
        for part in parts:
            if document := part.strip():
                is_empty = False
                yield document
    if is_empty:
        raise ValueError(f"{path} is empty: there is no text in its documents")


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


class HeldOut:
    """Which of many documents are validated on, and never learned from.

    They are `most` at most, chosen by chance, with a tenth of the characters at most; but one at
    least, the shortest. A document that is there several times is on one side only. The documents
    are not kept but told by a digest, and read again.
    """

    def __init__(self, documents: Iterable[str], most: int) -> None:
        lengths, digests = array("q"), bytearray()
        for document in documents:
            lengths.append(len(document))
            digests += _digest(document)

        def digest(i: int) -> bytes:
            return bytes(digests[i * DIGEST : (i + 1) * DIGEST])

        room = sum(lengths) // 10
        chosen: dict[bytes, int] = {}  # the place of each, in an order of chance
        for i in map(int, np.random.default_rng(0).permutation(len(lengths))):
            if len(chosen) < most and lengths[i] <= room and digest(i) not in chosen:
                room -= lengths[i]
                chosen[digest(i)] = len(chosen)
        self._chosen = chosen or {digest(min(range(len(lengths)), key=lengths.__getitem__)): 0}
        self._texts = [""] * len(self._chosen)
        self.n_learned = self.n_characters = 0  # of those to learn from
        for i, length in enumerate(lengths):
            if digest(i) not in self._chosen:
                self.n_learned, self.n_characters = self.n_learned + 1, self.n_characters + length

    def others(self, documents: Iterable[str]) -> Iterator[str]:
        """Yield those of the same documents that are learned from, in order."""
        for document in documents:
            place = self._chosen.get(_digest(document))
            if place is None:
                yield document
            else:
                self._texts[place] = document

    @property
    def texts(self) -> list[str]:
        """The documents that are held out, as soon as `others` has met them."""
        return self._texts


def between(chunks: Iterable[str], start: int, end: int) -> Iterator[str]:
    """Yield a text that comes in pieces from one character up to another."""
    for chunk in chunks:
        if start < len(chunk) and end > 0:
            yield chunk[max(0, start) : end]
        start, end = start - len(chunk), end - len(chunk)


def _digest(document: str) -> bytes:
    return blake2b(document.encode(), digest_size=DIGEST).digest()


def _kind(path: Path) -> str:
    """The ending that says what a file holds: .txt for story.txt and for story.txt.gz."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _split(chunks: Iterable[str], separator: str) -> Iterator[str]:
    """The parts of a text, which comes in pieces, between separators, one at a time."""
    if separator == BLANK:
        for is_blank, lines in groupby(_lines(chunks), lambda line: not line.strip()):
            if not is_blank:
                yield "\n".join(lines)
        return
    held = ""  # what follows the last separator so far
    for chunk in chunks:
        searched = max(0, len(held) - len(separator) + 1)
        held += chunk
        start = 0
        while (end := held.find(separator, max(start, searched))) >= 0:
            yield held[start:end]
            start = end + len(separator)
        held = held[start:]
    yield held


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    """The lines of a text that comes in pieces, without their ends."""
    pieces: list[str] = []
    for chunk in chunks:
        first, *others = chunk.split("\n")
        pieces.append(first)
        if others:
            yield "".join(pieces)
            yield from others[:-1]
            pieces = [others[-1]]
    yield "".join(pieces)


def _from_lines(file: Path, field: str) -> Iterator[str]:
    """The texts in a field of lines of JSON."""
    for number, line in enumerate(_lines(text_chunks(file)), start=1):
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
