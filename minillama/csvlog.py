"""A run's log: a CSV file that grows by a row a step and outlives whatever ends the run."""

import csv
import os
import re
from pathlib import Path
from typing import Any

from minillama.disk import write_atomically, write_text, writing


class CsvLog:
    """A growing CSV file; a row that was added is out of this process's hands at once.

    Floats are written so that they read back exactly; None becomes an empty field.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], keep_below: int) -> None:
        """Open the file for appending, after dropping rows whose step is not below the limit.

        Lines at the end that a crash has torn are dropped too.
        Raises ValueError for a line that is damaged before others, WriteError where the disk is
        full, as the other methods do.
        """
        rows = [",".join(columns) + "\n", *_rows_to_keep(path, keep_below)]
        write_atomically(path, lambda p: write_text(p, "".join(rows)))
        self._columns, self._path = columns, path
        with writing(path):
            self._file = path.open("a", encoding="utf-8", newline="\n")

    def add(self, row: Any) -> None:
        """Write one row: the attributes of `row` that are named like the columns."""
        values = [getattr(row, column) for column in self._columns]
        with writing(self._path):
            csv.writer(self._file, lineterminator="\n").writerow(values)
            self._file.flush()  # to the operating system: what it has survives kill -9

    def sync(self) -> None:
        """Force everything to disk, to survive a power cut too."""
        with writing(self._path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        with writing(self._path):
            self._file.close()


def _rows_to_keep(path: Path, below: int) -> list[str]:
    """The lines of an older log, without its header, whose step is below the limit."""
    if not path.is_file():
        return []
    rows: list[str] = []
    damaged = None
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for number, line in enumerate(file, start=1):
            step = line.split(",")[0]
            if not (re.fullmatch("[0-9]{1,18}", step) and line.endswith("\n")):
                damaged = damaged or (number if number > 1 else None)
            elif int(step) < below:
                if damaged:
                    raise ValueError(f"{path} is damaged in line {damaged}: remove that line")
                rows.append(line)
    return rows
