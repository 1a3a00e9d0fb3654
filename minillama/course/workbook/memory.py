"""What a workbook knows beside its files, from which they are repaired; one writer at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from minillama.system.files import read_json, write_json

MEMORY = ".workbook.json"  # beside my_minillama


@dataclass
class Memory:
    """The numbers of its lessons, the exercises solved, and each module as last adopted."""

    lessons: list[str] = field(default_factory=list)
    solved: list[str] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)


def recall(folder: Path) -> Memory:
    """What a workbook knows. Raises ValueError where the file is damaged, OSError where no file."""
    values = read_json(folder / MEMORY)
    memory = Memory(**{name: values.get(name, there) for name, there in asdict(Memory()).items()})
    texts = [*memory.lessons, *memory.solved, *memory.modules, *dict(memory.modules).values()]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{folder / MEMORY} is damaged")
    return memory


def recalled(folder: Path) -> Memory:
    """The same, and nothing where the file is damaged or missing."""
    try:
        return recall(folder)
    except (OSError, ValueError, TypeError):
        return Memory()


@contextmanager
def writing_to(folder: Path) -> Iterator[Memory]:
    """Let no other notebook, nor the command, write to a workbook, and keep what is remembered."""
    with FileLock(folder / ".workbook.lock"):
        memory = recalled(folder)
        before: dict[str, Any] = asdict(memory)
        yield memory
        if asdict(memory) != before:
            write_json(folder / MEMORY, asdict(memory))
