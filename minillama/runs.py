"""The folder of a training run, built so that a kill at any moment loses nothing but time.

    run.json               what was asked for, what was decided (threads, dtype, steps, ...)
    tokenizer.model        the run's tokenizer
    data/                  the corpus as token ids, encoded once
    log.csv                one row a training step
    validation.csv         one row a validation
    checkpoints/step-...   whole folders: model, tokenizer, optimiser, state.json
    checkpoints/latest     the name of the newest complete checkpoint
    kept/step-...          small bfloat16 models kept for looking back
    lock                   held, by the operating system, while somebody trains here

The one trick throughout: write under another name, force it to disk, rename. A rename happens
wholly or not at all, so whoever looks sees the old or the new, never a half.
"""

import csv
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

PARTIAL = ".partial"  # the ending of what is still being written
CHECKPOINTS_KEPT = 2


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write(temporary path)` make a file or folder, force it to disk, then rename it `path`.

    A file replaces an older one; a folder must not exist yet. A leftover of a killed attempt is
    removed first.
    """
    partial = path.with_name(path.name + PARTIAL)
    _remove(partial)
    write(partial)
    for file in sorted(partial.rglob("*")) if partial.is_dir() else [partial]:
        if file.is_file():
            _force_to_disk(file)
    os.replace(partial, path)
    _force_to_disk(path.parent)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a dict as readable JSON, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda p: _write_text(p, text))


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote. Raises ValueError where the file is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged: it is not readable as JSON") from error


def save_checkpoint(folder: Path, step: int, write: Callable[[Path], None]) -> Path:
    """Add the checkpoint of `step` to the run in `folder`, point `latest` at it, drop old ones.

    `write(path)` fills the new folder. The two newest checkpoints stay.
    """
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir(exist_ok=True)
    target = checkpoints / f"step-{step:06d}"
    if latest_checkpoint(folder) == target:
        return target
    write_atomically(target, write)
    write_atomically(checkpoints / "latest", lambda p: _write_text(p, target.name + "\n"))
    for old in _checkpoints(folder)[:-CHECKPOINTS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint of the run in `folder`, or None before the first."""
    latest = folder / "checkpoints" / "latest"
    if not latest.is_file():
        return None
    return latest.parent / latest.read_text(encoding="utf-8").strip()


def is_empty(folder: Path) -> bool:
    """Whether nothing is there, or only what a killed attempt to write the first file left."""
    return all(path.name.endswith(PARTIAL) for path in folder.iterdir())


def clean(folder: Path) -> None:
    """Remove what a killed training left half done: partial writes, steps beyond `latest`."""
    for partial in [*folder.glob(f"*{PARTIAL}*"), *folder.glob(f"*/*{PARTIAL}*")]:
        _remove(partial)
    latest = latest_checkpoint(folder)
    for checkpoint in _checkpoints(folder):
        if latest is None or _step(checkpoint) > _step(latest):
            _remove(checkpoint)


class CsvLog:
    """A growing CSV file; a row that was added is out of this process's hands at once."""

    def __init__(self, path: Path, columns: tuple[str, ...], keep_below: int) -> None:
        """Open the file for appending, after dropping rows whose step is not below the limit.

        A last line torn by a crash is dropped too. Floats are written so that they read back
        exactly; None becomes an empty field.
        """
        rows = [",".join(columns) + "\n"]
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as file:
                lines = [line for line in file if line.endswith("\n")]
            rows += [line for line in lines[1:] if int(line.split(",")[0]) < keep_below]
        write_atomically(path, lambda p: _write_text(p, "".join(rows)))
        self._columns = columns
        self._file = path.open("a", encoding="utf-8", newline="\n")

    def add(self, row: Any) -> None:
        """Write one row: the attributes of `row` that are named like the columns."""
        values = [getattr(row, column) for column in self._columns]
        csv.writer(self._file, lineterminator="\n").writerow(values)
        self._file.flush()  # to the operating system: what it has survives kill -9

    def sync(self) -> None:
        """Force everything to disk, to survive a power cut too."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class RunLog(NamedTuple):
    """The two logs of a run as structured arrays: `log.training["loss"]`, one entry a row."""

    training: np.ndarray
    validation: np.ndarray


def read_log(folder: str | Path) -> RunLog:
    """Read `log.csv` and `validation.csv` of a run folder; an empty field reads as nan.

    Raises FileNotFoundError where the folder holds no log.
    """
    tables = []
    for name in ("log.csv", "validation.csv"):
        path = Path(folder) / name
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist; is {folder} the folder of a run?")
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        values = [tuple(float(x) if x else np.nan for x in row) for row in rows]
        tables.append(np.array(values, dtype=[(column, "f8") for column in header]))
    return RunLog(*tables)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run folder for this process; the system lets go of it when the process ends.

    Raises BlockingIOError where another training holds it.
    """
    with (folder / "lock").open("a", encoding="utf-8") as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            raise BlockingIOError(
                f"another training is running in {folder}; "
                "wait for it to end, or choose another folder"
            ) from error
        yield


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back while the block runs; if it came, it takes effect at the end."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Ctrl-C only ever reaches the main thread
        return
    came: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
    if came and callable(before):
        before(*came[0])


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("step-"))


def _checkpoints(folder: Path) -> list[Path]:
    found = (folder / "checkpoints").glob("step-*")
    return sorted((path for path in found if path.suffix != PARTIAL), key=_step)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _force_to_disk(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows keeps folders itself and cannot open one as a file
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
