"""Rooms that need a package of an extra say which extra, where it is not installed."""

import subprocess
import sys

import pytest

from minillama.system.extras import needing

PROGRAM = """
import sys
sys.modules["{package}"] = None  # as if it were not installed
try:
    import minillama.{room}
except ModuleNotFoundError as error:
    print(error.name.partition(".")[0], error)
"""


@pytest.mark.parametrize(
    ("room", "package"),
    [("plots", "matplotlib"), ("widgets", "ipywidgets"), ("widgets", "matplotlib")],
)
def test_a_room_without_its_extra_says_what_to_install(room, package):
    program = PROGRAM.format(room=room, package=package)
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, encoding="utf-8"
    )
    assert done.stdout == (
        f"{package} minillama.{room} needs {package}, which is not installed here: "
        "pip install 'minillama[course]'\n"
    )


def test_a_module_of_our_own_that_is_missing_is_no_extra():
    with (
        pytest.raises(ModuleNotFoundError, match=r"No module named 'minillama\.nowhere'"),
        needing("course", "minillama.plots"),
    ):
        import minillama.nowhere  # noqa: F401
