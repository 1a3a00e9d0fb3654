"""A run's logs: text files that grow by a line at a time and outlive whatever ends the run."""

import csv
import io
import json
import os
import re
from pathlib import Path
from typing import Any

from minillama.system.files import write_atomically, write_text, writing

STEP = re.compile(r'(?:\{"step": )?([0-9]{1,18}),')  # how a line of either kind begins


class Log:
    """A growing file of lines, each with its step first; what was added is out of our hands."""

    def __init__(self, path: Path, columns: tuple[str, ...], keep_below: int, header: str) -> None:
        """Open the file for appending, after dropping lines whose step is not below the limit.

        Lines at the end that a crash has torn are dropped too.
        Raises ValueError for a line that is damaged before others, WriteError where the disk is
        full, as the other methods do.
        """
        lines = [header, *_lines_to_keep(path, keep_below, header)]
        write_atomically(path, lambda p: write_text(p, "".join(lines)))
        self.columns, self._path = columns, path
        with writing(path):
            self._file = path.open("a", encoding="utf-8", newline="\n")

    def add(self, row: Any) -> None:
        """Write one line: the attributes of `row` that are named like the columns."""
        line = self.line([getattr(row, column) for column in self.columns])
        with writing(self._path):
            self._file.write(line)
            self._file.flush()  # to the operating system: what it has survives kill -9

    def line(self, values: list[Any]) -> str:
        """A row as the file has it."""
        raise NotImplementedError

    def sync(self) -> None:
        """Force everything to disk, to survive a power cut too."""
        with writing(self._path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        with writing(self._path):
            self._file.close()


class CsvLog(Log):
    """Numbers, as CSV. Floats are written so that they read back exactly; None is left empty."""

    def __init__(self, path: Path, columns: tuple[str, ...], keep_below: int) -> None:
        super().__init__(path, columns, keep_below, ",".join(columns) + "\n")

    def line(self, values: list[Any]) -> str:
        """A row of CSV."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(values)
        return text.getvalue()


class JsonLog(Log):
    """Texts too, which may have line breaks: a JSON object a line."""

    def __init__(self, path: Path, columns: tuple[str, ...], keep_below: int) -> None:
        super().__init__(path, columns, keep_below, "")

    def line(self, values: list[Any]) -> str:
        """A JSON object in one line, as `{"step": 5, "text": "a\\nb"}`."""
        return json.dumps(dict(zip(self.columns, values, strict=True)), ensure_ascii=False) + "\n"


def _lines_to_keep(path: Path, below: int, header: str) -> list[str]:
    """The lines of an older log, without its header, whose step is below the limit."""
    if not path.is_file():
        return []
    kept: list[str] = []
    damaged = None
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            found = STEP.match(line)
            if not (found and line.endswith("\n")):
                damaged = damaged or (None if header and number == 1 else number)
            elif int(found[1]) < below:
                if damaged:
                    raise ValueError(f"{path} is damaged in line {damaged}: remove that line")
                kept.append(line)
    return kept
