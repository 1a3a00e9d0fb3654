"""What several subcommands print: commands to go on with, times, numbers with their unit."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minillama.runs.reference import Reference

from minillama.runs.folder import read_run
from minillama.training.config import BOTH, LANGUAGES


def command(
    *words: str | Path, program: tuple[str, ...] = ("minillama",), module: str = "minillama"
) -> str:
    """A command line that works when it is pasted where the reader is now.

    `module` is what Python runs as `program`, which is ours if nothing is said.
    """
    here = Path(sys.executable)
    found = shutil.which(program[0])
    if not found or Path(found).parent != here.parent:
        # the environment is not activated, as after `make train`
        near = here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here
        program = (str(near), "-m", module)
    line = [*program, *map(str, words)]
    return subprocess.list2cmdline(line) if os.name == "nt" else shlex.join(line)


def compared(reference: "Reference") -> str:
    """What others reach on the text that a run held out."""
    return (
        f"for comparison: {reference.bits_per_byte:.3f} bits per byte by a {reference.n}-gram "
        f"model of the training text, {reference.lzma:.3f} by lzma, {reference.gzip:.3f} by gzip"
    )


def clock(seconds: float) -> str:
    """Seconds as 4:05, or as 1:04:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def language_learned(name: str) -> str:
    """The language of the stories that a model was trained on, if its folder is that of a run."""
    from minillama.weights import find_model

    folder = find_model(name)
    try:
        language = read_run(folder).get("plan", {}).get("language")
    except (FileNotFoundError, ValueError):  # no run, or one whose file is damaged
        return BOTH
    return language if language in LANGUAGES else BOTH
