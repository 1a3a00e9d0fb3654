"""The folder of a training run, built so that a kill at any moment loses nothing but time.

run.json               what was asked for, what was decided (threads, dtype, steps, ...)
tokenizer.model        the run's tokenizer
data/                  the corpus as token ids, encoded once
log.csv                one row a training step
validation.csv         one row a validation
samples.jsonl          what the model wrote along the way, a sample a line
checkpoints/step-...   whole folders: model, tokenizer, optimiser, state.json
checkpoints/latest     the name of the newest complete checkpoint
kept/step-...          small bfloat16 models kept for looking back
diverged-step-....npz  the batch at which training came to numbers that are none
lock                   held, by the operating system, while somebody trains here
status.json, control   what the run does, and what it is asked to do (see minillama.runs.control)
output.txt             what a training in the background printed
"""

import csv
import json
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from minillama.runs.control import CONTROL, STATUS
from minillama.runs.lock import LOCK
from minillama.system.files import (
    PARTIAL,
    read_json,
    remove,
    write_atomically,
    write_text,
    writing,
)

CHECKPOINTS_KEPT = 2
OUTPUT = "output.txt"
BEFORE_A_RUN = {LOCK, OUTPUT, CONTROL, STATUS}  # what a folder may hold where none has begun
CHECKPOINT = re.compile("step-[0-9]{6,18}")


def save_checkpoint(folder: Path, step: int, write: Callable[[Path], None]) -> Path:
    """Add the checkpoint of `step` to the run in `folder`, point `latest` at it, drop old ones.

    `write(path)` fills the new folder. The two newest checkpoints stay.
    """
    checkpoints = folder / "checkpoints"
    with writing(checkpoints):
        checkpoints.mkdir(exist_ok=True)
    target = checkpoints / f"step-{step:06d}"
    if latest_checkpoint(folder) != target:
        write_atomically(target, write)
        write_atomically(checkpoints / "latest", lambda p: write_text(p, target.name + "\n"))
    for old in _checkpoints(folder)[:-CHECKPOINTS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint of the run in `folder`, or None before the first.

    Raises ValueError where the file `latest` is damaged, or what it names is gone.
    """
    latest = folder / "checkpoints" / "latest"
    if not latest.is_file():
        return None
    with latest.open(encoding="utf-8", errors="replace") as file:
        name = file.read(100).strip()
    if not (CHECKPOINT.fullmatch(name) and (latest.parent / name).is_dir()):
        raise ValueError(
            f"{latest} is damaged: write the name of the newest folder beside it into it, such as "
            "step-000010"
        )
    return latest.parent / name


def step_of(checkpoint: Path) -> int:
    """The number of steps taken before a checkpoint, which its name says."""
    return int(checkpoint.name.removeprefix("step-"))


def read_run(folder: Path) -> dict[str, Any]:
    """What run.json says. Raises ValueError unless it is what a run wrote there."""
    path = folder / "run.json"
    run = read_json(path)
    parts = [run.get(name, {}) for name in ("asked", "plan", "model")]
    if not all(isinstance(part, dict) for part in parts) or "asked" not in run:
        raise ValueError(f"{path} is damaged: it does not say what was asked for")
    if ("plan" in run) != ("model" in run):
        raise ValueError(f"{path} is damaged: plan and model are decided together")
    return run


def check_free(folder: Path) -> None:
    """Raise ValueError unless a run can begin in this folder: nothing is there, or is in it.

    What a killed attempt to write the very first file has left does not count, and neither does
    what those have to say who start a training in the background.
    """
    if not folder.exists():
        return
    if not folder.is_dir() or any(
        path.name not in BEFORE_A_RUN and not path.name.endswith(PARTIAL)
        for path in folder.iterdir()
    ):
        raise ValueError(
            f"{folder} exists and is not empty; resume the run in it, or choose another folder"
        )


def clean(folder: Path) -> None:
    """Remove what a killed training left half done: partial writes, steps beyond `latest`."""
    latest = latest_checkpoint(folder)
    with writing(folder):
        for partial in [*folder.glob(f"*{PARTIAL}*"), *folder.glob(f"*/*{PARTIAL}*")]:
            remove(partial)
        for checkpoint in _checkpoints(folder):
            if latest is None or step_of(checkpoint) > step_of(latest):
                remove(checkpoint)


class RunLog(NamedTuple):
    """The two logs of a run as structured arrays: `log.training["loss"]`, one entry a row."""

    training: np.ndarray
    validation: np.ndarray


def read_log(folder: str | Path) -> RunLog:
    """Read `log.csv` and `validation.csv` of a run folder; an empty field reads as nan.

    Raises FileNotFoundError where the folder holds no log, ValueError where it is damaged.
    """
    tables = []
    for name in ("log.csv", "validation.csv"):
        path = Path(folder) / name
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist; is {folder} the folder of a run?")
        try:
            with path.open(encoding="utf-8", newline="") as file:
                header, *rows = csv.reader(file)
            values = [tuple(float(x) if x else np.nan for x in row) for row in rows]
            tables.append(np.array(values, dtype=[(column, "f8") for column in header]))
        except (ValueError, TypeError, csv.Error) as error:
            raise ValueError(f"{path} is damaged: it is not the log of a run") from error
    return RunLog(*tables)


class Sample(NamedTuple):
    """What the model wrote after a prompt when it had learnt for so many steps."""

    step: int
    prompt: str
    text: str  # with the prompt


def read_samples(folder: str | Path) -> list[Sample]:
    """Read `samples.jsonl` of a run folder, oldest first; a line not yet whole is left out.

    Raises FileNotFoundError where the folder holds none, ValueError where it is damaged.
    """
    path = Path(folder) / "samples.jsonl"
    *lines, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
    try:
        samples = [Sample(**json.loads(line)) for line in lines]
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: it is not the samples of a run") from error
    if not all(all(map(isinstance, sample, (int, str, str))) for sample in samples):
        raise ValueError(f"{path} is damaged: a sample is a step and two texts")
    return samples


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


def _checkpoints(folder: Path) -> list[Path]:
    found = (folder / "checkpoints").glob("step-*")
    return sorted((path for path in found if CHECKPOINT.fullmatch(path.name)), key=step_of)
