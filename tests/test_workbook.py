"""Workbooks, worked through by readers of all kinds on folders as the command makes them."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from shells import kernels, write_lesson

from minillama import plots
from minillama.cli import main
from minillama.course.build import NotPython
from minillama.course.checking.check import Check
from minillama.course.registry import CHECKS
from minillama.course.source import blanks
from minillama.course.source.definitions import definitions, replace_definition
from minillama.course.source.free_names import unbound
from minillama.course.source.splice import own_imports, parts, splice
from minillama.course.source.taught import BUILD, lessons, package_source, taught
from minillama.course.workbook import my_package
from minillama.course.workbook.adopt import Workbook
from minillama.course.workbook.make import hints_above, make_workbook
from minillama.course.workbook.notebook import box_of

ROOT = Path(__file__).parent.parent
FIRST = """\
%load_ext minillama.course
import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from minillama.attention import repeat_heads
from minillama.config import ModelConfig
from minillama.course import check, progress
"""
NOT_FIRST = (
    "%%build has to be the first line of its cell: move what stands above `%%build {}` below it, "
    "comments too."
)
SOFTMAX = '''\
def softmax(scores):
    """Weights of scores (..., keys), along the last axis, however large the scores are."""
'''


def reference(module, *names):
    there = definitions(package_source(module))
    return "\n\n\n".join(there[name].source for name in names)


def cell(module, *names):
    return f"%%build {module}\n{reference(module, *names)}"


@pytest.fixture(scope="module")
def made_lessons(tmp_path_factory):
    """Three lessons that build parts of three modules, one after another."""
    folder = tmp_path_factory.mktemp("lessons") / "notebooks"
    write_lesson(
        folder / "04_attention.ipynb",
        "# Attention",
        FIRST,
        "assert repeat_heads(torch.ones(1, 1, 1, 1), 2).shape[1] == 2",
        cell("attention", "causal_mask"),
        "check(causal_mask)\nprint(causal_mask(2, 2))",
        cell("attention", "attention_weights", "attend"),
        "check(attention_weights)\ncheck(attend)\nattend(*torch.ones(3, 4, 8)).shape",
        "## Exercises",
        (SOFTMAX + '    raise NotImplementedError("your code here")', "exercise"),
        "check(softmax)",
        "## Solutions",
        "Softmax, solved.",
        (SOFTMAX + "    return scores.softmax(dim=-1)", "solution"),
        "check(softmax)",
        "## Words",
    )
    write_lesson(
        folder / "05_rope.ipynb",
        "# Positions",
        FIRST.replace("minillama.attention import repeat_heads", "minillama.norm import RMSNorm"),
        cell("rope", "rope_frequencies", "ntk_theta", "rope_tables", "apply_rope"),
        "x = apply_rope(torch.ones(2, 8), *rope_tables(ModelConfig.preset('tiny'))) if 0 else 1",
    )
    write_lesson(
        folder / "07_norm.ipynb",
        "# Norms",
        FIRST.replace(
            "minillama.attention import repeat_heads", "minillama.attention import attend"
        ),
        cell("norm", "RMSNorm"),
        "check(RMSNorm)\nRMSNorm(4, 1e-5)(torch.ones(1, 4))",
    )
    return folder


@pytest.fixture
def folder(made_lessons, tmp_path, monkeypatch):
    """A new workbook with the three lessons."""
    monkeypatch.setattr("minillama.course.source.taught.ROOTS", (made_lessons,))
    make_workbook(tmp_path / "my course")
    return tmp_path / "my course"


@pytest.fixture
def reader(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(folder)
    with kernels() as make:
        yield Reader(folder, make)
        leave()


def leave():
    """Forget a workbook, as the end of its kernel does."""
    my_package.take_out()
    Workbook.here = None


class Reader:
    """Somebody with a workbook and a kernel."""

    def __init__(self, folder, make):
        self.folder, self.make = folder, make
        self.restart()

    def restart(self):
        leave()
        self.kernel = self.make()
        self.said = self.run(
            FIRST.replace("course\n", "course.workbook\n").replace(
                "from minillama.att", "from my_minillama.att"
            )
        )
        assert self.kernel.error is None

    @property
    def names(self):
        return self.kernel.names

    def run(self, source):
        return self.kernel.run(source)

    def file(self, module):
        return (self.folder / "my_minillama" / f"{module}.py").read_text(encoding="utf-8")

    def yours(self):
        every = {name: part for m in taught() for name, part in parts(self.file(m)).items()}
        return {name for name, part in every.items() if part.yours}

    def cells(self, lesson):
        [path] = self.folder.glob(f"{lesson}_*.ipynb")
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return [cell["source"] for cell in cells if cell["cell_type"] == "code"]

    def play(self, lesson, fill=None):
        """Run a lesson from its first cell, with these definitions filled in; what it prints."""
        printed = []
        for source in self.cells(lesson):
            if build := BUILD.match(source):
                body = source[build.end() :]
                for name in definitions(body):
                    if name in (fill or {}):
                        body = replace_definition(body, name, fill[name])
                source = build[0] + body
            elif "raise NotImplementedError" in source:
                source = source.replace(
                    'raise NotImplementedError("your code here")',
                    "return torch.special.entr(weights).sum(-1)",
                )
            printed.append(self.run(source))
            assert self.kernel.error is None, printed[-1]
        return printed


BUILDS = {
    "04": ["causal_mask", "attention_weights", "attend"],
    "05": ["rope_frequencies", "ntk_theta", "rope_tables", "apply_rope"],
    "07": ["RMSNorm"],
}
EVERY = [name for names in BUILDS.values() for name in names]


def in_a_fresh_process(folder, program):
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Making one


def test_a_workbook_has_blanks_and_no_answers(folder):
    assert {path.name for path in folder.iterdir()} == {
        "04_attention.ipynb", "05_rope.ipynb", "07_norm.ipynb", "README.md", "my_minillama",
        ".workbook.json", ".workbook.lock",
    }  # fmt: skip
    text = (folder / "04_attention.ipynb").read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    everything = "\n".join(cell["source"] for cell in cells)
    for secret in ["masked_fill", "position <=", "scores.softmax(", "Solutions", "solved"]:
        assert secret not in everything
    assert "## Words" in everything and everything.count("check(softmax)") == 1
    assert "%load_ext minillama.course.workbook\n" in everything
    assert "from my_minillama.attention import repeat_heads\n" in everything
    assert "from minillama.config import ModelConfig\n" in everything
    assert "from minillama.course import check, progress" in everything
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)


def test_a_blank_keeps_signature_and_docstring_below_folded_hints(folder):
    cells = json.loads((folder / "07_norm.ipynb").read_text(encoding="utf-8"))["cells"]
    [hints, cell] = cells[2:4]
    assert cell["source"].startswith(
        '''%%build norm
class RMSNorm(nn.Module):
    """Divide each vector by its root mean square, then scale each component by a learnt weight.
