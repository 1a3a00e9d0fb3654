"""A training in a process of its own, which outlives whoever starts it."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from minillama import control, runs
from minillama.disk import writing
from minillama.lock import is_locked
from minillama.recipe import TrainConfig

YOUNG = 60.0  # seconds after which a start that nobody hears of has come to nothing
ERROR = "minillama: error: "  # how the command says what was wrong
_STARTED: list[subprocess.Popen[bytes]] = []  # kept, since somebody has to ask how they ended


def launch(folder: str | Path, config: TrainConfig | None = None) -> subprocess.Popen[bytes]:
    """Start a training in a process of its own: a new run, or, without config, the run resumed.

    What it prints goes to output.txt in the folder. The process does not end with this one.
    Raises ValueError where no run can begin in the folder or none is there to resume,
    BlockingIOError where a training is going on in it, and WriteError where it cannot be written.
    """
    folder = Path(folder)
    words: list[str] = ["--resume", str(folder)]
    if config is not None:
        runs.check_free(folder)
        words = ["--out", str(folder), *_options(config)]
    elif not (folder / "run.json").is_file():
        raise ValueError(f"there is no run in {folder} to resume; start one there")
    if is_locked(folder):
        raise BlockingIOError(f"another training is running in {folder}")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with writing(folder / runs.OUTPUT):
        (folder / control.STATUS).unlink(missing_ok=True)  # of the sitting before
        output = (folder / runs.OUTPUT).open("wb")
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        apart = {"creationflags": flags}
    with output:
        process = subprocess.Popen(
            [sys.executable, "-m", "minillama", "train", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **apart,
        )
    _STARTED[:] = [other for other in _STARTED if other.poll() is None] + [process]
    return process


def complaint(folder: Path) -> str:
    """The sentence in which a training in the background said why it could not go on, or ""."""
    try:
        with (folder / runs.OUTPUT).open("rb") as file:
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
        age = time.time() - (folder / runs.OUTPUT).stat().st_mtime
    except OSError:
        return False
    return age < YOUNG and not complaint(folder) and not control.said(folder)


def _options(config: TrainConfig) -> list[str]:
    """The config as options of `minillama train`; what is not given is left to it."""
    given = {name: value for name, value in config.to_dict().items() if value is not None}
    return [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
