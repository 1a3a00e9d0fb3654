"""This machine: how many threads and which precision train fastest, found by a short measurement.

Tiny models are often no faster on many threads than on a few, and bfloat16 helps only where the
processor computes in it, so nothing but a clock can tell. The choice is made once and stored in the
run: sums in another order or precision round differently, and a resumed run has to repeat exactly.
"""

import ctypes
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import torch

SMALL = 10**9  # multiplications, some ten milliseconds of one thread
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # what malloc.h calls M_TRIM_THRESHOLD and M_MMAP_MAX
BFLOAT16_GAIN = 0.9  # bfloat16 must take at most this share of float32's time to be chosen
EQUAL = 1.1  # times that differ by less count as equal
QUIET = 0.1  # share of the processors: other programs that use less do not disturb
ROUND = 0.25  # seconds at least, since the system counts processor time in hundredths of seconds
QUIET_ROUNDS = 3  # that are measured, if there are so many within
PATIENCE = 4.0  # seconds


def usable_cpus() -> int:
    """How many processors this process may use (containers and batch systems often allow few)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """How much memory this machine has; where the system does not say, 16 GiB is assumed."""
    if not hasattr(os, "sysconf"):
        return 2**34
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def keep_memory() -> None:
    """From now on, let this process keep the memory of large tensors that are freed, for the next.

    Linux's usual C library (glibc) gives what is larger than 32 MiB, such as the logits of 32 rows
    of 256 tokens, back to the system at once; to get it anew, page by page, took a sixth of a
    training step. Other systems decide for themselves: there this does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; Windows has no name for it
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def threads_for(n_tokens: int, n_parameters: int) -> int:
    """How many threads a forward pass should use: one where it is small, else as many as PyTorch.

    To share a product between threads costs microseconds on an idle machine, but milliseconds where
    another program is busy, and the next product waits for the slowest. A token of a small model is
    made of a hundred products that take less than that altogether.
    """
    return 1 if n_tokens * n_parameters < SMALL else torch.get_num_threads()


@contextmanager
def using_threads(threads: int) -> Iterator[None]:
    """Let PyTorch compute on so many threads inside the block, and as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def precision(dtype: str) -> AbstractContextManager[object]:
    """The block in which a forward pass computes in `dtype`: "float32" or "bfloat16".

    bfloat16 is autocast: weights and the loss stay float32, only the matrix products are rounded.
    """
    if dtype == "float32":
        return nullcontext()
    return torch.autocast("cpu", dtype=torch.bfloat16)


def seconds_for(work: Callable[[], object], repeats: int = 2) -> float:
    """The shortest of `repeats` timed calls, after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def fastest(
    work: Callable[[str], object], threads: int | None = None, dtype: str | None = None
) -> tuple[int, str]:
    """The number of threads and the dtype in which `work(dtype)` takes the least time.

    What is given is not measured. Thread counts are all processors, half of them, and so on to one;
    of counts that are equally fast, the smallest wins, since it waits for other programs least.
    Then bfloat16 is tried on the winner.
    """

    def on(threads: int, dtype: str) -> Callable[[], None]:
        def call() -> None:
            with using_threads(threads):
                work(dtype)

        return call

    if threads is None:
        counts = [usable_cpus()]
        while counts[-1] > 1:
            counts.append(counts[-1] // 2)
        times = in_turns([on(count, dtype or "float32") for count in counts])
        near = [n for n, time in zip(counts, times, strict=True) if time <= EQUAL * min(times)]
        threads = min(near)
    if dtype is None:
        # One thread does not wait for another, so the processor's own time tells more than a clock.
        alone = threads == 1
        slow, fast = in_turns([on(threads, "float32"), on(threads, "bfloat16")], alone)
        dtype = "bfloat16" if fast < BFLOAT16_GAIN * slow else "float32"
    return threads, dtype


def in_turns(works: Sequence[Callable[[], object]], alone: bool = False) -> list[float]:
    """The shortest time that each takes, in turns, round after round.

    Another program can slow down any round, so this continues until enough of them were quiet, or
    its patience ends. There are two rounds at least, and what the first call of all takes longer,
    to get ready, does not count. alone: take the time that this process computed, not the time
    that passed.
    """
    if len(works) == 1:
        return [0.0]  # there is nothing to compare
    clock = time.process_time if alone else time.perf_counter
    shortest = [math.inf] * len(works)
    began, rounds, quiet = time.perf_counter(), 0, 0
    while quiet < QUIET_ROUNDS and (rounds < 2 or time.perf_counter() - began < PATIENCE):
        others, start = Others(), time.perf_counter()
        while not (past := time.perf_counter() - start) or past < ROUND:
            for i, work in enumerate(works):
                before = clock()
                work()
                shortest[i] = min(shortest[i], clock() - before)
        rounds += 1
        quiet += alone or others.processors() < QUIET * usable_cpus()
    return shortest


class Others:
    """How much of the processors other programs use, from when this is made."""

    def __init__(self) -> None:
        self._before = self._now()

    def processors(self) -> float:
        """How many processors they have used on average; 0 where the system does not say."""
        everybody, ours, seconds = (now - then for now, then in zip(
            self._now(), self._before, strict=True))  # fmt: skip
        return max(0.0, everybody - ours) / seconds if seconds > 0 else 0.0

    def _now(self) -> tuple[float, float, float]:
        return _computed_by_all(), time.process_time(), time.perf_counter()


def _computed_by_all() -> float:
    """Seconds that all programs have computed on the processors that we may use (on Linux)."""
    try:
        lines = Path("/proc/stat").read_text(encoding="utf-8").splitlines()
        usable = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        # user, nice, system, idle, waiting for a disk, interrupts of two kinds, stolen
        rows = [list(map(int, line.split()[1:9])) for line in lines if line.split()[0] in usable]
        return sum(sum(row[:3]) + sum(row[5:]) for row in rows) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return 0.0