'''
    )
    assert cell["source"].endswith(
        """
    def __init__(self, dim: int, eps: float) -> None:
        raise NotImplementedError("your code here")

    def forward(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        raise NotImplementedError("your code here")"""
    )
    assert hints["source"] == (
        "<details><summary>Hints</summary>\n\n"
        "- `RMSNorm.__init__`: Keep eps, and make the weight an nn.Parameter of dim ones.\n"
        "- `RMSNorm.forward`: Divide x by the root of (the mean of its squares along the last "
        "axis, plus eps), in float32; then back to x's dtype, and times the weight.\n"
        "\n</details>"
    )
    assert (hints["cell_type"], hints["metadata"]) == ("markdown", {})


def test_each_build_cell_has_its_hints_above_it_and_nothing_else_has(folder):
    for path in folder.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        cells = notebook["cells"]
        assert len({cell["id"] for cell in cells}) == len(cells)
        below = [cells[i + 1].source for i, c in enumerate(cells) if "<details>" in c.source]
        assert below == [cell.source for cell in cells if BUILD.match(cell.source)] != []
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        assert "Hint" not in code
    text = (folder / "04_attention.ipynb").read_text(encoding="utf-8")
    assert text.count("- `attend`: ") == text.count("- `attention_weights`: ") == 1


def test_a_hint_is_text_and_not_html(monkeypatch):
    hinted = Check("RMSNorm", "norm", {"forward": "a < b > c & d"})
    monkeypatch.setitem(CHECKS.loaded, "RMSNorm", hinted)
    [cell] = hints_above({"id": "x" * 64, "source": cell_of_norm()})
    assert "- `RMSNorm.forward`: a &lt; b &gt; c &amp; d\n" in cell["source"]
    assert len(cell["id"]) == 64
    assert hints_above({"id": "x", "source": reference("norm", "RMSNorm")}) == []
    assert hints_above({"id": "x", "source": "%%build norm\nEPS = 1"}) == []


def cell_of_norm():
    return cell("norm", "RMSNorm")


BLANKED = '''\
@dataclass
class Counter:
    """Counts."""

    step: int = 2

    def add(
        self, n: int = 1  # how many
    ) -> int:
        # A secret.
        """Not a docstring's comment."""
        self.n += n * self.step

        return self.n

    def show(self):
        # A secret, with nothing above.

        @property
        def inner(): ...

        return self.n

    def keep(self):
        return 1
'''


def test_only_what_is_named_is_blanked_and_nothing_of_its_body_stays():
    text = blanks.blank(BLANKED, ["add", "show"])
    assert (
        text
        == '''\
