"""Hints and known mistakes, written as text: one file a check, named after what it checks.

Hints come first, each after `hint` and the name of its blank. A mistake is a short name, a sentence
or two that say why it is wrong, and edits of the reference's source, old text to new, that make it:

    hint scale: Multiply each column by its weight.

    rows: The weight goes to the rows, and the shapes do not even fit unless the matrix is
    square. It belongs to the columns.
        matrix * norm_weight => matrix * norm_weight[:, None]
        matrix * norm_weight => torch.diag(norm_weight) @ matrix

Each edit is a variant of the mistake. A `&` in the first column joins an edit to the one above it,
so that both make one variant. Text that spans lines, or is long, stands in lines with `-` (old) and
`+` (new); without any `+`, the old lines vanish. An edit's text begins in the fifth column, and its
spaces count. Empty lines separate mistakes, and a line that begins with # is a comment.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

Lines = list[tuple[int, str]]  # with their numbers in the file
NAME = re.compile(r"([a-z0-9-]+): (?=\S)")
HINT = re.compile(r"hint (\w+): (?=\S)")
EDIT = re.compile(r"(?P<joined>[ &]) (?P<kind>[ +-])(?: (?P<text>.*))?")


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer: the reference with `edits` (old text: new text) made to it."""

    name: str
    why: str
    edits: Mapping[str, str]


def read_check(path: Path) -> tuple[dict[str, str], tuple[Mistake, ...]]:
    """The hints and the mistakes in a file.

    Raises ValueError, with file and line, where it is not as above.
    """
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    kept = [(number, line.rstrip()) for number, line in lines if not line.startswith("#")]
    hints, found = dict[str, str](), list[Mistake]()
    for empty, group in groupby(kept, key=lambda numbered: not numbered[1]):
        entry = list(group)
        if not empty and HINT.match(entry[0][1]):
            hints |= _hints(entry)
        elif not empty:
            found += _entry(path, entry)
    return hints, tuple(found)


def _hints(lines: Lines) -> dict[str, str]:
    """The hints, by the name of the blank, in lines of which the first begins one."""
    hints: dict[str, str] = {}
    for _, line in lines:
        if begun := HINT.match(line):
            name, line = begun[1], line[begun.end() :]
        hints[name] = f"{hints[name]} {line}" if name in hints else line
    return hints


def _entry(path: Path, lines: Lines) -> list[Mistake]:
    """The variants of one mistake, whose lines these are."""
    name = NAME.match(lines[0][1])
    if name is None:
        raise ValueError(f"{path}, line {lines[0][0]}: a mistake begins with `name: explanation`")
    first = next((i for i, (_, line) in enumerate(lines) if EDIT.fullmatch(line)), len(lines))
    variants = _variants(path, lines[first:])
    if not variants:
        raise ValueError(f"{path}, line {lines[-1][0]}: {name[1]} has no edit")
    why = " ".join(line for _, line in lines[:first])[name.end() :]
    return [Mistake(name[1], why, edits) for edits in variants]


def _variants(path: Path, lines: Lines) -> list[dict[str, str]]:
    """The edits of each variant."""
    edits: list[tuple[bool, list[str], list[str]]] = []  # joined to the one above; old and new
    above = ""
    for number, line in lines:
        where, edit = f"{path}, line {number}", EDIT.fullmatch(line)
        if edit is None:
            raise ValueError(f"{where}: not an edit. An empty line comes before the next mistake")
        joined, kind, text = edit["joined"] == "&", edit["kind"], edit["text"] or ""
        if joined and not edits:
            raise ValueError(f"{where}: & joins an edit to one above it, and there is none")
        if kind == " ":
            old, arrow, new = f"{text} ".partition(" => ")
            if not arrow:
                raise ValueError(f"{where}: no ` => ` between old text and new")
            edits.append((joined, [old], [new[:-1]]))
        elif kind == "-" and (above != "-" or joined):
            edits.append((joined, [text], []))
        elif above in ("-", "+"):
            (edits[-1][1] if kind == "-" else edits[-1][2]).append(text)
        else:
            raise ValueError(f"{where}: new lines (+) follow old ones (-)")
        above = kind
    variants: list[dict[str, str]] = []
    for joined, before, after in edits:
        if not joined:
            variants.append({})
        variants[-1]["\n".join(before) + "\n" * (not after)] = "\n".join(after)
    return variants
