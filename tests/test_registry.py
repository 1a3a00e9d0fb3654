"""Checks are found by the names of files, and known mistakes are read from text."""

import subprocess
import sys

import pytest

from minillama.course import lessons
from minillama.course.checking.mistakes import Mistake, read_check
from minillama.course.registry import CHECKS, Checks


def loaded_lessons(program):
    """The modules of lessons that are imported after a program, in a fresh process."""
    program += "\nimport sys\nprint(*(m for m in sys.modules if '.course.lessons.' in m))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, encoding="utf-8"
    )
    return done.stdout.splitlines()[-1].split()


def test_opening_a_notebook_imports_no_checks():
    program = """
from IPython.core.interactiveshell import InteractiveShell
import minillama.course, minillama.course.workbook
minillama.course.load_ipython_extension(InteractiveShell.instance())
"""
    assert loaded_lessons(program) == []


def test_a_check_imports_its_own_lesson_only():
    program = """
from minillama.course import check
from minillama.norm import RMSNorm
assert check(RMSNorm).passed
"""
    loaded = loaded_lessons(program)
    assert {name.split(".")[3] for name in loaded} == {"lesson_07"}


def test_every_check_is_of_its_name():
    assert len(CHECKS) == len([*CHECKS]) == len(CHECKS.items())
    assert all(check.name == name for name, check in CHECKS.items())
    assert "RMSNorm" in CHECKS and "rmsnorm" not in CHECKS
    with pytest.raises(KeyError):
        CHECKS["rmsnorm"]


ONE = "wrong: It is wrong.\n    1 => 2\n"
CHECK = """
from minillama.course.checking.check import Check
made = Check({!r}, "norm", {{}})
"""


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """Write a lesson's files beside the real lessons; the registry that sees them too."""
    monkeypatch.setattr(lessons, "__path__", [*lessons.__path__, str(tmp_path)])

    def write(lesson, **files):
        folder = tmp_path / lesson
        folder.mkdir()
        for name, text in files.items():
            path = folder / name.replace("_txt", ".txt").replace("_py", ".py")
            path.write_text(text, encoding="utf-8")
        return Checks()

    yield write
    for name in [name for name in sys.modules if ".lessons.lesson_9" in name]:
        del sys.modules[name]


def test_a_new_lesson_needs_no_list(made_up):
    checks = made_up("lesson_91", half_py=CHECK.format("half"), half_txt=ONE)
    assert "half" in checks
    assert checks["half"].mistakes == (Mistake("wrong", "It is wrong.", {"1": "2"}),)


def test_two_checks_of_one_name_are_refused_with_both_files(made_up):
    checks = made_up("lesson_92", norm_py=CHECK.format("RMSNorm"), RMSNorm_txt=ONE)
    words = r"two checks are called RMSNorm: .*lesson_07.RMSNorm\.txt and .*lesson_92.RMSNorm\.txt"
    for use in (lambda: checks["RMSNorm"], lambda: [*checks], lambda: "attend" in checks):
        with pytest.raises(ValueError, match=words):
            use()


def test_two_checks_of_one_name_in_a_lesson_are_refused_too(made_up):
    check = CHECK.format("half")
    checks = made_up("lesson_93", a_py=check, b_py=check, half_txt=ONE)
    words = r"two checks are called half: in .*lesson_93.a\.py and .*lesson_93.b\.py"
    with pytest.raises(ValueError, match=words):
        checks["half"]


def test_a_check_and_its_mistakes_stand_side_by_side(made_up):
    checks = made_up("lesson_94", a_py=CHECK.format("half"), other_txt=ONE)
    with pytest.raises(
        ValueError, match=r"lesson_94.a\.py checks half, whose mistakes are in None"
    ):
        checks["other"]
    checks = made_up("lesson_95", third_txt=ONE)
    with pytest.raises(ValueError, match=r"lesson_95.third\.txt stands beside no check of third"):
        checks["third"]


# Mistakes as text

TEXT = """\
# A comment.
one-line: It is said in
two lines: here.
    a + b => a - b
      indented =>  with a space
    gone =>

both: Two edits.
    a => b
&   c => d
    e => f

lines: Whole lines.
  -     if x:
  -         y
  +     y
& - z
  - vanishes
  + first
  - old
  +
  +   new
"""


def written(tmp_path, text):
    path = tmp_path / "half.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_mistakes_are_read_from_text(tmp_path):
    found = [(m.name, m.why, dict(m.edits)) for m in read_check(written(tmp_path, TEXT))[1]]
    assert found == [
        ("one-line", "It is said in two lines: here.", {"a + b": "a - b"}),
        ("one-line", "It is said in two lines: here.", {"  indented": " with a space"}),
        ("one-line", "It is said in two lines: here.", {"gone": ""}),
        ("both", "Two edits.", {"a": "b", "c": "d"}),
        ("both", "Two edits.", {"e": "f"}),
        ("lines", "Whole lines.", {"    if x:\n        y": "    y", "z\nvanishes": "first"}),
        ("lines", "Whole lines.", {"old": "\n  new"}),
    ]


def test_lines_without_new_ones_vanish(tmp_path):
    [mistake] = read_check(written(tmp_path, "cut: Cut.\n  -     x = 1\n  -     y = 2\n"))[1]
    assert mistake.edits == {"    x = 1\n    y = 2\n": ""}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a => b\n", 1, "a mistake begins with `name: explanation`"),
        ("    a => b\n", 1, "a mistake begins with `name: explanation`"),
        ("\nname: Why.\n", 2, "name has no edit"),
        ("name: Why.\n\nother: Why.\n    a => b\n", 1, "name has no edit"),
        ("name: Why.\n    a -> b\n", 2, "no ` => ` between old text and new"),
        ("name: Why.\n    a => b\nother: Why.\n    a => b\n", 3, "not an edit. An empty line"),
        ("name: Why.\n&   a => b\n", 2, "& joins an edit to one above it, and there is none"),
        ("name: Why.\n    a => b\n  + c\n", 3, r"new lines \(\+\) follow old ones \(-\)"),
        ("name: Why.\n  + c\n", 2, r"new lines \(\+\) follow old ones \(-\)"),
        (f"{TEXT}\n  + no\n", 24, "a mistake begins with"),
    ],
)
def test_what_is_not_so_is_refused_with_file_and_line(tmp_path, text, line, words):
    with pytest.raises(ValueError, match=rf"half\.txt, line {line}: {words}"):
        read_check(written(tmp_path, text))
