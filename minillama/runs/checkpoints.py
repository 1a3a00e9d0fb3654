"""The checkpoints of a run folder: how they are named, which one is the newest, which ones stay.

What is in a checkpoint is known to minillama.training.checkpoint.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from minillama.system.files import remove, write_atomically, write_text, writing

CHECKPOINTS_KEPT = 2
NAME = re.compile("step-[0-9]{6,18}")


def save_checkpoint(folder: Path, step: int, write: Callable[[Path], object]) -> Path:
    """Add the checkpoint of `step` to the run in `folder`, point `latest` at it, drop old ones.

    `write(path)` fills the new folder. The two newest checkpoints stay.
    """
    target = folder / "checkpoints" / step_name(step)
    with writing(target.parent):
        target.parent.mkdir(exist_ok=True)
    if latest_checkpoint(folder) != target:
        write_atomically(target, write)
        write_text(target.with_name("latest"), target.name + "\n")
    for old in _checkpoints(folder)[:-CHECKPOINTS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint of the run in `folder`, or None before the first.

    Raises ValueError if the file `latest` is damaged, or what it names is gone.
    """
    latest = folder / "checkpoints" / "latest"
    if not latest.is_file():
        return None
    with latest.open(encoding="utf-8", errors="replace") as file:
        name = file.read(100).strip()
    if not (NAME.fullmatch(name) and (latest.parent / name).is_dir()):
        raise ValueError(
            f"{latest} is damaged: write the name of the newest folder beside it into it, such as "
            "step-000010"
        )
    return latest.parent / name


def remove_later_than_latest(folder: Path) -> None:
    """Remove checkpoints that were being saved when the training was killed."""
    latest = latest_checkpoint(folder)
    for checkpoint in _checkpoints(folder):
        if latest is None or step_of(checkpoint) > step_of(latest):
            remove(checkpoint)


def step_name(step: int) -> str:
    """The name of what is saved after so many steps: `step-000010`."""
    return f"step-{step:06d}"


def step_of(checkpoint: Path) -> int:
    """The number of steps taken before a checkpoint, which its name says."""
    return int(checkpoint.name.removeprefix("step-"))


def _checkpoints(folder: Path) -> list[Path]:
    found = (folder / "checkpoints").glob("step-*")
    return sorted((path for path in found if NAME.fullmatch(path.name)), key=step_of)