@dataclass
class Counter:
    """Counts."""

    step: int = 2

    def add(
        self, n: int = 1  # how many
    ) -> int:
        # A secret.
        """Not a docstring's comment."""
        raise NotImplementedError("your code here")

    def show(self):
        raise NotImplementedError("your code here")

    def keep(self):
        return 1'''
    )
    assert blanks.unfilled(text) == (["add", "show"], [])
    late = text.replace("raise", "self.n += n\n        raise", 1)
    assert blanks.unfilled(late) == (["show"], ["add"])
    assert blanks.unfilled(BLANKED) == ([], [])


def test_the_package_begins_as_minillamas_with_marks(folder):
    for module in taught():
        source = (folder / "my_minillama" / f"{module}.py").read_bytes().decode()
        assert "\r" not in source
        there = parts(source)
        assert [name for name in there if not there[name].yours] == [*there]
        plain = re.sub(r"# minillama's, until you build it in lesson \d\d\.\n", "", source)
        plain = plain.replace("from my_minillama.", "from minillama.")
        assert plain == package_source(module)
    marks = {
        name: part.lesson for m in taught() for name, part in parts(package(folder, m)).items()
    }
    assert marks == {name: lesson for lesson, names in BUILDS.items() for name in names}


def package(folder, module):
    return (folder / "my_minillama" / f"{module}.py").read_text(encoding="utf-8")


def test_a_workbook_of_some_lessons_marks_only_theirs(made_lessons, tmp_path, monkeypatch):
    monkeypatch.setattr("minillama.course.source.taught.ROOTS", (made_lessons,))
    make_workbook(tmp_path / "w", ["7"])
    assert sorted(path.name for path in (tmp_path / "w").glob("*.ipynb")) == ["07_norm.ipynb"]
    assert [m for m in taught() if parts(package(tmp_path / "w", m))] == ["norm"]


def test_the_command_says_what_it_made_and_what_comes_next(
    made_lessons, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("minillama.course.source.taught.ROOTS", (made_lessons,))
    monkeypatch.chdir(tmp_path)
    assert main(["workbook", "new/my-course", "--lessons", "04", "7"]) == 0
    out = capsys.readouterr().out
    assert "  04_attention.ipynb  You build causal_mask, attention_weights, attend.\n" in out
    assert "05_rope" not in out
    assert re.search(r"Open it:\n  .*jupyter.?lab \S*new.my-course\n$", out)
    assert "open `04_attention.ipynb`" in Path("new/my-course/README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "words",
    ["w --lessons 04 05", "w --lessons 04,05", "--lessons 4,5 w", "--lessons 04, 05 -- w",
     "--lessons 04 05 w", "w --lessons 04 --lessons 05"],
)  # fmt: skip
def test_lessons_are_named_with_spaces_or_commas(made_lessons, tmp_path, monkeypatch, words):
    monkeypatch.setattr("minillama.course.source.taught.ROOTS", (made_lessons,))
    monkeypatch.chdir(tmp_path)
    assert main(["workbook", *words.split()]) == 0
    made = sorted(path.name for path in Path("w").glob("*.ipynb"))
    assert made == ["04_attention.ipynb", "05_rope.ipynb"]


def error_of(capsys, *argv):
    assert main([*argv]) == 2
    [line] = capsys.readouterr().err.splitlines()
    return line.removeprefix("minillama: error: ")


def test_unknown_lessons_and_full_folders_are_refused_in_a_sentence(
    made_lessons, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("minillama.course.source.taught.ROOTS", (made_lessons,))
    monkeypatch.chdir(tmp_path)
    line = error_of(capsys, "workbook", "w", "--lessons", "99", "04", "x")
    assert line == "there is no lesson 99 or x: there are 04, 05, 07"
    assert not Path("w").exists()
    for words in ([], ["--lessons", "04,05"]):
        assert "name the folder to make" in error_of(capsys, "workbook", *words)
    assert not [*tmp_path.iterdir()]

    Path("full").mkdir()
    Path("full/thesis.txt").write_text("all of it", "utf-8")
    refusal = "exists and is not an empty folder: name a new one"
    assert error_of(capsys, "workbook", "full") == f"full {refusal}"
    assert error_of(capsys, "workbook", "full/thesis.txt") == f"{Path('full/thesis.txt')} {refusal}"
    assert [p.name for p in Path("full").iterdir()] == ["thesis.txt"]
    assert Path("full/thesis.txt").read_text("utf-8") == "all of it"

    Path("empty").mkdir()
    assert main(["workbook", "empty"]) == 0
    assert Path("empty/04_attention.ipynb").is_file()


@pytest.mark.parametrize("there", [True, False])
def test_an_interrupted_write_leaves_nothing_behind(made_lessons, tmp_path, monkeypatch, there):
    monkeypatch.setattr("minillama.course.source.taught.ROOTS", (made_lessons,))
    target, write, count = tmp_path / "w", Path.write_text, []
    if there:
        target.mkdir()

    def interrupted(path, *args, **kwargs):
        count.append(path)
        if len(count) == 6:
            raise KeyboardInterrupt
        return write(path, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_workbook(target)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == (["w"] if there else [])
    assert not there or not [*target.iterdir()]


# Adding to one


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_lessons_are_added_and_what_is_there_stays(reader, capsys):
    folder = reader.folder
    for name in ("05_rope.ipynb", "07_norm.ipynb", "my_minillama/norm.py"):
        (folder / name).unlink()
    rope = folder / "my_minillama" / "rope.py"
    rope.write_text(own_imports(package_source("rope")), "utf-8")
    reader.run(cell("attention", "causal_mask").replace("return position", "return 0 + position"))
    notebook = folder / "04_attention.ipynb"
    notebook.write_text(notebook.read_text("utf-8").replace("# Attention", "# Mine"), "utf-8")
    before = snapshot(folder)
    assert main(["workbook", str(folder), "--lessons", "07"]) == 0
    out = capsys.readouterr().out
    assert "is a workbook already, and keeps what it has.\n" in out
    assert "Parts added to build in my_minillama: RMSNorm\n" in out
    assert "Lessons added:\n  07_norm.ipynb  You build RMSNorm.\n" in out
    after = snapshot(folder)
    added = {path.name for path in after.keys() - before.keys() if path.suffix != ".pyc"}
    assert added == {"07_norm.ipynb", "norm.py"}
    assert {path: after[path] for path in before} == before

    assert main(["workbook", str(folder)]) == 0
    assert "apply_rope" in capsys.readouterr().out
    assert (folder / "05_rope.ipynb").is_file()
    assert [*parts(reader.file("rope"))] == BUILDS["05"]
    after = snapshot(folder)
    assert {path for path in before if after[path] != before[path]} == {rope}
    assert main(["workbook", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "in my_minillama: none\nLessons added: none\n" in out
    assert snapshot(folder) == after

    reader.restart()
    assert reader.said == "Yours already: causal_mask.\n"
    assert "RMSNorm is right." in reader.run(cell("norm", "RMSNorm"))
    assert "apply_rope is right." in reader.run(cell("rope", "apply_rope"))
    assert reader.yours() == {"causal_mask", "RMSNorm", "apply_rope"}


def test_parts_that_an_earlier_minillama_had_not_are_added(reader):
    """Its attention had neither the weights nor what they import, and norm was not taught."""
    path = reader.folder / "my_minillama" / "attention.py"
    reader.run(cell("attention", "causal_mask"))
    source = replace_definition(reader.file("attention"), "attention_weights", "")
    source = source.replace("# minillama's, until you build it in lesson 04.\n\n", "\n")
    source = source.replace("import math\n", "")
    path.write_text(source, encoding="utf-8")
    assert "attention_weights" not in parts(source)
    assert main(["workbook", str(reader.folder)]) == 0
    mine, source = source, reader.file("attention")
    there = parts(source)
    assert there["causal_mask"].yours and not there["attention_weights"].yours
    lines = source.splitlines()
    assert "import math" in lines
    kept = iter(lines)  # every line that was there, in its order
    assert all(line in kept for line in mine.splitlines())
    reader.restart()
    out = reader.run(cell("attention", "attention_weights", "attend"))
    assert "attention_weights is right." in out and "attend is right." in out


def test_a_workbook_that_is_broken_is_not_added_to(reader, capsys):
    path = reader.folder / "my_minillama" / "norm.py"
    path.write_text("import torch\ndef f(:\n", encoding="utf-8")
    (reader.folder / "07_norm.ipynb").unlink()
    before = snapshot(reader.folder)
    said = error_of(capsys, "workbook", str(reader.folder))
    assert said.startswith(f"{path} is not Python, as its line 2 shows: ")
    assert snapshot(reader.folder) == before


# Readers


def test_one_who_knows_it_all(reader):
    for lesson, names in BUILDS.items():
        module = next(m for m in taught() if names[0] in parts(reader.file(m)))
        fill = {n: definitions(package_source(module))[n].source for n in names}
        printed = "".join(reader.play(lesson, fill))
        for name in names:
            assert f"{name} is right.\n" in printed
            assert f"It stands in my_minillama/{module}.py now.\n" in printed
            assert reader.names[name].__module__ == f"my_minillama.{module}"
    assert reader.yours() == {*EVERY}
    assert "All 8 parts of my_minillama that this workbook builds are yours." in printed

    out = in_a_fresh_process(
        reader.folder,
        """
import torch
import minillama.attention, minillama.rope
from importlib import import_module
from pathlib import Path
from minillama.course.registry import CHECKS
for check in CHECKS.values():
    if Path(f"my_minillama/{check.module}.py").is_file():
        result = check.run(getattr(import_module(f"my_minillama.{check.module}"), check.name))
        assert result.passed, result.message
from my_minillama.attention import Attention, apply_rope
assert apply_rope.__module__ == "my_minillama.rope"
config = minillama.ModelConfig.preset("tiny")
theirs, ours = Attention(config), minillama.attention.Attention(config)
theirs.load_state_dict(ours.state_dict())
x, tables = torch.randn(2, 5, config.dim), minillama.rope.rope_tables(config)
tables = [table[:5] for table in tables]
print(torch.equal(theirs(x, *tables), ours(x, *tables)))
""",
    )
    assert out == "True\n"


def test_their_rope_serves_their_attention(reader):
    turned = reference("rope", "apply_rope").replace("first, second", "mine, second")
    turned = turned.replace("(first * cos", "(mine * cos").replace("+ first * sin", "+ mine * sin")
    reader.run(
        "from my_minillama.attention import Attention\nfrom my_minillama import attention, rope"
    )
    before = reader.names["Attention"]
    assert "apply_rope is right" in reader.run("%%build rope\n" + turned)
    assert "mine, second" in reader.file("rope")
    # What was imported before is the new one too.
    assert reader.names["attention"].apply_rope is reader.names["apply_rope"]
    assert reader.names["attention"].apply_rope is reader.names["rope"].apply_rope
    assert reader.names["Attention"] is reader.names["attention"].Attention is not before
    reader.run("import inspect\nsource = inspect.getsource(apply_rope)")
    assert "mine, second" in reader.names["source"]


def not_yet(whose, name):
    return f"Until it is right, {whose} is used. Your attempt can be called as my_{name}.\n"


@pytest.mark.parametrize("name", EVERY)
def test_one_who_makes_every_known_mistake(reader, name):
    check = CHECKS[name]
    before = reader.file(check.module)
    for mistake in {mistake.name: mistake for mistake in check.mistakes}.values():
        out = reader.run(f"%%build {check.module}\n{check.source(mistake.edits)}")
        assert reader.kernel.error is None, out
        assert mistake.why in out, (mistake.name, out)
        assert not_yet("minillama's", name) in out
        assert reader.file(check.module) == before
        assert reader.names[name].__module__ == f"my_minillama.{check.module}"
        assert reader.names[f"my_{name}"].__module__ == "__main__"
        assert mistake.why in reader.run(f"check({name})\ncheck({name})")
    assert reader.yours() == set()


def test_one_who_starts_at_the_last_lesson_with_nothing_built(reader):
    printed = "".join(reader.play("07"))
    assert "RMSNorm: not built yet; minillama's is used until then.\n" in printed
    assert "0 of 8 parts of my_minillama are yours. progress() shows which.\n" in printed
    assert "is right" not in printed
    printed = "".join(reader.play("07", {"RMSNorm": reference("norm", "RMSNorm")}))
    assert "RMSNorm is right" in printed
    assert reader.yours() == {"RMSNorm"}


def test_check_never_praises_the_reference(reader):
    reader.run("from my_minillama.rope import apply_rope\nfrom minillama.norm import RMSNorm")
    for name, lesson in [("apply_rope", "05"), ("RMSNorm", "07")]:
        out = reader.run(f"result = check({name})")
        assert out == f"{name} is minillama's here, not yours: build it in lesson {lesson}.\n"
        assert not reader.names["result"].passed
    reader.run("%%build rope\ndef apply_rope(x, cos, sin):\n    return x")
    verdict = reader.run("check(apply_rope)")
    assert verdict.startswith("apply_rope is not right yet, as its build cell has said.\n")
    assert "  It shows where" in reader.run("check(apply_rope)")  # whoever asks again
    # The attempt itself can be checked too, and so can an exercise.
    assert reader.run("check(my_apply_rope)").startswith("apply_rope is not right yet.")
    reader.run(SOFTMAX + "    return scores.softmax(dim=-1)")
    assert "is right" in reader.run("check(softmax)")


WITH_ROOT = reference("attention", "attention_weights").replace("math.sqrt(", "root(")


def test_one_who_keeps_imports_and_helpers_in_other_cells(reader):
    reader.run("import numpy as np\nfrom math import sqrt as root")
    out = reader.run("%%build attention\n" + WITH_ROOT)
    assert (
        "attention_weights uses root, which only the notebook knows. my_minillama/attention.py is "
        "a file of its own and does not see other cells: put the import of root into the build "
        "cell too.\n" + not_yet("minillama's", "attention_weights")
    ) in out
    out = reader.run("%%build attention\n" + WITH_ROOT.replace("root(", "np.sqrt("))
    assert "put `import numpy as np` into the build cell too." in out
    reader.run("def root(x):\n    return np.sqrt(x)")
    out = reader.run("%%build attention\n" + WITH_ROOT)
    assert "attention_weights uses root, which" in out
    assert "put what defines root into the build cell too." in out
    out = reader.run("check(attention_weights)\ncheck(attention_weights)")
    assert "\nattention_weights uses root, which only the notebook knows." in out
    assert reader.yours() == set()

    reader.run("from my_minillama.attention import causal_mask")
    helper = "EXPONENT, ONE = 0.5, 1\n\n\ndef root(x):\n    return np.power(x, EXPONENT)\n\n\n"
    unused = "def unused():\n    return 1\n\n\nprint('hello')\n"
    code = f"import numpy as np\nimport os\n\n{helper}{unused}{WITH_ROOT}\n\n"
    code += "check(attention_weights)"
    out = reader.run("%%build attention\n" + code)
    assert reader.kernel.error is None
    assert out.startswith("hello\n") and out.count("attention_weights is right.") == 2
    source = reader.file("attention")
    assert "import numpy as np" in source and "import os" not in source and "unused" not in source
    assert "# Yours, which attention_weights uses.\ndef root(x):" in source

    # Another form of the helper takes the place of the first one.
    out = reader.run("%%build attention\n" + code.replace("np.power(x, EXPONENT)", "x ** EXPONENT"))
    assert "attention_weights is right." in out
    assert reader.file("attention").count("def root(x):\n    return x ** EXPONENT") == 1
    assert "np.power" not in reader.file("attention")
    in_a_fresh_process(reader.folder, "import my_minillama.attention")


def test_what_only_tries_a_definition_out_stays_in_the_notebook(reader):
    tries = "\n\nq, k = torch.randn(2, 3, 4)\nmask, x = None, 1\n"
    tries += "print(attention_weights(q, k).shape)"
    reader.run("from my_minillama.attention import causal_mask")
    out = reader.run(cell("attention", "attention_weights") + tries)
    assert out.startswith("torch.Size([3, 3])\nattention_weights is right.")
    assert "# Yours, which" not in reader.file("attention")
    assert reader.names["x"] == 1


def test_names_that_mean_something_else_in_the_file_are_refused(reader):
    code = reference("attention", "causal_mask").replace(
        "torch.arange(", "rearrange(torch.arange, "
    )
    helper = "def rearrange(f, *args, **kwargs):\n    return f(*args, **kwargs)\n\n\n"
    out = reader.run("%%build attention\n" + helper + code)
    assert (
        "causal_mask uses rearrange of this cell, but my_minillama/attention.py has another "
        "rearrange already. Give yours another name."
    ) in out
    code = "import numpy as F\n" + reference("attention", "causal_mask").replace("<=", "<= F.pi *")
    out = reader.run("%%build attention\n" + code)
    assert (
        "causal_mask needs `import numpy as F`, but in my_minillama/attention.py the name F comes "
        "from `import torch.nn.functional as F` already. Import yours under another name"
    ) in out
    helper = "def repeat_heads(x):\n    return x\n\n\n"
    code = reference("attention", "causal_mask").replace("position <=", "repeat_heads(position) <=")
    out = reader.run("%%build attention\n" + helper + code)
    assert "has another repeat_heads already" in out
    assert reader.yours() == set()


@pytest.mark.parametrize(
    ("value", "kind"),
    [("torch.ones(1)", "tensor"), ("numpy.ones(1)", "ndarray"), ("nn.Linear(1, 1)", "Linear")],
)
def test_what_another_cell_has_computed_is_not_to_be_imported(reader, value, kind):
    reader.run(f"import numpy\nweights = {value}")
    code = reference("attention", "attend").replace("@ v", "@ v + 0 * len(str(weights))")
    assert (
        "attend uses weights, which only the notebook knows. my_minillama/attention.py is a file "
        f"of its own and does not see other cells: weights is a {kind} that one of them made, so "
        "compute it inside, or pass it in.\nUntil it is right, minillama's is used."
    ) in reader.run("%%build attention\n" + code)


def test_a_name_that_nothing_defines_is_called_misspelt(reader):
    code = reference("attention", "attend").replace("attention_weights(", "atention_weights(")
    out = reader.run("%%build attention\n" + code)
    assert "attend uses atention_weights, which nothing defines: is it misspelt?" in out


def test_imports_that_the_module_lacks_come_along(reader):
    code = reference("norm", "RMSNorm").replace("torch.rsqrt(", "functional_root(")
    code = "import torch.nn\nfrom torch import rsqrt as functional_root, nn\n\n" + code
    assert "RMSNorm is right." in reader.run("%%build norm\n" + code)
    assert "from torch import rsqrt as functional_root\n" in reader.file("norm")
    # What is taught comes from their own package, also where they typed the other name.
    code = "from minillama.rope import apply_rope as turn\n"
    code += "from my_minillama.attention import causal_mask\n"
    code += reference("attention", "attention_weights") + "\n    turn"
    assert "attention_weights is right." in reader.run("%%build attention\n" + code)
    assert "from my_minillama.rope import apply_rope as turn\n" in reader.file("attention")
    assert "from my_minillama.attention" not in reader.file("attention")


def test_one_whose_code_raises_at_the_definition(reader):
    out = reader.run("%%build attention\ndef causal_mask(time: Imt, keys):\n    return 1")
    assert isinstance(reader.kernel.error, NameError)
    assert "----> 2 def causal_mask(time: Imt, keys):" in out and "adopt.py" not in out
    text = "causal_mask: its build cell stopped with NameError; minillama's is used.\n"
    assert out.startswith(text)
    assert text in reader.run("check(causal_mask)\ncheck(causal_mask)")
    # The lesson goes on, though this name had never been bound before.
    assert reader.run("print(causal_mask(1, 1).item())").endswith("True\n")


def test_one_whose_code_is_not_python(reader):
    out = reader.run("%%build attention\ndef attention_weights(q, k):\n    return q @ (k\n")
    assert isinstance(reader.kernel.error, NotPython)
    words, shown = out.split("  File ")
    assert words == (
        "attention_weights: its build cell is not Python; minillama's is used.\n"
        "attend: its build cell is not Python; minillama's is used.\n"
    )
    shown = shown.partition(":3\n")[2]
    assert shown.startswith("    return q @ (k\n               ^\nSyntaxError: '(' was never")
    reader.run("check(attention_weights)")
    assert reader.kernel.error is None and reader.yours() == set()


def test_one_whose_code_raises_when_it_is_checked(reader):
    code = reference("attention", "attend").replace("@ v", "@ v.reshape(7, -1)")
    out = reader.run("%%build attention\n" + code)
    assert reader.kernel.error is None
    assert "raises" in out and "`return attention_weights(q, k, mask) @ v.reshape(7, -1)`" in out
    assert reader.yours() == set()
    # Something that only fails when the file is imported.
    helper = "count = len(my_list)\n\n\n"
    reader.run("my_list = [1]")
    out = reader.run("%%build attention\n" + helper + code.replace("@ v", "@ v * count"))
    assert "attend uses my_list, which only the notebook knows." in out
    assert "my_list is a list that one of them made, so compute it inside, or pass it in." in out
    code = "size = int(__name__ == '__main__')\nwhole = 1 / size\n" + reference("norm", "RMSNorm")
    out = reader.run("%%build norm\n" + code.replace("+ self.eps", "+ self.eps * whole"))
    assert (
        "RMSNorm cannot stand in my_minillama/norm.py: importing that raises ZeroDivisionError at "
        "the line `whole = 1 / size`: division by zero"
    ) in out


def test_one_who_changes_a_definition_that_was_adopted(reader):
    right = cell("attention", "causal_mask")
    wrong = right.replace("position <= position", "position < position")
    other = right.replace("return position", "return position + 0")
    reader.run(right)
    out = reader.run(wrong)
    assert not_yet("yours from before", "causal_mask") in out
    assert reader.yours() == {"causal_mask"} and reader.names["causal_mask"](1, 1).item()
    assert "is not right yet" in reader.run("check(causal_mask)")
    assert "causal_mask is right." in reader.run(other)
    assert "return position + 0 <=" in reader.file("attention")
    assert "is right" in reader.run("check(causal_mask)")
    # A blank, from a new copy of the lesson, takes nothing away.
    blank = "%%build attention\n" + blanks.blank(
        reference("attention", "causal_mask"), ["causal_mask"]
    )
    out = reader.run(blank)
    assert out.startswith("causal_mask: left blank here; yours from before is used until then.\n")
    assert "causal_mask is right" in reader.run("check(causal_mask)")
    assert reader.yours() == {"causal_mask"}


def test_one_who_changes_what_is_given_is_told_where_it_counts(reader):
    given = reference("attention", "fused_attend").replace("def fused", "def  fused", 1)
    out = reader.run(cell("attention", "causal_mask") + "\n\n\n" + given)
    told = (
        "fused_attend is given, and not to build: this notebook uses it as you changed it, "
        "my_minillama/attention.py keeps it as it was.\n"
    )
    assert told in out and "causal_mask is right." in out
    assert reader.names["fused_attend"].__module__ == "__main__"
    assert "def  fused" not in reader.file("attention")
    assert "is given" not in reader.run(cell("attention", "causal_mask"))


def test_a_cell_of_which_all_is_given_says_so(reader):
    out = reader.run(cell("attention", "fused_attend"))
    assert out.startswith("fused_attend: given, the same as in my_minillama/attention.py.\n")


def test_a_helper_of_their_own_is_not_given(reader):
    right = cell("attention", "causal_mask").replace("return position", "return same(position)")
    for value in ("x", "x + 0"):
        out = reader.run(f"{right}\n\n\ndef same(x):\n    return {value}\n")
        assert "causal_mask is right." in out and "is given" not in out
        assert f"return {value}" in reader.file("attention")


def test_one_who_renames_or_deletes_the_function(reader):
    both = cell("attention", "attention_weights", "attend")
    out = reader.run(both.replace("def attend(", "def atend("))
    assert (
        "attend: this cell does not define it; minillama's is used. If atend is meant to be it, "
        "call it attend.\n"
    ) in out
    assert "attention_weights is right." in out
    out = reader.run("check(attend)\ncheck(attend)")
    assert "\nattend: this cell does not define it;" in out
    out = reader.run(cell("attention", "attention_weights"))
    assert "attend: this cell does not define it; minillama's is used.\n" in out
    out = reader.run("%%build attention\ndef mask(time, keys):\n    return 1")
    assert out.startswith(
        "This cell defines mask. To build in attention there are causal_mask (lesson 04), "
        "attention_weights (lesson 04), attend (lesson 04). A helper goes into the cell of the "
        "part that uses it.\n"
    )
    out = reader.run("%%build norm\ndef norm(x):\n    return x")
    assert "this cell does not define it; minillama's is used. If norm is meant to be it" in out
    out = reader.run("%%build attention\nprint(1)")
    assert out.startswith("1\nThis cell defines nothing. To build in attention there are causal_")
    assert reader.yours() == {"attention_weights"}


def test_a_class_with_only_some_methods_filled(reader):
    text = blanks.blank(reference("norm", "RMSNorm"), ["forward"])
    out = reader.run("%%build norm\n" + text)
    assert out.startswith("RMSNorm: forward not written yet; minillama's is used until then.\n")
    assert "my_RMSNorm" not in reader.names
    raising = text.replace("raise", "return x\n        raise")
    out = reader.run("%%build norm\n" + raising)
    assert (
        'RMSNorm still has the line `raise NotImplementedError("your code here")` in forward: '
        "delete it.\n" + not_yet("minillama's", "RMSNorm")
    ) in out
    bare = text.replace('("your code here")', "")
    for blank in (bare, bare.replace("Error", "Error()"), bare.replace("Error", "Error('to do')")):
        out = reader.run("%%build norm\n" + blank)
        assert out.startswith("RMSNorm: forward not written yet; minillama's is used until then.")
    code = reference("attention", "attend") + '\n    raise NotImplementedError("your code here")'
    out = reader.run("%%build attention\n" + code)
    assert 'attend still has the line `raise NotImplementedError("your code here")`: delete' in out


def test_a_rerun_changes_nothing(reader):
    first = reader.run(cell("norm", "RMSNorm"))
    source, bound = reader.file("norm"), reader.names["RMSNorm"]
    line = "1 of 8 parts of my_minillama are yours. progress() shows which.\n"
    assert first.startswith("RMSNorm is right.\n  ✓ one vector, by hand\n")
    assert first.endswith("\nIt stands in my_minillama/norm.py now.\n" + line)
    assert reader.run(cell("norm", "RMSNorm")) == "RMSNorm: still right.\n" + line
    assert reader.file("norm") == source and reader.names["RMSNorm"] is bound


def test_a_restart_forgets_nothing(reader):
    reader.run(cell("attention", "causal_mask"))
    reader.run("%%build attention\ndef attend(q, k, v, mask=None):\n    return v")
    reader.run(cell("norm", "RMSNorm"))
    reader.restart()
    assert reader.said == "Yours already: causal_mask, RMSNorm.\n"
    assert reader.run("print(causal_mask(1, 1).item(), RMSNorm.__module__)") == (
        "True my_minillama.norm\n"
    )
    assert "attend" not in reader.names
    reader.run("from my_minillama.attention import attend")
    assert reader.yours() == {"RMSNorm", "causal_mask"}
    assert "causal_mask is right.\n  ✓" in reader.run("check(causal_mask)")
    assert reader.run("check(attend)").startswith("attend is minillama's here, not yours:")
    out = reader.run("progress()")
    assert "lesson 04  attention    ✓ causal_mask  · attention_weights  · attend\n" in out
    assert reader.kernel.error is None, out


def test_where_nothing_is_theirs_nothing_is_said_of_it(reader):
    assert reader.said == ""


def test_progress_shows_what_is_theirs_and_what_in_part(reader, monkeypatch):
    drawn = []
    draw = plots.llama_map
    monkeypatch.setattr(plots, "llama_map", lambda **marks: drawn.append(marks) or draw(**marks))
    assert reader.run("progress()").endswith("The map of LLaMA. Yours: nothing yet.\n")
    reader.run(cell("attention", "causal_mask"))
    assert reader.run("progress()").endswith("The map of LLaMA. Yours in part: attention.\n")
    reader.run(cell("norm", "RMSNorm"))
    out = reader.run("progress()")
    assert "lesson 07  norm         ✓ RMSNorm\n" in out
    assert out.endswith("The map of LLaMA. Yours: norm; in part: attention.\n")
    reader.run(cell("attention", "attention_weights", "attend"))
    assert reader.run("progress()").endswith("The map of LLaMA. Yours: attention, norm.\n")
    assert drawn == [
        {"built": [], "begun": []},
        {"built": [], "begun": ["attention"]},
        {"built": ["norm"], "begun": ["attention"]},
        {"built": ["attention", "norm"], "begun": []},
    ]


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.path.stem)
def test_whatever_a_lesson_builds_has_its_box_on_the_map(lesson):
    for build in lesson.builds:
        plots.llama_map(built=[box_of(build.module, lesson.number)])


def test_progress_names_the_exercises_solved_and_a_restart_forgets_none(reader):
    assert "· softmax" in reader.run("progress()")
    reader.run(SOFTMAX + "    return scores")
    reader.run("check(softmax)")
    assert "· softmax" in reader.run("progress()")
    reader.run(SOFTMAX + "    return scores.softmax(dim=-1)")
    reader.run("check(softmax)\ncheck(softmax)")
    reader.restart()
    assert "lesson 04  exercises    ✓ softmax" in reader.run("progress()")


def test_what_is_known_to_be_right_is_said_in_a_line(reader):
    right = cell("attention", "attention_weights", "attend")
    wrong = right.replace("mask) @ v", "mask) @ -v")
    assert "attention_weights is right.\n  ✓" in reader.run(wrong)
    assert reader.run("x = check(attention_weights)") == "attention_weights is right, and yours.\n"
    out = reader.run(right)
    assert out.startswith("attention_weights: still right.\nattend is right.\n  ✓")
    assert out.count("It stands in my_minillama/attention.py now.\n") == 1
    both = "x = check(attention_weights)\nx = check(attend)"
    assert reader.run(both) == (
        "attention_weights is right, and yours.\nattend is right, and yours.\n"
    )
    # Whoever asks again sees why, and whoever comes back from a wrong one too.
    assert "attend is right.\n  ✓" in reader.run("result = check(attend)")
    assert reader.names["result"].passed
    reader.run(wrong)
    assert "attend is right.\n  ✓" in reader.run(right)
    # What is changed, if only in a comment, is judged in full.
    assert "attend is right.\n  ✓" in reader.run(right + "  # the mean")


def test_one_who_leaves_out_the_first_line(reader):
    code = reference("attention", "causal_mask")
    reader.run(code)
    out = reader.run("result = check(causal_mask)")
    line = "It is not in my_minillama yet: put `%%build attention` as the first line of its cell.\n"
    assert out.startswith("causal_mask is right.\n  ✓") and out.endswith("\n" + line)
    assert out == reader.names["result"].message + "\n" and reader.names["result"].passed
    assert reader.yours() == set()
    # Not where it is wrong, nor for an exercise, nor in a build cell.
    reader.run(code.replace("<=", "<"))
    assert "first line" not in reader.run("check(causal_mask)")
    reader.run(SOFTMAX + "    return scores.softmax(dim=-1)")
    assert "first line" not in reader.run("check(softmax)")
    out = reader.run(f"%%build attention\n{code}\n\n\ncheck(causal_mask)")
    assert "first line" not in out and reader.yours() == {"causal_mask"}
    reader.run(code)
    out = reader.run("check(causal_mask)")
    assert "It is not the one in my_minillama: put `%%build attention` as the first" in out
    # Nor for what a build cell has refused, whose reason it gave.
    reader.run("from math import sqrt as root")
    assert "put the import of root into" in reader.run("%%build attention\n" + WITH_ROOT)
    out = reader.run("check(my_attention_weights)")
    assert "attention_weights is right." in out and "first line" not in out


def test_one_who_writes_above_the_first_line(reader):
    out = reader.run("# mine\n" + cell("attention", "causal_mask"))
    assert out == "" and str(reader.kernel.error) == NOT_FIRST.format("attention")
    assert "causal_mask is right." in reader.run("\n\n" + cell("attention", "causal_mask"))


def test_a_helper_that_nothing_uses_any_more_is_removed(reader):
    code = reference("attention", "causal_mask")
    helper = "FIRST, OTHER = 0, 1\n\n\n"
    helper += "def positions(*size, **where):\n    return torch.arange(*size, **where) + FIRST\n"
    helped = code.replace("torch.arange(keys", "positions(keys")
    helped = f"{helper}\n\n{helped}"
    reader.run("%%build attention\n" + code)
    plain = reader.file("attention")
    out = reader.run("%%build attention\n" + helped)
    assert "causal_mask is right." in out
    assert reader.file("attention").count("# Yours, which causal_mask uses.\n") == 2
    assert "causal_mask is right." in reader.run("%%build attention\n" + code)
    assert reader.file("attention") == plain

    # One that another part uses too, or another module imports, stays.
    reader.run("%%build attention\n" + helped)
    weights = reference("attention", "attention_weights").replace(
        "    if mask is None", "    positions(1)\n    if mask is None"
    )
    assert "right." in reader.run(f"%%build attention\n{helper}\n\n{weights}")
    reader.run("%%build attention\n" + code)
    source = reader.file("attention")
    assert "# Yours, which attention_weights uses.\ndef positions(*size" in source
    assert "which causal_mask uses" not in source
    in_a_fresh_process(reader.folder, "import my_minillama.attention")

    # And so does one of which another module speaks.
    path = reader.folder / "my_minillama" / "norm.py"
    user = "from my_minillama.attention import (\n    positions as p,\n)\n"
    path.write_text(f"{reader.file('norm')}\n\n{user}", encoding="utf-8")
    reader.run(f"%%build attention\n{reference('attention', 'attention_weights')}")
    assert reader.file("attention").count("# Yours, which") == 2
    path.write_text(reader.file("norm").replace(user, ""), encoding="utf-8")
    reader.run(f"%%build attention\n{reference('attention', 'attention_weights')}  # as it was")
    assert "# Yours, which" not in reader.file("attention")


def test_definitions_of_one_cell_are_judged_each_by_itself(reader):
    """One that is right is adopted though it stands beside, and calls, one that is wrong."""
    wrong = cell("attention", "attention_weights", "attend").replace("/ math.sqrt", "* math.sqrt")
    out = reader.run(wrong)
    assert "attention_weights is not right yet." in out and "attend is right." in out
    assert reader.yours() == {"attend"}
    reader.run(cell("attention", "attend", "attention_weights", "causal_mask"))
    assert reader.yours() == {"causal_mask", "attention_weights", "attend"}


def test_a_build_cell_may_be_split_into_several(reader):
    for name in ("attention_weights", "attend", "causal_mask"):
        reader.run(cell("attention", name))
    for name in ("attention_weights", "attend", "causal_mask"):
        assert f"{name} is right" in reader.run(f"check({name})")
    assert reader.yours() == {"causal_mask", "attention_weights", "attend"}


def test_a_right_definition_must_serve_what_uses_it(reader, monkeypatch):
    blind = Check("apply_rope", "rope", CHECKS["apply_rope"].hints)
    monkeypatch.setitem(CHECKS.loaded, "apply_rope", blind)  # calls anything right
    turned = cell("rope", "apply_rope")
    out = reader.run(turned.replace("turned.type_as(x)", "-turned.type_as(x).flip(-2)"))
    assert "apply_rope is right by itself, but Attention does not work with it. The rest" in out
    assert "build that better first.\nAttention is not right yet." in out
    assert not_yet("minillama's", "apply_rope") in out
    assert reader.yours() == set()

    # What did not work before is not blamed on it.
    path = reader.folder / "my_minillama" / "attention.py"
    source = reader.file("attention")
    path.write_text(source.replace("self.wv(x)", "self.wk(x)"), encoding="utf-8")
    reader.restart()
    assert "apply_rope is right." in reader.run(turned)
    assert reader.yours() == {"apply_rope"}


def test_an_interrupt_leaves_everything_as_it_was(reader, monkeypatch):
    before = reader.file("norm")

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(my_package.MyPackage, "write", interrupted)
    out = reader.run(cell("norm", "RMSNorm"))
    assert "RMSNorm: its build cell stopped with KeyboardInterrupt; minillama's is used.\n" in out
    assert reader.file("norm") == before
    assert reader.names["RMSNorm"].__module__ == "my_minillama.norm"
    monkeypatch.undo()


def test_files_with_windows_line_ends_are_read(reader):
    path = reader.folder / "my_minillama" / "norm.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "RMSNorm is right." in reader.run(cell("norm", "RMSNorm"))
    assert b"\r" not in path.read_bytes()


def test_a_notebook_away_from_its_package_says_so(reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    leave()
    kernel = reader.make()
    assert kernel.run("%load_ext minillama.course.workbook") == ""
    assert str(kernel.error) == (
        f"there is no my_minillama in {tmp_path}: open this notebook in the folder that "
        "`minillama workbook` made, where my_minillama stands beside it, and restart its kernel."
    )


UNDO = (
    "Undo what was changed in the file by hand, or run `minillama workbook . --repair`; then "
    "restart the kernel."
)
BROKEN = {  # what somebody may do to norm.py, and where that shows
    "not Python": ("import torch\n\ndef f(:\n", 3, "`def f(:`, raises SyntaxError: "),
    "indented": ("import torch\n    import math\n", 2, "`import math`, raises IndentationError: "),
    "raises": ("import torch\nx = y\n", 2, "`x = y`, raises NameError: name 'y' is not defined."),
    "not UTF-8": (b"import torch\n# \xff", 2, "raises SyntaxError: it is not UTF-8 text."),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_package_broken_by_hand_is_told_with_file_and_line(reader, kind):
    text, number, words = BROKEN[kind]
    path = reader.folder / "my_minillama" / "norm.py"
    before = path.read_bytes()
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def told(source):
        reader.run(source)
        said = str(reader.kernel.error)
        assert "my_minillama/norm.py is broken: line " in said and words in said, said
        assert f"line {number}" in said and said.endswith(UNDO) and "\n" not in said
        assert type(reader.kernel.error).__name__ == "UsageError"

    leave()
    reader.kernel = reader.make()
    told("%load_ext minillama.course.workbook")

    # And where it happens while the notebook is open.
    path.write_bytes(before)
    reader.restart()
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if kind != "raises":
        for source in (cell("norm", "RMSNorm"), cell("rope", "apply_rope")):
            told(source)
        assert reader.file("rope").count("# Yours") == 0
    path.write_bytes(before)
    assert "RMSNorm is right." in reader.run(cell("norm", "RMSNorm"))


def test_what_is_built_is_not_blamed_for_another_file_broken_by_hand(reader):
    path = reader.folder / "my_minillama" / "rope.py"
    path.write_text("x = 1 / 0\n\n\n" + reader.file("rope"), encoding="utf-8")
    reader.run(cell("attention", "causal_mask"))
    assert str(reader.kernel.error) == (
        "my_minillama/rope.py is broken: line 1, `x = 1 / 0`, raises ZeroDivisionError: division "
        f"by zero. {UNDO}"
    )
    assert reader.yours() == set()


def test_a_package_broken_by_hand_says_so(reader):
    path = reader.folder / "my_minillama" / "norm.py"
    path.write_text("x = 1 / 0\n", encoding="utf-8")
    leave()
    kernel = reader.make()
    kernel.run("%load_ext minillama.course.workbook")
    assert str(kernel.error) == (
        "my_minillama/norm.py is broken: line 1, `x = 1 / 0`, raises ZeroDivisionError: division "
        f"by zero. {UNDO}"
    )


def test_an_exercise_left_blank_is_not_written(reader):
    for blank in ('NotImplementedError("your code here")', "NotImplementedError()"):
        reader.run(f"{SOFTMAX}    raise {blank}")
        assert "is not written yet: fill in the blank." in reader.run("check(softmax)")


def test_progress_outside_a_workbook_says_how_to_get_one(capsys):
    from minillama.course import progress

    progress()
    assert "`minillama workbook my-course` makes one" in capsys.readouterr().out


def test_progress_is_seen_from_any_python_in_the_folder(reader):
    reader.run(cell("norm", "RMSNorm"))
    said = in_a_fresh_process(reader.folder, "from minillama.course import progress; progress()")
    assert "norm         ✓ RMSNorm" in said and "· causal_mask" in said


# Two notebooks, and what gets lost or broken


class Other(Reader):
    """Another notebook of the same workbook, whose my_minillama is its own process's."""

    def __init__(self, reader):
        self.mine = my_package.take_out(), Workbook.here
        super().__init__(reader.folder, reader.make)

    def run(self, source):
        before = my_package.take_out(), Workbook.here
        for_this, Workbook.here = self.mine
        sys.modules.update(for_this)
        try:
            return super().run(source)
        finally:
            self.mine = my_package.take_out(), Workbook.here
            sys.modules.update(before[0])
            Workbook.here = before[1]


def test_two_notebooks_see_what_the_other_adopts(reader):
    mine = my_package.take_out(), Workbook.here
    other = Other(reader)
    my_package.take_out()
    sys.modules.update(mine[0])
    Workbook.here = mine[1]
    other.run(cell("attention", "causal_mask").replace("return position", "return 0 + position"))
    assert reader.yours() == {"causal_mask"}
    out = reader.run(cell("attention", "attend"))
    assert out.startswith(
        "my_minillama has changed outside this notebook, in attention, and is used"
    )
    assert reader.yours() == {"causal_mask", "attend"} and "0 + position" in reader.file(
        "attention"
    )
    assert "has changed outside" not in reader.run(cell("norm", "RMSNorm"))
    out = other.run("check(causal_mask)")
    assert "in attention, norm, and is used as it is now." in out and other.kernel.error is None


def test_what_is_adopted_during_a_check_is_not_overwritten(reader, monkeypatch):
    """Another notebook writes between the moment a check has begun and that of the writing."""
    path = reader.folder / "my_minillama" / "attention.py"
    users = Workbook.broken_users

    def meanwhile(*args):
        if "0 + position" not in path.read_text("utf-8"):
            code = reference("attention", "causal_mask").replace("return pos", "return 0 + pos")
            path.write_text(
                splice(path.read_text("utf-8"), "attention", "causal_mask", code), "utf-8"
            )
        return users(*args)

    monkeypatch.setattr(Workbook, "broken_users", meanwhile)
    assert "attend is right." in reader.run(cell("attention", "attend"))
    assert reader.yours() == {"causal_mask", "attend"} and "0 + position" in reader.file(
        "attention"
    )


def edit(file, *change):
    text = file.read_text("utf-8")
    assert change[0] in text
    file.write_text(text.replace(*change), "utf-8")


HARM = {  # what is done to a file of the workbook, and what progress() then says of it
    "my_minillama/norm.py": {
        "is missing": Path.unlink,
        "is broken: line 1, `def (`, raises SyntaxError": lambda p: p.write_text("def (\n"),
        "is broken: line 1, `x = 1 / 0`, raises": lambda p: p.write_text("x = 1 / 0\n"),
        "is broken: line 1 raises SyntaxError: it is": lambda p: p.write_bytes(b"# \xff\n"),
        "has RMSNorm as somebody": lambda p: edit(p, "torch.rsqrt", "torch.sqrt"),
        "lacks a definition": lambda p: p.write_text("import torch\n"),
        "is missing.": lambda p: (p.unlink(), p.mkdir()),
    },
    "my_minillama/__init__.py": {
        "is missing": Path.unlink,
        "is not Python": lambda p: p.write_text("def ("),
    },
    "07_norm.ipynb": {
        "is missing": Path.unlink,
        "is no notebook any more": lambda p: p.write_text("{"),
        "is no notebook any more.": lambda p: p.write_text("[1]"),
    },
    "README.md": {"is missing": Path.unlink},
    ".workbook.json": {"is damaged": lambda p: p.write_text('{"solved": 3}')},
}


@pytest.mark.parametrize(("file", "said"), [(f, s) for f in HARM for s in HARM[f]])
def test_harm_is_told_by_progress_and_put_right(reader, capsys, file, said):
    reader.run(cell("attention", "causal_mask"))
    path = reader.folder / file
    before, clean = path.read_bytes(), reader.run("progress()")
    assert "--repair" not in clean
    HARM[file][said](path)
    harmed = path.read_bytes() if path.is_file() else None
    out = reader.run("progress()")
    assert reader.kernel.error is None
    assert f"{file} {said}" in out and out.count("minillama workbook . --repair") == 1
    mine = reader.file("attention")
    assert main(["workbook", str(reader.folder), "--repair"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{file} {said.rstrip('.')}") and ": written anew" in line
    if file != ".workbook.json" and not said.startswith("lacks"):
        assert path.read_bytes() == before
    assert harmed is None or path.with_name(f"{path.name}.old").read_bytes() == harmed
    assert reader.file("attention") == mine
    assert main(["workbook", str(reader.folder), "--repair"]) == 0
    assert capsys.readouterr().out.startswith("Nothing is missing or broken in ")
    assert "--repair" not in reader.run("progress()")


def test_what_was_adopted_is_put_back_as_it_was_built(reader, capsys):
    reader.run(cell("norm", "RMSNorm").replace("wide = wide *", "wide = 1 * wide *"))
    mine = reader.file("norm")
    for path in (reader.folder / "my_minillama").iterdir():
        path.unlink() if path.is_file() else None
    assert main(["workbook", str(reader.folder), "--repair"]) == 0
    out = capsys.readouterr().out
    assert "norm.py is missing: written anew, with RMSNorm as you built it.\n" in out
    assert reader.file("norm") == mine
    assert error_of(capsys, "workbook", str(reader.folder / "x"), "--repair").endswith(
        "is no workbook: without --repair, this makes one"
    )


def test_what_is_edited_by_hand_is_told_where_its_module_is_built(reader):
    edit(reader.folder / "my_minillama" / "attention.py", "math.sqrt(", "math.log(")
    out = reader.run(cell("attention", "causal_mask"))
    assert "my_minillama/attention.py has attention_weights, grouped_attend as somebody" in out
    assert "causal_mask is right." in out and reader.yours() == {"causal_mask"}


# Answers that are none


@pytest.mark.parametrize("body", ["pass", "...", "raise NotImplementedError", '"""Words."""'])
def test_a_body_without_code_is_not_built(reader, body):
    out = reader.run(f"%%build attention\ndef causal_mask(time, keys, device=None):\n    {body}")
    assert out.startswith("causal_mask: not built yet; minillama's is used until then.\n")
    assert reader.run("check(causal_mask)").startswith("causal_mask is not built yet, as its build")
    reader.run(f"def softmax(scores):\n    {body}")
    assert "is not written yet: fill in the blank." in reader.run("check(softmax)")


def test_a_cell_that_uses_what_is_not_built_says_so_once(reader):
    reader.run("from my_minillama.attention import causal_mask, attend")
    line = "Not built yet, so minillama's own is used here: causal_mask.\n"
    twice = "for _ in 'ab':\n    print(causal_mask(1, 1).item())"
    assert reader.run(twice) == line + "True\nTrue\n"
    assert "Not built yet" not in reader.run("x = check(causal_mask)")
    reader.run(cell("attention", "causal_mask"))
    assert reader.run("print(causal_mask(1, 1).item())").endswith("True\n")


BORROWED = {
    "by its name": "import minillama as m\n{}    return m.attention.causal_mask(time, keys)",
    "of a module": "import minillama.attention as a\n{}    return a.causal_mask(time, keys)",
    "renamed": "from minillama.attention import causal_mask as mask\n{}    return mask(time, keys)",
    "inside": "{}    from minillama.attention import causal_mask as f\n    return f(time, keys)",
}


@pytest.mark.parametrize("how", BORROWED)
def test_minillamas_own_is_not_an_answer(reader, how):
    head = "def causal_mask(time, keys, device=None):\n"
    out = reader.run("%%build attention\n" + BORROWED[how].format(head))
    assert "minillama's own causal_mask" in out or "uses minillama's causal_mask under" in out
    assert reader.yours() == set()


def test_the_solution_of_an_exercise_is_not_an_answer(reader):
    reader.run("from minillama.course.lessons.lesson_04.solutions import softmax as e")
    reader.run("def softmax(scores):\n    return e(scores)")
    assert "leaves the work to minillama's own" in reader.run("check(softmax)\ncheck(e)")
    assert "· softmax" in reader.run("progress()")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no timer that interrupts")
@pytest.mark.parametrize("loop", ["while True:\n        pass", "while True:\n        try:\n"
    "            time = time\n        except Exception:\n            pass"])  # fmt: skip
def test_an_answer_that_never_ends_is_stopped(reader, monkeypatch, loop):
    monkeypatch.setattr("minillama.course.checking.answer.PATIENCE", 1.0)
    threads = threading.active_count()
    out = reader.run(f"%%build attention\ndef causal_mask(time, keys, device=None):\n    {loop}")
    assert "causal_mask was stopped at the line `" in out
    assert "no result after 1 seconds: does a loop never end?" in out
    assert reader.kernel.error is None and threading.active_count() == threads
    assert "causal_mask is right." in reader.run(cell("attention", "causal_mask"))


# The parts that they are made of


def test_unbound_names_are_those_that_nothing_defines():
    source = """
import os.path
from a import b as c
X: int = len([])
def f(x, *y, z=X, **w) -> "Later":
    global counter
    counter = [i for i in y if i]
    def inner():
        nonlocal x
        x = missing(c, os)
    return lambda q: q + unknown, __name__
class A(f.base):
    attribute = 1
    def g(self): return super().g(self.attribute, A, attribute)
"""
    assert unbound(source) == ["attribute", "missing", "unknown"]


def test_splicing_leaves_the_rest_alone():
    source = (
        '"""Doc."""\n\nimport a\n\n\n# minillama\'s, until you build it in lesson 04.\n'
        "@a.b\ndef f():\n    return 1\n\n\ndef g():\n    return f()\n"
    )
    cell = "import b\n\ndef h():\n    return b\n\ndef f():\n    return h"
    made = splice(source, "norm", "f", cell)
    assert made == (
        '"""Doc."""\n\nimport a\nimport b\n\n\n# Yours, which f uses.\ndef h():\n    return b\n\n\n'
        "# Yours, built in lesson 04.\ndef f():\n    return h\n\n\ndef g():\n    return f()\n"
    )
    assert splice(made, "norm", "f", cell) == made


# The lessons that there are

WHOLE = """
import torch
import minillama
from my_minillama.model import Llama

config = minillama.ModelConfig.preset("tiny")
theirs, ours = Llama(config), minillama.Llama(config)
theirs.load_state_dict(ours.state_dict())
assert type(theirs.norm).__module__ == "my_minillama.norm"
tokens = torch.arange(30).view(2, 15) % config.vocab_size
same = torch.equal(theirs(tokens), ours(tokens))
"""


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.path.stem)
def test_real_lessons_can_be_built_whole(lesson, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    folder = tmp_path / "w"
    make_workbook(folder)
    notebook = json.loads((folder / lesson.path.name).read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        assert "solution" not in cell["metadata"].get("tags", [])
        assert not re.search(r"^#+ +Solutions", cell["source"], re.MULTILINE)
    monkeypatch.chdir(folder)
    with kernels() as make:
        try:
            kernel = make()
            first = next(c["source"] for c in notebook["cells"] if c["cell_type"] == "code")
            assert first.splitlines()[0] == "%load_ext minillama.course.workbook"
            imports = [line for line in first.splitlines() if re.match("%load|import|from", line)]
            kernel.run("\n".join(imports))
            assert kernel.error is None
            blank = [c["source"] for c in notebook["cells"] if BUILD.match(c["source"])]
            assert len(blank) == len(lesson.builds)
            for source, build in zip(blank, lesson.builds, strict=True):
                # What has no check is given: a constant, or a line around PyTorch's own.
                made = [name for name in build.definitions if name in CHECKS]
                told = ": not built yet; minillama's is used until then." if made else ": given,"
                assert told in kernel.run(source)
                kernel.run(f"%%build {build.module}\n{build.source}")
                assert kernel.error is None
                there = parts(package(folder, build.module))
                assert {name: there[name].yours for name in made} == dict.fromkeys(made, True)
            # A whole model of theirs computes what minillama's does.
            kernel.run(WHOLE)
            assert kernel.error is None and kernel.names["same"]
        finally:
            leave()
