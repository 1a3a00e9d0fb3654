"""Peak memory of training and of writing, each in a process of its own.

Only a fresh process has a peak that is its own: memory once asked for is seldom given back.
The peak is the kernel's VmHWM where there is /proc, and getrusage's ru_maxrss on other Unix systems
(on Linux that one can be the parent's, from before the new program was loaded). Windows keeps
neither where the standard library can ask for it, so there nothing is measured.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class PeakMemory:
    """The most memory that a process ever held, in MiB, and how much of that came after imports."""

    what: str
    shape: str
    rows: int
    total_mib: float
    own_mib: float


def peak_memory(
    what: str, shape: str, rows: int = 1, threads: int = 1, dtype: str = "float32"
) -> PeakMemory:
    """Measure two steps of "training", or `rows` texts of "decoding", of the shape of this name.

    Raises ValueError where this system does not tell, or where the process fails.
    """
    if peak_mib() is None:
        raise ValueError("this system does not say how much memory a process has held")
    asked = {"what": what, "shape": shape, "rows": rows, "threads": threads, "dtype": dtype}
    done = subprocess.run(
        [sys.executable, "-m", "minillama.bench.memory", json.dumps(asked)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ValueError(f"the process that measures memory failed: {last}")
    return PeakMemory(**json.loads(done.stdout))


def peak_mib() -> float | None:
    """The most memory that this process has held until now, or None where nobody knows."""
    if STATUS.exists():
        for line in STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024  # bytes, or KiB


def measure(what: str, shape: str, rows: int, threads: int, dtype: str) -> PeakMemory:
    """Do the work in this process, and look at its peak before and after."""
    from minillama.bench.shapes import shapes
    from minillama.bench.training import our_step
    from minillama.inference.engine import generate_batch
    from minillama.system.machine import keep_memory, using_threads
    from minillama.training.checkpoint import new_model

    chosen, imported = shapes()[shape], peak_mib()
    with using_threads(threads):
        if what == "training":
            keep_memory()
            step = our_step(chosen, chosen.batch(), chosen.plan(threads, dtype))
            step()
            step()  # only now with what the optimiser remembers
        else:
            model, prompt = new_model(chosen.config, 0), [1] * 32
            for _ in generate_batch(model, [prompt] * rows, max_new_tokens=200, temperature=0):
                pass
    total = peak_mib()
    assert imported is not None and total is not None
    return PeakMemory(what, shape, rows, total, total - imported)


if __name__ == "__main__":
    print(json.dumps(asdict(measure(**json.loads(sys.argv[1])))))
