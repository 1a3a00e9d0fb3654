"""A training in a process of its own, which outlives the one that starts it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from minillama.runs.control import STATUS
from minillama.runs.folder import OUTPUT, begin_run, check_free, read_run
from minillama.runs.lock import locked
from minillama.system.files import remove, writing
from minillama.training.config import TrainConfig

_STARTED: list[subprocess.Popen[bytes]] = []  # kept, since somebody has to ask how they ended


def launch(folder: str | Path, config: TrainConfig | None = None) -> subprocess.Popen[bytes]:
    """Start a training in a process of its own: a new run or, without config, the run resumed.

    The process finds its config in the folder, and what it prints goes to output.txt there. It does
    not end with this process.
    Raises ValueError if no run can begin in the folder, FileNotFoundError if there is none to
    resume, BlockingIOError if a training is going on in it, and WriteError if the disk refuses.
    """
    folder = Path(folder)
    if config is None:
        read_run(folder)
    else:
        check_free(folder)
    with locked(folder):
        if config is not None:
            begin_run(folder, config.to_dict())
        with writing(folder / OUTPUT):
            remove(folder / STATUS)  # of the sitting before
            output = (folder / OUTPUT).open("wb")
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        apart = {"creationflags": flags}
    with output:
        process = subprocess.Popen(
            [sys.executable, "-m", "minillama", "train", f"--resume={folder}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **apart,
        )
    _STARTED[:] = [other for other in _STARTED if other.poll() is None] + [process]
    return process
