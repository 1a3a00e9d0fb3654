"""This machine, and how fast it can be at best: matrix products and reading memory, measured.

Nearly all the arithmetic of a LLaMA is matrix products, so training cannot be faster than they are;
and a token that is written needs every weight once, so writing one text cannot be faster than the
weights are read.
"""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from minillama.bench.turns import least_seconds
from minillama.system.machine import memory_bytes, usable_cpus, using_threads

SQUARE = (1024, 1024, 1024)  # large enough to be limited by arithmetic alone
COPIED = 2**28  # bytes, more than any cache of a processor for laptops
REPEATS = 12  # of which the fastest counts: a neighbour can only slow a product down


@dataclass(frozen=True)
class Machine:
    """What the measurements ran on."""

    processor: str
    cpus: int  # that this process may use
    memory_gib: float
    system: str
    python: str
    torch: str
    transformers: str | None  # None where it is not installed


@dataclass(frozen=True)
class Product:
    """A product of an (m, k) and a (k, n) matrix, in 10^9 operations a second of either type."""

    what: str
    m: int
    k: int
    n: int
    float32: float
    bfloat16: float


@dataclass(frozen=True)
class Limits:
    """What so many threads reach at best: `products`, the first a large square, and memory.

    copy_gb_s: 10^9 bytes read and written in a second, in a copy that fits into no cache.
    read_gb_s: the same of read_bytes read over and over, which a cache may hold.
    """

    threads: int
    products: list[Product]
    copy_gb_s: float
    read_gb_s: float
    read_bytes: int

    def flops(self, dtype: str) -> float:
        """The most operations a second in this type that any of the products reached."""
        return 1e9 * max(getattr(product, dtype) for product in self.products)


def this_machine() -> Machine:
    """What this is."""
    try:
        transformers = version("transformers")
    except PackageNotFoundError:
        transformers = None
    return Machine(
        processor=processor_name(),
        cpus=usable_cpus(),
        memory_gib=memory_bytes() / 2**30,
        system=platform.platform(),
        python=platform.python_version(),
        torch=torch.__version__,
        transformers=transformers,
    )


def processor_name() -> str:
    """The processor's own name where the system tells it, else its kind, such as x86_64."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    named = os.environ.get("PROCESSOR_IDENTIFIER", "")  # on Windows
    return platform.processor() or named or platform.machine()


def limits(threads: int, shapes: dict[str, tuple[int, int, int]], read_bytes: int) -> Limits:
    """Measure products of a large square and of these shapes (m, k, n), and memory."""
    with using_threads(threads):
        shapes = {"large square": SQUARE} | shapes
        products = [product(what, *shape) for what, shape in shapes.items()]
        return Limits(threads, products, copy_rate(COPIED), read_rate(read_bytes), read_bytes)


def product(what: str, m: int, k: int, n: int) -> Product:
    """Measure one product."""
    rates = []
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.randn(m, k, dtype=dtype), torch.randn(k, n, dtype=dtype)
        out = torch.empty(m, n, dtype=dtype)
        # several at once where one is over before a clock can tell
        times = max(1, 10**8 // (m * k * n))
        seconds = least_seconds(lambda: [torch.mm(a, b, out=out) for _ in range(times)], REPEATS)  # noqa: B023
        rates.append(times * 2e-9 * m * k * n / seconds)
    return Product(what, m, k, n, *rates)


def copy_rate(n_bytes: int) -> float:
    """10^9 bytes a second of a copy of so many, each read once and written once."""
    source = torch.ones(n_bytes // 4)
    target = torch.empty_like(source)
    return 2e-9 * source.nbytes / least_seconds(lambda: target.copy_(source), 3)


def read_rate(n_bytes: int) -> float:
    """10^9 bytes a second of adding up so many in float32, again and again.

    A sum needs each number once, as writing a token does, and next to no arithmetic. (A matrix
    times a vector would be nearer to what is done, but that is slower than memory, so no limit.)
    """
    numbers = torch.ones(max(1, n_bytes // 4))
    return 1e-9 * numbers.nbytes / least_seconds(lambda: numbers.sum(), 20)
