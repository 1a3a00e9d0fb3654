"""Find a check by the name of what it checks: `CHECKS["RMSNorm"]`.

The known mistakes of a check stand in a file of its name, lesson_07/RMSNorm.txt, so names are known
without an import. A lesson is imported when one of its checks is asked for.
"""

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path

from minillama.course import lessons
from minillama.course.checking.check import Check
from minillama.course.checking.mistakes import read_check


class Checks(Mapping[str, Check]):
    """The checks of all lessons. To go through them all imports all lessons."""

    def __init__(self) -> None:
        self.loaded: dict[str, Check] = {}

    @cached_property
    def files(self) -> dict[str, Path]:
        """The file of each check's mistakes. Raises ValueError where two are of one name."""
        found: dict[str, Path] = {}
        for place in lessons.__path__:
            for file in sorted(Path(place).glob("lesson_*/*.txt")):
                if other := found.get(file.stem):
                    raise ValueError(f"two checks are called {file.stem}: {other} and {file}")
                found[file.stem] = file
        return found

    def __getitem__(self, name: str) -> Check:
        if name not in self.loaded:
            for check in self._of_lesson(self.files[name].parent):
                self.loaded.setdefault(check.name, check)
        if name not in self.loaded:
            raise ValueError(f"{self.files[name]} stands beside no check of {name}")
        return self.loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __contains__(self, name: object) -> bool:
        return name in self.files

    def _of_lesson(self, folder: Path) -> Iterator[Check]:
        """The checks that a lesson's modules define, with their mistakes."""
        found: dict[str, tuple[Check, Path]] = {}
        for module in pkgutil.iter_modules([str(folder)]):
            lesson = import_module(f"{lessons.__name__}.{folder.name}.{module.name}")
            file = folder / f"{module.name}.py"
            for check in [value for value in vars(lesson).values() if isinstance(value, Check)]:
                first, place = found.setdefault(check.name, (check, file))
                if first is not check:
                    raise ValueError(f"two checks are called {check.name}: in {place} and {file}")
        for name, (check, place) in found.items():
            there, right = self.files.get(name), folder / f"{name}.txt"
            if there != right:
                raise ValueError(
                    f"{place} checks {name}, whose mistakes are in {there}, not {right}"
                )
            if not check.hints:  # it has not been read yet
                check.hints, mistakes = read_check(right)
                check.mistakes = (*check.mistakes, *mistakes)
                check.module = check.module or f"course.lessons.{folder.name}.solutions"
            yield check


CHECKS = Checks()
