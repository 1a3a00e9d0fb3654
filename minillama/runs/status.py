"""What a run folder says of its run, for those who watch from outside: one cheap look at it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from statistics import fmean
from typing import Any

from minillama.runs import control
from minillama.runs.folder import OUTPUT, read_run
from minillama.runs.lock import is_locked

TAIL = 8192  # bytes of a log that are read: a few dozen rows
SMOOTHED = 20  # steps over which the training loss and the speed are averaged
UNDER_WAY = ("starting", "training", "paused")
YOUNG = 60.0  # seconds after which a start that nobody hears of has come to nothing
ERROR = "minillama: error: "  # how the command says what was wrong


@dataclass(frozen=True)
class Look:
    """A run at a moment.

    state: "not begun", "starting", "training", "paused", "stopped", "finished" or "failed"; words:
    more on it, a sentence or nothing. alive: whether a training holds the folder, and so listens.
    """

    state: str
    words: str = ""
    alive: bool = False
    asked: str = ""  # of the run, and not done yet
    steps: int | None = None  # in all, once that is decided
    step: int = 0
    seconds: float = 0.0  # spent training
    loss: float | None = None  # nats per token, over the last steps' batches
    validation: float | None = None  # nats per token, at the last look at unseen text
    floor: float | None = None  # nats per token
    tokens_per_second: float | None = None  # over the last steps
    size: int = 0  # of the logs in bytes, which grows with every row

    @property
    def seconds_left(self) -> float | None:
        """To the end of the run, at the pace so far."""
        if not self.step or self.steps is None:
            return None
        return self.seconds / self.step * (self.steps - self.step)


def look(folder: str | Path, launched: bool | None = None) -> Look:
    """What the run in a folder is doing now; never an error, whatever is or is not there.

    launched: whether a process that was started for it still lives, for those who know.
    """
    folder = Path(folder)
    alive, status = is_locked(folder), control.said(folder)
    state, words = str(status.get("state", "")), str(status.get("words", ""))
    progress = _progress(folder, status)
    if alive:
        state, words = (state, words) if state in UNDER_WAY else ("starting", "")
    elif launched if launched is not None else just_launched(folder):
        if state not in ("stopped", "finished", "failed"):  # else it is just leaving
            state, words = "starting", ""
    elif said := "" if status else complaint(folder):
        state, words = "failed", said
    elif state in UNDER_WAY:
        state, words = "stopped", "The process was ended from outside"
    elif state not in ("stopped", "finished", "failed"):
        state = _state_without_status(folder, progress)
    return Look(state, words, alive, control.asked(folder), **progress)


def _state_without_status(folder: Path, progress: Mapping[str, Any]) -> str:
    """Of a run that was killed before it said anything, or is of an older version."""
    if not (folder / "run.json").is_file():
        return "not begun"
    whole = progress.get("step") == progress["steps"] and (folder / "model.safetensors").is_file()
    return "finished" if whole else "stopped"


def _progress(folder: Path, status: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a Look."""
    facts: dict[str, Any] = {"steps": _steps(folder), "size": _size(folder)}
    floor = status.get("floor")
    facts["floor"] = floor if isinstance(floor, float) else None
    if rows := _tail(folder / "log.csv", ("step", "seconds", "loss", "tokens_per_second")):
        facts |= {"step": int(rows[-1]["step"]), "seconds": rows[-1]["seconds"]}
        for name in ("loss", "tokens_per_second"):
            facts[name] = fmean(row[name] for row in rows[-SMOOTHED:])
    if rows := _tail(folder / "validation.csv", ("loss",)):
        facts |= {"validation": rows[-1]["loss"], "floor": rows[-1].get("floor", facts["floor"])}
    return facts


def _steps(folder: Path) -> int | None:
    try:
        steps = read_run(folder).get("plan", {}).get("steps")
    except (OSError, ValueError):
        return None
    return steps if isinstance(steps, int) and steps > 0 else None


def _size(folder: Path) -> int:
    size = 0
    for name in ("log.csv", "validation.csv", "samples.jsonl"):
        try:
            size += (folder / name).stat().st_size
        except OSError:
            continue
    return size


def _tail(path: Path, columns: tuple[str, ...]) -> list[dict[str, float]]:
    """The last whole rows of a log in which these columns hold numbers; empty fields are left out.

    Rows that are damaged are left out too.
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
            fields = zip(header, line.split(","), strict=True)
            row = {name: float(value) for name, value in fields if value}
        except ValueError:  # the first of them may have lost its beginning
            continue
        if all(isfinite(row.get(name, nan)) for name in columns):
            rows.append(row)
    return rows


def complaint(folder: Path) -> str:
    """The sentence in which a training in the background said why it could not go on, or ""."""
    try:
        with (folder / OUTPUT).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 4000))
            printed = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    last = printed.strip().rpartition("\n")[2].strip()
    if last.startswith(ERROR):
        return last.removeprefix(ERROR)
    return last if "Traceback" in printed else ""


def just_launched(folder: Path) -> bool:
    """Whether a training was started here a moment ago, and has not come to say anything yet."""
    try:
        age = time.time() - (folder / OUTPUT).stat().st_mtime
    except OSError:
        return False
    return age < YOUNG and not complaint(folder) and not control.said(folder)
