"""What every test runs under."""

import json
import os
import pkgutil
import random
import shutil
import signal
import sys
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import hypothesis
import jaxtyping
import numpy as np
import pytest
from changed import LONG, Changed
from jaxtyping import install_import_hook

# A training forces what it writes to disk hundreds of times. In memory that takes no time.
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2 * 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# Check the shapes and types of every call, in all modules and packages but ToyTown's, which has no
# tensors and makes calls by the million.
PACKAGE = Path(__file__).parent.parent / "minillama"
MODULES = [m.name for m in pkgutil.iter_modules([str(PACKAGE)]) if m.name != "toytown"]
install_import_hook([f"minillama.{name}" for name in MODULES], "beartype.beartype")

# A fixed search, so that a failure is the same on every machine, and no limit on the time of one
# example, since the first one pays for imports.
hypothesis.settings.register_profile("minillama", deadline=None, derandomize=True)
hypothesis.settings.load_profile("minillama")


@pytest.fixture(autouse=True)
def reproducible():
    """The same random numbers in every order of tests, and no figures of the one before.

    One thread, which suits tiny tensors.

    And Ctrl-C as in a terminal: a shell that starts the tests in the background turns it off.
    """
    import torch  # here, since the process that only hands tests out to others can do without

    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture(scope="module")
def as_readers_run(results={}):  # noqa: B006  the same for all modules
    """The package without the type checks, which readers do not have.

    A wrong answer stops at a type check before it goes wrong in its own way. So what the known
    mistakes come to here is kept apart from what they come to elsewhere.
    """
    from minillama.course.registry import CHECKS

    def exchange():
        for name, check in CHECKS.loaded.items():
            others = dict(check._tried)
            check._tried.clear()
            check._tried.update(results.get(name, {}))
            results[name] = others

    exchange()
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
    exchange()


def pytest_addoption(parser):
    words = "only run what may have another result than when it passed (tests/changed.py)"
    parser.addoption("--changed", action="store_true", help=words)


def pytest_configure(config):
    # Lessons. nbval runs each in a kernel of its own and compares what every cell gives with what
    # is stored. The last digits of a float differ between operating systems, so only Linux
    # compares; elsewhere a cell must run without an error.
    if sys.platform != "linux" and config.option.nbval:
        config.option.nbval, config.option.nbval_lax = False, True
    config.stash[BUDGETS] = {}
    if hasattr(config, "cache"):
        config.pluginmanager.register(Changed(config))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """What takes long comes first, so that two processes end at about the same time."""
    items.sort(key=lambda item: (item.path.stem not in LONG, item.path.suffix != ".ipynb"))


@dataclass
class Budget:
    """What a lesson took, its kernel's start included: seconds that passed, and of processors."""

    limit: float
    seconds: float = 0.0
    processor: float = 0.0

    @property
    def certain(self):
        """Seconds that other work on the machine cannot be blamed for.

        A busy machine makes a lesson take longer but hardly compute longer, and a lesson on two
        threads computes longer than it takes. Windows does not say what a kernel has computed, so
        there half of the time that passed counts.
        """
        return min(self.seconds, self.processor or self.seconds / 2)

    @property
    def is_exceeded(self):
        """For sure: what computes beside it, or a slower machine, makes a lesson longer by less.

        On one machine lesson 07 computed 50 seconds alone, and 55 to 68 beside other tests.
        """
        return self.certain > 1.5 * self.limit


BUDGETS = pytest.StashKey[dict[str, Budget]]()
DEFAULT_LIMIT = 25.0


def clocks():
    """Seconds that have passed, and that ended child processes have computed."""
    times = os.times()
    return time.perf_counter(), times.children_user + times.children_system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    if item.path.suffix != ".ipynb":
        return (yield)
    budgets, name = item.config.stash[BUDGETS], item.path.stem
    if name not in budgets:
        facts = json.loads(item.path.read_text(encoding="utf-8"))["metadata"].get("minillama", {})
        budgets[name] = Budget(float(facts.get("budget_seconds", DEFAULT_LIMIT)))
    start = clocks()
    try:
        return (yield)
    finally:  # the first cell starts the kernel, the last one ends it
        end = clocks()
        budgets[name].seconds += end[0] - start[0]
        budgets[name].processor += end[1] - start[1]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """A process of xdist has ended, and tells what its lessons took."""
    for name, budget in getattr(node, "workeroutput", {}).get("budgets", {}).items():
        node.config.stash[BUDGETS][name] = Budget(*budget)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    budgets = session.config.stash[BUDGETS]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["budgets"] = {k: astuple(v) for k, v in budgets.items()}
        return
    late = any(budget.is_exceeded for budget in budgets.values())
    if late and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    budgets = config.stash[BUDGETS]
    if not budgets:
        return
    terminalreporter.section("seconds per lesson")
    for name, budget in sorted(budgets.items()):
        line = f"{name:24} {budget.seconds:5.1f} of {budget.limit:.0f} s"
        if budget.processor:
            line += f", {budget.processor:.1f} s of them computing"
        late = budget.is_exceeded
        terminalreporter.write_line(f"{line}: too long" if late else line, red=late)
    total = sum(budget.seconds for budget in budgets.values())
    terminalreporter.write_line(f"{'all lessons':24} {total:5.1f} s")


@pytest.fixture(scope="session")
def short_config(tmp_path_factory):
    """What a run of four steps is asked to be, on a text of 400 characters."""
    from minillama.training.config import TrainConfig

    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_text("".join(random.Random(0).choices("abcdef \n", k=400)), encoding="utf-8")
    return TrainConfig(
        corpus=str(path),
        tokenizer="char",
        preset="tiny",
        steps=4,
        batch_size=1,
        seq_len=8,
        every=2,
        keep=2,
        threads=1,
        dtype="float32",
    )
