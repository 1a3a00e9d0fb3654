"""What every test runs under."""

import pkgutil
import random
import signal
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from jaxtyping import install_import_hook

# Check the shapes and types of every call, in all modules but ToyTown's, which has no tensors and
# makes calls by the million.
PACKAGE = Path(__file__).parent.parent / "minillama"
MODULES = [m.name for m in pkgutil.iter_modules([str(PACKAGE)]) if m.name != "toytown"]
install_import_hook([f"minillama.{name}" for name in MODULES], "beartype.beartype")

# A fixed search, so that a failure is the same on every machine, and no limit on the time of one
# example, since the first one pays for imports.
hypothesis.settings.register_profile("minillama", deadline=None, derandomize=True)
hypothesis.settings.load_profile("minillama")


@pytest.fixture(autouse=True)
def reproducible():
    """The same random numbers in every order of tests; one thread, which suits tiny tensors.

    And Ctrl-C as in a terminal: a shell that starts the tests in the background turns it off.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
