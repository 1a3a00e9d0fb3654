"""A run's logs, written and read: text files that grow by a line and outlive whatever ends the run.

log.csv and validation.csv hold numbers, samples.jsonl what the model wrote. A line without its line
end was torn by a crash or is just being written, and does not count.
"""

import json
import os
import re
from math import isfinite, nan
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minillama.system.files import write_text, writing

LOG, VALIDATION, SAMPLES = "log.csv", "validation.csv", "samples.jsonl"
TAIL = 8192  # bytes that `read_tail` reads: a few dozen rows
STEP = re.compile(r'(?:\{"step": )?([0-9]{1,18}),')  # how a line of either kind begins


class Log:
    """A growing file of lines, each with its step first, in CSV or JSON as the file's name says.

    What was added survives a kill. Floats are written so that they read back exactly.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], keep_below: int) -> None:
        """Open the file for appending, after dropping lines whose step is not below the limit.

        Lines at the end that a crash has torn are dropped too.
        Raises ValueError for a damaged line before others, and WriteError if the disk is full, as
        the other methods do.
        """
        self.columns, self._path = columns, path
        header = ",".join(columns) + "\n" if path.suffix == ".csv" else ""
        write_text(path, header + "".join(_lines_to_keep(path, keep_below, header)))
        with writing(path):
            self._file = path.open("a", encoding="utf-8", newline="\n")

    def add(self, row: object) -> None:
        """Write one line: the attributes of `row` that are named like the columns."""
        values = {column: getattr(row, column) for column in self.columns}
        if self._path.suffix == ".csv":
            line = ",".join("" if value is None else str(value) for value in values.values())
        else:
            line = json.dumps(values, ensure_ascii=False)
        with writing(self._path):
            self._file.write(line + "\n")
            self._file.flush()  # to the operating system: what it has survives kill -9

    def sync(self) -> None:
        """Force everything to disk, to survive a power cut too."""
        with writing(self._path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        with writing(self._path):
            self._file.close()


class RunLog(NamedTuple):
    """The two logs of a run as structured arrays: `log.training["loss"]`, one entry per row."""

    training: np.ndarray
    validation: np.ndarray


class Sample(NamedTuple):
    """What the model wrote after a prompt when it had learned for so many steps."""

    step: int
    prompt: str
    text: str  # with the prompt


def read_log(folder: str | Path) -> RunLog:
    """Read `log.csv` and `validation.csv` of a run folder; an empty field reads as nan.

    Raises FileNotFoundError if the folder holds no log, ValueError if it is damaged.
    """
    tables = []
    for name in (LOG, VALIDATION):
        path = Path(folder) / name
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist; is {folder} the folder of a run?")
        try:
            header, *lines, _ = path.read_text(encoding="utf-8").split("\n")
            columns = [(column, "f8") for column in header.split(",")]
            tables.append(np.array([_numbers(line) for line in lines], dtype=columns))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} is damaged: it is not the log of a run") from error
    return RunLog(*tables)


def read_tail(path: Path, columns: tuple[str, ...]) -> list[dict[str, float]]:
    """The last rows of a CSV log in which these columns hold numbers; an empty field reads as nan.

    Never an error: rows that are damaged are left out, and without a file there are none.
    """
    try:
        with path.open("rb") as file:
            header = file.readline().decode().strip().split(",")
            file.seek(max(file.tell(), file.seek(0, 2) - TAIL))
            *lines, _ = file.read().decode("utf-8", "replace").split("\n")
    except (OSError, ValueError):
        return []
    rows = []
    for line in lines:
        try:
            row = dict(zip(header, _numbers(line), strict=True))
        except ValueError:  # the first of them may have lost its beginning
            continue
        if all(isfinite(row.get(name, nan)) for name in columns):
            rows.append(row)
    return rows


def read_samples(folder: str | Path) -> list[Sample]:
    """Read `samples.jsonl` of a run folder, oldest first.

    Raises FileNotFoundError if the folder holds none, ValueError if it is damaged.
    """
    path = Path(folder) / SAMPLES
    *lines, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
    try:
        samples = [Sample(**json.loads(line)) for line in lines]
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: it is not the samples of a run") from error
    if not all(all(map(isinstance, sample, (int, str, str))) for sample in samples):
        raise ValueError(f"{path} is damaged: a sample is a step and two texts")
    return samples


def _numbers(line: str) -> tuple[float, ...]:
    return tuple(float(field) if field else nan for field in line.split(","))


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
