"""This machine: how many threads and which precision train fastest, found by a short measurement.

Tiny models are often no faster on many threads than on a few, and bfloat16 helps only where the
processor computes in it, so nothing but a clock can tell. The choice is made once and stored in the
run: sums in another order or precision round differently, and a resumed run has to repeat exactly.
"""

import ctypes
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

SMALL = 10**9  # multiplications, some ten milliseconds of one thread
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # what malloc.h calls M_TRIM_THRESHOLD and M_MMAP_MAX
BFLOAT16_GAIN = 0.9  # bfloat16 must take at most this share of float32's time to be chosen


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

    What is given is not measured. Thread counts are tried from all processors downward, halving,
    until fewer is slower; then bfloat16 on the winner.
    """

    def seconds(threads: int, dtype: str) -> float:
        with using_threads(threads):
            return seconds_for(lambda: work(dtype))

    if threads is None:
        count = usable_cpus()
        threads, best = count, seconds(count, dtype or "float32") if count > 1 else 0.0
        while count > 1:
            count //= 2
            time_now = seconds(count, dtype or "float32")
            if time_now >= best:
                break
            threads, best = count, time_now
    if dtype is None:
        gain = seconds(threads, "bfloat16") / seconds(threads, "float32")
        dtype = "bfloat16" if gain < BFLOAT16_GAIN else "float32"
    return threads, dtype
