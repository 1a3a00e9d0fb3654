"""What a training and its watchers tell each other, through two small files in the run folder.

control      "pause" or "stop", written by anyone who requests it; without the file, nothing is
             requested
status.json  what the run is doing, and what went wrong if it failed, written by the run alone

Files work the same on all systems, from any process, and after the process that wrote them has
ended; signals do none of that. The training loop looks for a request between steps.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from minillama.system.files import insist, read_json, remove, write_json, writing

CONTROL, STATUS = "control", "status.json"
LOOK = 0.1  # seconds between two looks of a run that is paused

Request = Literal["pause", "stop"]


class StopRequested(Exception):
    """The run was asked to save and end."""


def request(folder: str | Path, what: Request) -> None:
    """Ask the run in a folder to save after its current step, and then to wait or to end."""
    path = Path(folder) / CONTROL
    with writing(path):
        # Not atomically: two may write at once, and half a word requests nothing.
        insist(lambda: path.write_text(what, encoding="utf-8"))


def resume(folder: str | Path) -> None:
    """Withdraw whatever was requested: a paused run continues."""
    path = Path(folder) / CONTROL
    with writing(path):
        remove(path)


def requested(folder: str | Path) -> Request | None:
    """What the run in a folder is asked to do, if anything. A damaged file requests nothing."""
    try:
        with (Path(folder) / CONTROL).open("rb") as file:
            word = file.read(20).strip()
    except OSError:  # usually there is none
        return None
    return "pause" if word == b"pause" else "stop" if word == b"stop" else None


def wait_while_paused(folder: Path) -> None:
    """Return when the run is no longer asked to pause."""
    while requested(folder) == "pause":
        time.sleep(LOOK)


def stop_if_requested(folder: Path) -> None:
    """Raise StopRequested if the run is asked to stop."""
    if requested(folder) == "stop":
        resume(folder)  # the request is granted, and must not stop the next sitting too
        raise StopRequested


def write_status(folder: Path, state: str, words: str = "", **facts: float | int | None) -> None:
    """Write down what the run is doing: "starting", "training", "paused", "stopped", ..."""
    write_json(folder / STATUS, {"state": state, "words": words} | facts)


def read_status(folder: str | Path) -> Mapping[str, Any]:
    """What the run in a folder wrote last; empty if there is nothing that can be read."""
    try:
        status = read_json(Path(folder) / STATUS)
    except (OSError, ValueError):
        return {}
    return status if all(isinstance(status.get(n), str) for n in ("state", "words")) else {}
