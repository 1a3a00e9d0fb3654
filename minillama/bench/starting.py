"""How long it takes from starting `minillama generate` until the first text is there."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

COMMAND = ("-m", "minillama", "generate", "--seed", "0", "--max-new-tokens", "8")


@dataclass(frozen=True)
class FirstToken:
    """Seconds from starting the process, Python's own start and torch's import included."""

    seconds: list[float]
    least: float
    median: float


def first_token(repeats: int, command: Sequence[str] = COMMAND) -> FirstToken:
    """Start the command in fresh processes of this Python, and wait for the first byte.

    Raises ValueError with what it said where it writes none.
    """
    seconds = [seconds_until_text(command) for _ in range(repeats)]
    return FirstToken(seconds, min(seconds), median(seconds))


def seconds_until_text(command: Sequence[str]) -> float:
    """Of one process."""
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        first = process.stdout.read(1)
        seconds = time.perf_counter() - start
        _, said = process.communicate()
    if not first:
        words = " ".join(said.decode(errors="replace").split())
        raise ValueError(f"minillama generate wrote nothing: {words or 'it said nothing'}")
    return seconds
