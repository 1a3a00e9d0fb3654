"""What a change asks for: `pytest --changed`, of which `make check` is made.

A test file runs if something has changed since all its tests passed: itself, a file of tests/ that
it imports or starts, a module that it is called after (test_norm.py after norm.py, test_plots_*.py
after all of plots/, test_checks_07.py after lesson_07/), a module that it imports, or a file that
it reads. A module that no test is called after counts as part of those that import it. For the
tests on the list LONG imports and lessons do not count. A lesson runs if it, a module that it
builds or the assets that it loads have changed, and so do tests that there are once a lesson: those
of its checks also if a module that it checks has. The rest is left to `make test`.
"""

import hashlib
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EVERYWHERE = "pyproject.toml constraints.txt tests/conftest.py tests/changed.py tests/sanitize.cfg"
READ = "README.md CONTRIBUTING.md Makefile environment.yml notebooks assets"
# These take long: they begin first, so that two processes end together.
LONG = """
    test_browser test_dashboard test_compiled test_resume test_toytown test_notebooks test_workbook
    test_full_disk test_bench test_steady test_any_input test_cli test_packaging test_changed
    test_kills
""".split()
OFFERED = ROOT / "minillama" / "__init__.py"
PASSED = "minillama/passed"  # in pytest's cache: the digest of each group when all of it passed

IMPORT = re.compile(r"^ *(?:from|import) minillama\b([.\w]*)(?: import (\([^)]*|.*))?", re.M)
HELPER = re.compile(r"""(?:^(?:from|import) |with_name\(")(\w+)""", re.M)  # or a program
BUILD = re.compile(r"^%%build +([\w.]+)", re.M)
CHECK = re.compile(r"""\bCheck\(\s*"\w+",\s*"([\w.]+)\"""")
LESSONS = re.compile(r"(?<![\w.])lessons\(\)")
MODEL = re.compile(r"""["']toytown\b""")


def sources(group):
    """The files on which a group depends: a test file, a lesson, or of a test file one lesson's."""
    name, _, lesson = group.partition("::")
    path = ROOT / name
    found = {path, *(ROOT / name for name in EVERYWHERE.split())}
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(read(path))["cells"] if cell["cell_type"] == "code"]
        code = "\n".join("".join(cell["source"]) for cell in cells)
        found.update(*(module(name.split(".")) for name in BUILD.findall(code)))
        return found | (below("assets") if MODEL.search(code) else set())
    helpers = {ROOT / "tests" / f"{name}.py" for name in HELPER.findall(read(path))}
    files = {path, *filter(Path.is_file, helpers)}
    found.update(files, *(reads(read(file)) for file in files))
    own = {file for file in below("minillama") if is_called_after(path.stem, file)}
    if path.stem not in LONG:
        own = own.union(*map(imports, files))
    found |= with_parts(own)
    if lesson or path.stem in LONG:
        found -= below("notebooks")
    if path.stem.startswith("test_checks"):
        found -= below("minillama/course/lessons")
    folder = below(lesson) if lesson else frozenset()
    checked = {name for file in folder for name in CHECK.findall(read(file))}
    return found.union(folder, *(module(name.split(".")) for name in checked))


def is_called_after(test, file):
    parts = file.relative_to(ROOT / "minillama").with_suffix("").parts
    numbers = tuple(re.findall(r"lesson(_\d+)", file.as_posix()))
    return test.endswith(numbers) or any(f"{test}_".startswith(f"test_{p}_") for p in parts)


@cache
def has_tests(file):
    return any(is_called_after(test.stem, file) for test in below("tests"))


def with_parts(modules):
    """Modules, and what they import that has no tests of its own, and what that imports..."""
    found, todo = set(modules), [*modules]
    while todo:
        parts = {file for file in imports(todo.pop()) - found if not has_tests(file)}
        found |= parts
        todo += parts
    return found


