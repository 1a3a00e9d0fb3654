"""What a run of the bench does, as a list of jobs that fill its report."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import minillama
from minillama.bench.decoding import decoding_speed, decoding_threads
from minillama.bench.lessons import lesson_time, training_lessons
from minillama.bench.limits import Limits, limits, this_machine
from minillama.bench.memory import peak_memory
from minillama.bench.peers import have_peers
from minillama.bench.report import Report
from minillama.bench.same_loss import same_loss
from minillama.bench.shapes import Shape, matmul_parameters, random_batch, shapes
from minillama.bench.starting import first_token
from minillama.bench.training import settings, training_speed
from minillama.inference.compiled import check_compiler

PARTS = ("training", "decoding", "start", "memory", "lessons")
LARGE, SMALL = "A", "B"  # of the shapes; the first is also the one that writes
PROMPT_TOKENS, NEW_TOKENS, ROWS = 32, 200, 32
CURVE_STEPS = 20


@dataclass(frozen=True)
class Job:
    """One measurement; `work` adds its result to the report."""

    label: str
    work: Callable[[], None]


class Bench:
    """A run: its report, and what the measurements share.

    parts: some of PARTS. quick: fewer rounds, fewer shapes and no lessons, unless these are all
    that is asked for. threads: for training; None measures, as `minillama train` does.
    Raises ValueError for a part that there is not, and for less than one thread.
    """

    def __init__(
        self, parts: Collection[str] = PARTS, quick: bool = False, threads: int | None = None
    ) -> None:
        for part in parts:
            if part not in PARTS:
                raise ValueError(f"there is no part {part!r} of the bench: {', '.join(PARTS)}")
        if threads is not None and not 1 <= threads <= 1024:
            raise ValueError(f"--threads must be from 1 to 1024, not {threads}")
        self.parts = [part for part in PARTS if part in parts]
        self.quick, self.threads = quick, threads
        self.rounds = 2 if quick else 5
        self.shapes = shapes()
        self.report = Report(minillama.__version__, quick, this_machine())
        self._settings: dict[str, tuple[int, str]] = {}

    def jobs(self) -> list[Job]:
        """What there is to do, in order."""
        return [job for part in self.parts for job in getattr(self, f"_{part}")()]

    def carry_out(self, job: Job) -> None:
        """Do a job; where it cannot be done here, the report says so."""
        try:
            job.work()
        except (ValueError, FileNotFoundError, ModuleNotFoundError) as error:
            self.report.missing.append(f"{job.label}: {' '.join(str(error).split())}")

    def settings(self, shape: Shape) -> tuple[int, str]:
        """Threads and dtype for training a shape, measured once."""
        if shape.name not in self._settings:
            self._settings[shape.name] = settings(shape, self.threads)
        return self._settings[shape.name]

    def limits(self, threads: int) -> Limits:
        """What so many threads can do at best, measured once."""
        known = {at.threads: at for at in self.report.limits}
        if threads not in known:
            products = {
                f"gate of {name}": (shape.tokens, shape.config.dim, shape.config.hidden_dim)
                for name, shape in self.shapes.items()
                if shape.preset is None
            }
            weights = 4 * matmul_parameters(self.shapes[LARGE].config)
            known[threads] = limits(threads, products, weights)
            self.report.limits.append(known[threads])
        return known[threads]

    def _training(self) -> list[Job]:
        names = (SMALL, LARGE) if self.quick else tuple(self.shapes)
        jobs = [
            Job(f"training {name}", partial(self._one_training, self.shapes[name]))
            for name in names
        ]
        if not have_peers():
            self.report.missing.append(
                "comparison: transformers is not installed (pip install transformers)"
            )
            return jobs
        return [*jobs, Job("comparing losses", self._same_loss)]

    def _one_training(self, shape: Shape) -> None:
        threads, dtype = self.settings(shape)
        at = self.limits(threads)
        self.report.training.append(training_speed(shape, threads, dtype, self.rounds, at))

    def _same_loss(self) -> None:
        shape = self.shapes[SMALL]
        batches = [random_batch(shape, seed) for seed in range(CURVE_STEPS)]
        self.report.same_loss = same_loss(shape, batches)

    def _decoding(self) -> list[Job]:
        return [Job("decoding", self._one_decoding)]

    def _one_decoding(self) -> None:
        shape = self.shapes[LARGE]
        at = self.limits(decoding_threads(shape))
        compiled = not self.quick
        if compiled:
            try:
                check_compiler()
            except ValueError as error:
                compiled = False
                self.report.missing.append(f"compiled decoding: {error}")
        self.report.decoding = decoding_speed(
            shape, at, self.rounds, PROMPT_TOKENS, NEW_TOKENS, ROWS, compiled
        )

    def _start(self) -> list[Job]:
        return [Job("first token", self._first_token)]

    def _first_token(self) -> None:
        self.report.first_token = first_token(3)

    def _memory(self) -> list[Job]:
        training = [LARGE] if self.quick else list(self.shapes)
        jobs = [Job(f"memory of training {name}", partial(self._peak, name)) for name in training]
        for rows in (1,) if self.quick else (1, ROWS):
            work = partial(self._peak_writing, rows)
            jobs.append(Job(f"memory of {rows} texts" if rows > 1 else "memory of a text", work))
        return jobs

    def _peak(self, name: str) -> None:
        shape = self.shapes[name]
        threads, dtype = self.settings(shape)
        peak = peak_memory("training", name, shape.batch_size, threads, dtype)
        self.report.memory.append(peak)

    def _peak_writing(self, rows: int) -> None:
        self.report.memory.append(peak_memory("decoding", LARGE, rows))

    def _lessons(self) -> list[Job]:
        if self.quick and self.parts != ["lessons"]:
            return []
        return [
            Job(f"lesson {path.stem}", partial(self._lesson, path)) for path in training_lessons()
        ]

    def _lesson(self, path: Path) -> None:
        self.report.lessons.append(lesson_time(path))
