"""What a run is doing, read from its folder by those who watch from outside: one cheap look."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from statistics import fmean
from typing import Any

from minillama.runs import control
from minillama.runs.folder import OUTPUT, RUN, read_run
from minillama.runs.lock import is_locked
from minillama.runs.logs import LOG, SAMPLES, VALIDATION, read_tail

SMOOTHED = 20  # steps over which the training loss and the speed are averaged
UNDER_WAY = ("starting", "training", "paused")
YOUNG = 60.0  # seconds after which a training that was started and says nothing has failed
ERROR = "minillama: error: "  # how the command says what was wrong


@dataclass(frozen=True)
class Look:
    """A run at one moment.

    state: "not begun", "starting", "training", "paused", "stopped", "finished" or "failed"; words:
    more about it, a sentence or nothing. alive: whether a training holds the folder, and so
    listens to requests.
    """

    state: str
    words: str = ""
    alive: bool = False
    requested: control.Request | None = None  # and not done yet
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

    launched: whether a process that was started for it is still alive, if the caller knows.
    """
    folder = Path(folder)
    alive, status = is_locked(folder), control.read_status(folder)
    state, words = str(status.get("state", "")), str(status.get("words", ""))
    progress = _progress(folder, status)
    if alive:
        state, words = (state, words) if state in UNDER_WAY else ("starting", "")
    elif launched if launched is not None else just_launched(folder):
        if state not in ("stopped", "finished", "failed"):  # else it is just leaving
            state, words = "starting", ""
    elif problem := "" if status else complaint(folder):
        state, words = "failed", problem
    elif state in UNDER_WAY:
        state, words = "stopped", "The process was ended from outside"
    elif state not in ("stopped", "finished", "failed"):
        state = _state_without_status(folder, progress)
    return Look(state, words, alive, control.requested(folder), **progress)


def _state_without_status(folder: Path, progress: Mapping[str, Any]) -> str:
    """The state of a run that was killed before it wrote one, or is of an older version."""
    if not (folder / RUN).is_file():
        return "not begun"
    whole = progress.get("step") == progress["steps"] and (folder / "model.safetensors").is_file()
    return "finished" if whole else "stopped"


def _progress(folder: Path, status: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a Look."""
    facts: dict[str, Any] = {"steps": _steps(folder), "size": _size(folder)}
    floor = status.get("floor")
    facts["floor"] = floor if isinstance(floor, float) else None
    if rows := read_tail(folder / LOG, ("step", "seconds", "loss", "tokens_per_second")):
        facts |= {"step": int(rows[-1]["step"]), "seconds": rows[-1]["seconds"]}
        for name in ("loss", "tokens_per_second"):
            facts[name] = fmean(row[name] for row in rows[-SMOOTHED:])
    if rows := read_tail(folder / VALIDATION, ("loss",)):
        facts["validation"] = rows[-1]["loss"]
        if isfinite(floor := rows[-1].get("floor", nan)):
            facts["floor"] = floor
    return facts


def _steps(folder: Path) -> int | None:
    try:
        steps = read_run(folder).get("plan", {}).get("steps")
    except (OSError, ValueError):
        return None
    return steps if isinstance(steps, int) and steps > 0 else None


def _size(folder: Path) -> int:
    size = 0
    for name in (LOG, VALIDATION, SAMPLES):
        try:
            size += (folder / name).stat().st_size
        except OSError:
            continue
    return size


def complaint(folder: Path) -> str:
    """The sentence in which a training in the background said why it failed, or ""."""
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
    """Whether a training was started here a moment ago, and has not written a status yet."""
    try:
        age = time.time() - (folder / OUTPUT).stat().st_mtime
    except OSError:
        return False
    return age < YOUNG and not complaint(folder) and not control.read_status(folder)
