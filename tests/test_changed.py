"""What runs after which change, in a small project of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
from changed import Changed

def pytest_addoption(parser):
    parser.addoption("--changed", action="store_true")

def pytest_configure(config):
    config.pluginmanager.register(Changed(config))
"""
LESSONS = """
from pathlib import Path
import pytest

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))

@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_lesson(lesson):
    assert lesson.read_text()
"""
CHECKS = """
from pathlib import Path
import pytest
from minillama.course import registry

FOLDER = Path(__file__).parent.parent / "minillama" / "course" / "lessons"

@pytest.mark.parametrize("lesson", sorted(FOLDER.iterdir()), ids=lambda lesson: lesson.name)
def test_checks(lesson):
    assert lesson.is_dir()
"""
# Takes long, and starts a process.
BENCH = """
from pathlib import Path
from minillama import norm

PROGRAM = Path(__file__).with_name("program.py")

def test(): pass
"""
CELL = {"cell_type": "code", "source": ["%%build norm\n", "x = 1"]}
FILES = {
    "tests/conftest.py": CONFTEST,
    "tests/helper.py": "from minillama.rope import X\n",
    "tests/test_norm.py": "def test(): pass\n",
    "tests/test_runs.py": "from minillama import runs\n\ndef test():\n    assert runs.log.X == 1\n",
    "tests/test_parts.py": "import helper\nfrom minillama import (\n  Llama,\n)\ndef test(): pass",
    "tests/test_bench.py": BENCH,
    "tests/program.py": "X = 1\n",
    "tests/test_checks.py": CHECKS,
    "tests/test_pages.py": LESSONS,
    "minillama/__init__.py": "if True:\n    from minillama.model import Llama\n",
    "minillama/model.py": "from minillama.norm import X\n\nLlama = 1\n",
    "minillama/norm.py": "X = 1\n",
    "minillama/rope.py": "X = 1\n",
    "minillama/runs/__init__.py": "from minillama import log\n",
    "minillama/log.py": "X = 1\n",
    "minillama/course/registry.py": "X = 1\n",
    "minillama/course/lessons/lesson_04/attend.txt": "late: Too late.\n",
    "minillama/course/lessons/lesson_07/norm.py": 'check = Check("RMSNorm", "norm")\n',
    "notebooks/04_a.ipynb": json.dumps({"cells": []}),
    "notebooks/07_b.ipynb": json.dumps({"cells": [CELL]}),
    "README.md": "Read me.",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project in which all tests have passed."""
    root = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    shutil.copy(Path(__file__).with_name("changed.py"), root / "tests")
    assert run(root) == ALL
    return root


EACH_CHECK = {"checks[lesson_04]", "checks[lesson_07]"}
ALL = {"norm", "runs", "parts", "bench", "pages[04_a]", "pages[07_b]"} | EACH_CHECK


def run(root, *arguments):
    """The tests that ran, by what they are called after."""
    command = [sys.executable, "-m", "pytest", "tests", "-v", *arguments]
    environment = os.environ | {"PYTHONPATH": str(root), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    found = re.findall(r"^tests/test_(\w+)\.py::\w+(\[\w+\])?", done.stdout, re.M)
    return {name + lesson for name, lesson in found}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("README.md", set()),
        ("minillama/norm.py", {"norm", "checks[lesson_07]"}),  # and the check of what is in it
        ("minillama/log.py", {"runs"}),  # no test is called after it, so it is part of runs
        ("minillama/model.py", {"parts"}),  # which imports it as minillama.Llama
        ("minillama/rope.py", {"parts"}),  # which imports a helper that imports it
        ("minillama/course/lessons/lesson_07/norm.py", {"norm", "checks[lesson_07]"}),
        ("minillama/course/lessons/lesson_04/attend.txt", {"checks[lesson_04]"}),
        ("minillama/course/registry.py", EACH_CHECK),
        ("notebooks/04_a.ipynb", {"pages[04_a]"}),
        ("tests/program.py", {"bench"}),
        ("tests/conftest.py", ALL),
    ],
)
def test_a_change_runs_its_tests(project, name, expected):
    path = project / name
    path.write_text(path.read_text(encoding="utf-8") + " \n", encoding="utf-8")
    assert run(project, "--changed") == expected  # and the next change does not run them again


def test_what_failed_runs_again_and_a_part_of_a_file_does_not_count(project):
    path = project / "tests" / "test_norm.py"
    path.write_text("def test(): assert False\n\ndef test_other(): pass\n", encoding="utf-8")
    for _ in range(2):
        assert run(project, "--changed") == {"norm"}
    path.write_text("def test(): pass\n\ndef test_other(): pass\n", encoding="utf-8")
    for _ in range(2):
        assert run(project, "--changed", "-k", "other") == {"norm"}
    assert run(project, "--changed") == {"norm"}
    assert run(project, "--changed") == set()


def test_a_lesson_depends_on_what_it_builds(project):
    program = "import changed; print(*changed.sources('notebooks/07_b.ipynb'))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project / "tests", capture_output=True, check=True
    )
    names = {Path(name).relative_to(project).as_posix() for name in done.stdout.decode().split()}
    assert names - {"pyproject.toml", "constraints.txt"} == {
        "notebooks/07_b.ipynb",
        "minillama/norm.py",
        "tests/conftest.py",
        "tests/changed.py",
        "tests/sanitize.cfg",
    }