@cache
def imports(file):
    """The modules that a file imports, be it in a program that it writes."""
    found = set()
    for dotted, names in IMPORT.findall(read(file)):
        for name in re.findall(r"\w+", names) or [""]:
            found |= module([part for part in (*dotted.split("."), name) if part])
    return found


def module(parts):
    """The files of minillama.a.b: one, or all of a package; or the one in which the name b is."""
    for end in range(len(parts), 0, -1):
        place = ROOT.joinpath("minillama", *parts[:end])
        if place.is_dir():
            return below(place.relative_to(ROOT))
        if place.with_suffix(".py").is_file():
            return {place.with_suffix(".py")}
    home = re.search(rf"from minillama\.([\w.]+) import .*\b({'|'.join(parts)})\b", read(OFFERED))
    return {OFFERED} | (module(home[1].split(".")) if parts and home else set())


def reads(text):
    """The files of the project that a text reads, other than modules."""
    names = {name for name in READ.split() if re.search(rf"""\bROOT\b.*["']{name}\b""", text)}
    names |= {"assets"} if MODEL.search(text) else set()
    names |= {"notebooks"} if LESSONS.search(text) else set()
    return set().union(*map(below, names))


@cache
def below(name):
    """A file, or all files in a folder."""
    files = [ROOT / name, *(ROOT / name).rglob("*")]
    return frozenset(f for f in files if f.is_file() and "__pycache__" not in f.parts)


@cache
def read(path):
    return path.read_text(encoding="utf-8") if path.is_file() else ""


@cache
def digest(group):
    hashes = hashlib.sha256()
    for file in sorted(sources(group)):
        content = file.read_bytes() if file.is_file() else b""
        hashes.update(f"{file} {hashlib.sha256(content).hexdigest()}\n".encode())
    return hashes.hexdigest()


def group_of(item):
    """The test file or lesson of a test; of a test with a lesson as its parameter, both."""
    name = item.path.relative_to(ROOT).as_posix()
    callspec = getattr(item, "callspec", None)
    lesson = callspec and callspec.params.get("lesson")
    path = getattr(lesson, "path", lesson)  # a path, or an object that has one
    if isinstance(path, Path) and path.is_relative_to(ROOT):
        return f"{name}::{path.relative_to(ROOT).as_posix()}"
    return name


class Changed:
    """The plugin. The tests of a group run, or are left out, together."""

    def __init__(self, config):
        self.config, self.cache = config, config.cache
        self.passed = self.cache.get(PASSED, {})
        self.left = {}  # of each group and digest: how many of its tests have not passed yet

    def is_as_it_was(self, group):
        return self.config.option.changed and self.passed.get(group) == digest(group)

    def pytest_ignore_collect(self, collection_path):
        if collection_path.is_relative_to(ROOT):
            name = collection_path.relative_to(ROOT).as_posix()
            groups = [group for group in self.passed if group.partition("::")[0] == name]
            return True if groups and all(map(self.is_as_it_was, groups)) else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items):
        counts = Counter(map(group_of, items))
        for item in items:
            group = group_of(item)
            item.user_properties.append(("group", (group, digest(group), counts[group])))
        old = [item for item in items if self.is_as_it_was(group_of(item))]
        items[:] = [item for item in items if not self.is_as_it_was(group_of(item))]
        self.config.hook.pytest_deselected(items=old)

    def pytest_runtest_logreport(self, report):
        if report.failed or report.when == "teardown":
            group, its_digest, count = dict(report.user_properties)["group"]
            left = self.left.get((group, its_digest), count)
            self.left[group, its_digest] = float("inf") if report.failed else left - 1

    def pytest_sessionfinish(self):
        # Some tests of a file say nothing of the others; and with xdist the first process decides.
        if any("::" in arg for arg in self.config.args) or hasattr(self.config, "workerinput"):
            return
        for (group, its_digest), left in self.left.items():
            self.passed[group] = its_digest if not left else "failed"
        self.cache.set(PASSED, self.passed)
