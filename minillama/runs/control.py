"""What a training and those outside it tell each other, through two small files in its folder.

control      "pause" or "stop", written by whoever wants it; without the file the run goes on
status.json  what the run does, and what went wrong if it failed, written by the run alone

Files work alike on all systems, from any process, and after whoever wrote them has ended; signals
do none of that. The training loop looks for the first between steps.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from minillama.system.files import read_json, write_json, write_text, writing

CONTROL, STATUS = "control", "status.json"
LOOK = 0.1  # seconds from one look of a run that waits to the next

Word = Literal["", "pause", "stop"]


def pause(folder: str | Path) -> None:
    """Ask the run in a folder to save and wait after the step that it is in."""
    _ask(Path(folder), "pause")


def stop(folder: str | Path) -> None:
    """Ask the run in a folder to save and end after the step that it is in, as Ctrl-C does."""
    _ask(Path(folder), "stop")


def go_on(folder: str | Path) -> None:
    """Take back whatever was asked: a run that waits goes on."""
    path = Path(folder) / CONTROL
    with writing(path):
        _insist(lambda: path.unlink(missing_ok=True))


def asked(folder: str | Path) -> Word:
    """What the run in a folder is asked to do: "pause", "stop", or "" for nothing out of the way.

    A file that is damaged asks for nothing.
    """
    try:
        with (Path(folder) / CONTROL).open("rb") as file:
            word = file.read(20).strip()
    except OSError:  # as a rule there is none
        return ""
    return "pause" if word == b"pause" else "stop" if word == b"stop" else ""


def wait_while_paused(folder: Path) -> None:
    """Return when the run is no longer asked to pause."""
    while asked(folder) == "pause":
        time.sleep(LOOK)


def stop_if_asked(folder: Path) -> None:
    """Raise KeyboardInterrupt, as Ctrl-C does, where the run is asked to stop."""
    if asked(folder) == "stop":
        go_on(folder)  # what was asked is done, and is not to stop the next sitting too
        raise KeyboardInterrupt


def say(folder: Path, state: str, words: str = "", **facts: float | int | None) -> None:
    """Write down what the run does: "starting", "training", "paused", "stopped", ..."""
    write_json(folder / STATUS, {"state": state, "words": words} | facts)


def said(folder: str | Path) -> Mapping[str, Any]:
    """What the run in a folder said last; empty where there is nothing that could be read."""
    try:
        status = read_json(Path(folder) / STATUS)
    except (OSError, ValueError):
        return {}
    return status if all(isinstance(status.get(n), str) for n in ("state", "words")) else {}


def _ask(folder: Path, word: Word) -> None:
    path = folder / CONTROL
    with writing(path):
        _insist(lambda: write_text(path, word + "\n"))


def _insist(work: Any) -> None:
    """Windows refuses to change a file while somebody reads it, which takes no time here."""
    for _ in range(20):
        try:
            return work()
        except PermissionError:
            time.sleep(0.01)
    work()
