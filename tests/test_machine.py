"""The choice of threads and precision, by a clock that the tests hold in hand."""

import platform
import subprocess
import sys

import pytest
import torch

from minillama.system import machine

FAULTS = """
import resource, torch
from minillama.system.machine import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.zeros(2**24).add_(1)  # 64 MiB, twice as much as glibc keeps
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
before = faults()
keep_memory()
faults()
print(before, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back so")
def test_memory_is_kept():
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert after < 100 < before  # pages fetched from the system


def test_where_there_is_no_such_library_nothing_happens(monkeypatch):
    def nothing(name):
        raise TypeError("ctypes.CDLL(None) on Windows")

    monkeypatch.setattr(machine.ctypes, "CDLL", nothing)
    machine.keep_memory()


@pytest.fixture
def eight_processors(monkeypatch):
    """A machine of eight processors on which the clock shows what the work says it took."""
    monkeypatch.setattr(machine, "usable_cpus", lambda: 8)
    clock = [0.0]
    monkeypatch.setattr(machine.time, "perf_counter", lambda: clock[0])
    used = []

    def work_taking(seconds):
        def work(dtype):
            used.append((torch.get_num_threads(), dtype))
            clock[0] += seconds(torch.get_num_threads(), dtype)

        return work

    return work_taking, used


def test_the_fastest_number_of_threads_is_found_and_of_equal_ones_the_smallest(eight_processors):
    work_taking, used = eight_processors
    for seconds, best in [
        ({8: 4.0, 4: 2.0, 2: 3.0, 1: 1.0}, 1),
        ({8: 1.0, 4: 1.05, 2: 1.5, 1: 3.0}, 4),
        ({8: 1.0, 4: 2.0, 2: 4.0, 1: 8.0}, 8),
    ]:
        work = work_taking(lambda n, _, seconds=seconds: seconds[n])
        assert machine.fastest(work, dtype="float32") == (best, "float32")
    assert {n for n, _ in used} == {8, 4, 2, 1}


@pytest.mark.parametrize("begins", [0.0, 0.3, 0.7, 1.1, 1.6, 2.0, 2.4])
def test_a_neighbor_that_comes_and_goes_does_not_change_the_choice(monkeypatch, begins):
    """For two seconds of every three, another program takes half of what two threads would get.

    The measuring begins at any moment of that.
    """
    monkeypatch.setattr(machine, "usable_cpus", lambda: 2)
    clock = [begins]
    monkeypatch.setattr(machine.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(machine.time, "process_time", lambda: 0.0)
    others = lambda: 2.0 * (clock[0] // 3) + min(clock[0] % 3, 2.0)  # noqa: E731
    monkeypatch.setattr(machine, "_computed_by_all", others)
    quiet = {(2, "float32"): 0.06, (1, "float32"): 0.1, (2, "bfloat16"): 0.05}

    def work(dtype):
        threads = torch.get_num_threads()
        slower = 2.5 if threads == 2 and clock[0] % 3 < 2 else 1.0
        clock[0] += quiet[threads, dtype] * slower

    assert machine.fastest(work) == (2, "bfloat16")
    assert clock[0] - begins < 2 * machine.PATIENCE + 2


def test_on_one_thread_only_the_time_that_it_computed_counts(monkeypatch):
    clock, computed = [0.0], [0.0]
    monkeypatch.setattr(machine.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(machine.time, "process_time", lambda: computed[0])
    calls = []

    def work(dtype):
        calls.append(dtype)
        clock[0] += 9.0 if dtype == "bfloat16" else 1.0  # it had to wait for another program
        computed[0] += 0.5 if dtype == "bfloat16" else 1.0

    assert machine.fastest(work, threads=1) == (1, "bfloat16")
    assert len(calls) < 20


def test_what_others_compute_is_seen():
    others = machine.Others()
    program = "import time; end = time.time() + 1.0\nwhile time.time() < end: sum(range(1000))"
    subprocess.run([sys.executable, "-c", program], check=True)
    if platform.system() == "Linux":
        assert 0.1 < others.processors() < machine.usable_cpus() + 0.5
    else:
        assert others.processors() == 0


def test_bfloat16_has_to_be_clearly_faster(eight_processors):
    work_taking, _ = eight_processors
    for seconds, chosen in [(0.5, "bfloat16"), (0.95, "float32"), (20.0, "float32")]:
        work = work_taking(lambda _, dtype, s=seconds: s if dtype == "bfloat16" else 1.0)
        assert machine.fastest(work, threads=2) == (2, chosen)


def test_what_is_given_is_not_measured():
    assert machine.fastest(lambda dtype: 1 / 0, 3, "bfloat16") == (3, "bfloat16")


def test_threads_are_put_back_afterwards():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), machine.using_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def test_precision_rounds_products_and_keeps_weights():
    linear = torch.nn.Linear(4, 4)
    with machine.precision("float32"):
        assert linear(torch.ones(1, 4)).dtype == torch.float32
    with machine.precision("bfloat16"):
        assert linear(torch.ones(1, 4)).dtype == torch.bfloat16
    assert linear.weight.dtype == torch.float32


def test_the_shortest_of_several_times_counts_and_the_first_does_not(eight_processors):
    times = iter([1.0, 6.0, 3.0])
    work = eight_processors[0](lambda *_: next(times))
    assert machine.seconds_for(lambda: work("float32")) == 3.0


def test_at_least_one_processor_is_usable():
    assert machine.usable_cpus() >= 1


def test_small_forward_passes_take_one_thread():
    with machine.using_threads(2):
        assert machine.threads_for(1, 3_000_000) == machine.threads_for(300, 3_000_000) == 1
        assert machine.threads_for(1, 7 * 10**9) == machine.threads_for(4096, 3_000_000) == 2
