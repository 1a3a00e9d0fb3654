"""A training in a process of its own, which outlives whoever starts it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from minillama.runs import control
from minillama.runs.folder import OUTPUT, check_free
from minillama.runs.lock import is_locked
from minillama.system.files import writing
from minillama.training.config import TrainConfig

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
        check_free(folder)
        words = ["--out", str(folder), *_options(config)]
    elif not (folder / "run.json").is_file():
        raise ValueError(f"there is no run in {folder} to resume; start one there")
    if is_locked(folder):
        raise BlockingIOError(f"another training is running in {folder}")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with writing(folder / OUTPUT):
        (folder / control.STATUS).unlink(missing_ok=True)  # of the sitting before
        output = (folder / OUTPUT).open("wb")
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


def _options(config: TrainConfig) -> list[str]:
    """The config as options of `minillama train`; what is not given is left to it."""
    given = {name: value for name, value in config.to_dict().items() if value is not None}
    return [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
