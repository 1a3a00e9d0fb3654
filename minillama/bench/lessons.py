"""How long the training lessons take on this machine: by running them.

A prediction from tokens and speed was considered. It would need a count of tokens in each lesson
that nothing holds true, and would leave out the rest: checks, pictures, widgets. A lesson is made
to take less than a minute, so running it is both simpler and right.

A lesson trains if a code cell of it takes steps of an optimiser or starts a training, as its source
tells; nobody has to say so a second time.
"""

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

TRAINS = re.compile(r"\.step\(\)|\btake_step\(|\btrain(?:_briefly)?\(|minillama[ \"',]+train\b")


@dataclass(frozen=True)
class LessonTime:
    """Seconds from an idle file to its last cell, the kernel's start included, and its budget."""

    lesson: str
    seconds: float
    budget_seconds: float


def training_lessons() -> list[Path]:
    """The notebooks that train, in order."""
    from minillama.course.source.taught import lessons

    return [lesson.path for lesson in lessons() if trains(lesson.path)]


def trains(path: Path) -> bool:
    """Whether a code cell of the notebook takes steps of an optimiser or starts a training."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return any(
        TRAINS.search("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"
    )


def lesson_time(path: Path) -> LessonTime:
    """Execute a lesson in a fresh kernel; the file is left as it is.

    Raises ModuleNotFoundError without the course's packages, and ValueError where a cell fails.
    """
    from minillama.system.notebooks import LessonError, execute

    start = time.perf_counter()
    try:
        notebook = execute(path)
    except LessonError as error:  # of many lines: the cell and its traceback
        last = str(error).strip().splitlines()[-1]
        raise ValueError(f"it ends with {last}") from error
    seconds = time.perf_counter() - start
    return LessonTime(path.stem, seconds, float(notebook.metadata["minillama"]["budget_seconds"]))
