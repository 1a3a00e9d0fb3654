"""The lessons: what executing them does not show. And the tools that execute and keep them."""

import json
import logging
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import lint
import pytest
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from minillama.course.__main__ import main
from minillama.course.authoring.pictures import chosen_picture, picture_file, write_picture
from minillama.course.authoring.sync import carry
from minillama.course.source.taught import Lesson, lessons
from minillama.system.assets import PACKAGE
from minillama.system.notebooks import (
    WIDGET,
    LessonError,
    execute,
    read_notebook,
    tidy,
    write_notebook,
)

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)


# The lessons


def test_every_notebook_is_a_lesson():
    assert LESSONS and [lesson.path for lesson in lessons()] == LESSONS


@each_lesson
def test_a_lesson_is_as_lessons_are(lesson):
    found = lint.problems(lesson)
    assert not found, "\n".join([lesson.name, *found])


@each_lesson
def test_a_lesson_has_a_row_in_the_readme_with_a_picture_from_it(lesson):
    notebook, file = read_notebook(lesson), picture_file(lesson)
    assert file.is_file() and file.read_bytes() == chosen_picture(lesson, notebook)
    minutes = notebook.metadata["minillama"]["minutes"]
    rows = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    [row] = [row for row in rows if f"(notebooks/{lesson.name})" in row and row[0] == "|"]
    assert f'src="{file.relative_to(ROOT).as_posix()}"' in row
    assert f"| {minutes} |" in row
    built = [name for build in Lesson(lesson).builds for name in build.definitions]
    assert all(f"`{name}`" in row for name in built if not name.startswith("_")), built


def test_pictures_are_only_of_lessons_and_in_a_clone(tmp_path):
    assert {file.stem for file in (ROOT / "assets" / "lessons").iterdir()} == {
        lesson.stem for lesson in LESSONS
    }
    notebook = read_notebook(LESSONS[0])
    write_picture(tmp_path / "notebooks" / LESSONS[0].name, notebook)
    assert not [*tmp_path.iterdir()]
    (tmp_path / "assets" / "lessons").mkdir(parents=True)
    write_picture(tmp_path / "notebooks" / LESSONS[0].name, notebook)
    [file] = (tmp_path / "assets" / "lessons").iterdir()
    assert file.read_bytes() == picture_file(LESSONS[0]).read_bytes()


def test_a_picture_that_is_not_there_is_named():
    notebook = read_notebook(LESSONS[0])
    notebook.metadata["minillama"]["picture"] = 99
    with pytest.raises(LessonError, match="so none of the number 99"):
        chosen_picture(LESSONS[0], notebook)
    del notebook.metadata["minillama"]["picture"]
    assert chosen_picture(LESSONS[0], notebook) is None


def test_lessons_and_package_hold_the_same_definitions():
    found = carry(LESSONS, PACKAGE)
    lines = found.changed + found.homeless
    assert not lines, "\n".join([*lines, "run `python -m minillama.course splice --to ...`"])


def test_lines_that_a_lesson_marks_as_new_are_those_of_the_package():
    files = PACKAGE.glob("*.py")
    lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
    package = {line.partition("  # ")[0].strip() for line in lines}  # without comments
    marked = [
        line[1:].strip()
        for lesson in LESSONS
        for cell in read_notebook(lesson).cells
        for block in re.findall(r"^```diff\n(.*?)^```", cell.source, re.M | re.S)
        for line in block.splitlines()
        if line.startswith("+")
    ]
    assert marked and not [line for line in marked if line not in package]


@each_lesson
def test_a_page_without_a_kernel_shows_everything(lesson):
    for template in ("lab", "classic"):
        assert missing(lesson, template) == []


def missing(path, template):
    """What a lesson stores and its web page lacks, and what nbconvert complains of."""
    page, complaints = page_of(path, template)
    shown = parts(page)
    for cell in read_notebook(path).cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                wanted = parts(data["text/html"])
                if not any(shown[i : i + len(wanted)] == wanted for i in range(len(shown))):
                    complaints.append(f"lacks {data['text/html'][:200]}")
            elif "image/png" in data:
                alt = output.metadata["image/png"]["alt"]
                pictures = [attributes for tag, attributes in shown if tag == "img"]
                same = [p for p in pictures if p["src"].endswith(data["image/png"].strip())]
                # nbconvert 7 writes alt texts in its classic template only, and says so.
                if not same or (template == "classic" and same[0]["alt"] != alt):
                    complaints.append(f"lacks the picture: {alt}")
    return complaints


def page_of(path, template):
    """The lesson as a web page, and what nbconvert complains of while it makes it."""
    complaints = []

    class Collect(logging.Handler):
        def emit(self, record):
            complaints.append(record.getMessage())

    exporter = HTMLExporter(template_name=template, embed_images=True)
    handler = Collect(logging.WARNING)
    exporter.log.addHandler(handler)
    try:
        page, _ = exporter.from_filename(str(path))
    finally:
        exporter.log.removeHandler(handler)
    if template == "lab":
        complaints = [line for line in complaints if "Alternative text" not in line]
    return page, complaints


def parts(html):
    """The tags with their attributes, and the texts, of a piece of HTML in their order."""
    found = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))

        def handle_data(self, data):
            if data.strip():
                found.append(("", " ".join(data.split())))

    parser = Parser()
    parser.feed(html)
    parser.close()
    return found


# The lint, on lessons that are wrong in one thing each


def code(source, outputs=(), tags=(), **metadata):
    if tags:
        metadata["tags"] = list(tags)
    return new_code_cell(source, outputs=list(outputs), metadata=metadata)


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def picture(alt="A line that rises.", text="A line that rises.", **more):
    metadata = {"image/png": {"alt": alt}} if alt else {}
    data = {"image/png": "iVBORw0KGgo=", "text/plain": text, **more}
    return new_output("display_data", data=data, metadata=metadata)


FIRST = "%load_ext minillama.course\nimport torch\n\ntorch.set_num_threads(1)"
PROSE = " ".join(["Each word of these counts."] * 14)


def caption(text="A line that rises."):
    html = f"<p><em>{text}</em></p>"
    return new_output("display_data", data={"text/html": html, "text/plain": text})


def lesson_cells():
    """The cells of a lesson without a fault."""
    cells = [code(FIRST)]
    for _ in range(6):
        cells += [new_markdown_cell(PROSE), code("print(1)", [stream("1\n")])]
    cells += [new_markdown_cell(PROSE) for _ in range(17)]
    cells += [code("plots.show(ax, 'A line')", [picture(), caption()]) for _ in range(4)]
    blank = 'def double(x):\n    """Twice x."""\n    raise NotImplementedError("your code here")'
    cells += [code(blank, tags=["exercise"]), code("check(double)", [stream("not written\n")])]
    cells += [new_markdown_cell("## Solutions")]
    solution = "def double(x):\n    return 2 * x"
    return [*cells, code(solution, tags=["solution"], jupyter={"source_hidden": True})]


def make(folder, cells, name="07_test.ipynb", **facts):
    """Write a notebook of these cells, as if it had been executed."""
    notebook = new_notebook(cells=list(cells))
    notebook.metadata["minillama"] = {"minutes": 30, "budget_seconds": 25} | facts
    executed = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(executed, 1):
        cell.execution_count = number
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number}"
    path = folder / name
    write_notebook(path, tidy(notebook))
    return path


def test_the_lint_finds_nothing_in_a_lesson_without_a_fault(tmp_path):
    assert lint.problems(make(tmp_path, lesson_cells())) == []


ERROR = new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
HTML = {"text/plain": "A map.", "text/html": "<img src='data:image/png;base64,AA'>"}
REMOTE = {"text/plain": "A map.", "text/html": "<script src='https://example.org/a.js'></script>"}

BAD_CELLS = {
    "it writes to stderr: careful": code("warn()", [stream("careful", "stderr")]),
    "an exception is stored, without": code("1 / 0", [ERROR]),
    "no exception is stored": code("1 / 1", tags=["raises-exception"]),
    "a traceback is printed": code("f()", [stream("Traceback (most recent call last):\n")]),
    "a path of one machine: /home/mia/x.py": code("print(p)", [stream("/home/mia/x.py:3\n")]),
    r"a path of one machine: C:\Users\mia": code(r"open(r'C:\Users\mia')"),
    "a path of one machine: /tmp/x": new_markdown_cell("Look into /tmp/x for it."),
    "an address in memory": code("f", [stream("<function f at 0x7f21e8c0>\n")]),
    "without a network: https://": code("get('https://example.org')"),
    "without a network: requests": code("import requests"),
    "without a network: pip": code("%pip install torch"),
    "loads something from the network": code("v", [new_output("display_data", data=REMOTE)]),
    "31 lines of code": code("\n".join(["x = 1"] * 31)),
    "it is empty": code(""),
    "unknown tag 'nbval-skip'": code("f()", tags=["nbval-skip"]),
    "is folded": code("def f():\n    return 1", tags=["solution"]),
    "only a solution, is folded": code("1 + 1", jupyter={"source_hidden": True}),
    "so it asserts something": code("clock()", tags=["nbval-ignore-output"]),
    "without alt text": code("draw()", [picture(alt="")]),
    "whose text/plain is '<Figure": code("draw()", [picture(text="<Figure size 3x3>")]),
    "whose text/plain is ''": code("draw()", [picture(text="")]),
    "an <img> without alt text": code("v", [new_output("display_data", data=HTML)]),
    "nothing is stored that a page can show": code(
        "v", [new_output("display_data", data={"text/plain": "VBox(children=(Text(),))"})]
    ),
    "a semicolon at its end": code("draw();"),
    "are those of minillama/rope.py": code(
        "%%build rope\ndef f():\n    return 1", [stream("f differs from minillama/rope.py. ...\n")]
    ),
    "a module's name are the first line": code("x = 1\n%%build rope"),
    "import it from minillama.attention, not minillama.model": code(
        "from minillama.model import Attention"
    ),
    "import it from minillama.norm, not minillama": code("from minillama import RMSNorm"),
    "`from minillama import rope`": code("from minillama import rope"),
    "write `from minillama.rope import ...`": code("import minillama.rope as r"),
    "an exercise has the line": code("def g():\n    ...", tags=["exercise"]),
    "or the code cell after it, calls check": code(
        f"def g():\n    {lint.BLANK}", tags=["exercise"]
    ),
    "stands under the heading": code(
        "def f():\n    return 1", tags=["solution"], jupyter={"source_hidden": True}
    ),
}


@pytest.mark.parametrize("words", BAD_CELLS)
def test_the_lint_finds_a_bad_cell(words, tmp_path):
    cells = lesson_cells()
    cells[20] = BAD_CELLS[words]  # in the place of a cell of prose
    found = lint.problems(make(tmp_path, cells))
    assert any(words in line for line in found), found
    assert all("cell 21" in line for line in found), found


def test_the_lint_lets_a_long_build_cell_and_a_stored_exception_be(tmp_path):
    cells = lesson_cells()
    same = stream("f: the same as in minillama/rope.py.\n")
    cells[20] = code("%%build rope\n" + "\n".join(["x = 1"] * 40), [same])
    cells[21] = code("1 / 0", [ERROR], tags=["raises-exception"])
    cells[22] = code("assert clock() < 9", [stream("at 0x7f21e8c0\n")], ["nbval-ignore-output"])
    cells[23] = code("from minillama.rope import apply_rope\nfrom minillama import Tokenizer")
    cells[24] = code("minillama.generate(minillama.Llama(config))")
    assert lint.problems(make(tmp_path, cells)) == []


def without(count, source):
    """A lesson without the first `count` cells of this source, or with more of it."""
    cells = lesson_cells()
    for _ in range(count):
        cells.remove(next(cell for cell in cells if cell.source == source))
    extra = [new_markdown_cell(source) for _ in range(-count)]
    return cells[:1] + extra + cells[1:]


@pytest.mark.parametrize(
    ("words", "cells", "facts"),
    [
        ("29 cells, and 30 to 55 is right", without(8, PROSE), {}),
        ("56 cells, and 30 to 55 is right", without(-19, ""), {}),
        ("3612 words, and 1000 to 2000 is right", without(-1, "word " * 2001), {}),
        ("3 figures, and 4 to 8 is right", without(1, "plots.show(ax, 'A line')"), {}),
        ("50 minutes, and 5 to 45 is right", lesson_cells(), {"minutes": 50}),
        ("budget_seconds is one of (25, 60)", lesson_cells(), {"budget_seconds": 90}),
        ("has no line `torch.set_num_threads(1)`", without(1, FIRST), {}),
        ("bytes; pictures of fewer dots", without(-1, "<!--" + "x" * 400_000 + "-->"), {}),
    ],
)
def test_the_lint_counts(words, cells, facts, tmp_path):
    assert words in "\n".join(lint.problems(make(tmp_path, cells, **facts)))


def set_in(*keys, value):
    def edit(notebook):
        for key in keys[:-1]:
            notebook = notebook[key]
        notebook[keys[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("words", "edit"),
    [
        ("not executed once each", set_in("cells", 2, "execution_count", value=9)),
        ("not executed once each", set_in("cells", 2, "execution_count", value=None)),
        ("two cells have the same id", set_in("cells", 2, "id", value="cell-1")),
        ("the state of live widgets", set_in("metadata", "widgets", value={})),
        ("run it", set_in("metadata", "language_info", "version", value="3.11.2")),
        ("run it", set_in("cells", 2, "metadata", "execution", value={"started": "now"})),
        ("run it", set_in("nbformat_minor", value=4)),
        ("a live widget is stored", set_in("cells", 30, "outputs", 0, "data", WIDGET, value={})),
    ],
)
def test_the_lint_knows_what_only_an_editor_leaves(words, edit, tmp_path):
    path = make(tmp_path, lesson_cells())
    notebook = json.loads(path.read_text(encoding="utf-8"))
    edit(notebook)
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    assert words in "\n".join(lint.problems(path))


def test_words_are_those_that_are_read():
    text = """# One-way street
A *bold* claim[, cited](https://example.org/a-b-c): $x + y$ don't count. $$z$$
<details><summary>Why?</summary>It is so.</details>

```python
not_counted()
```
注意力 is one."""
    assert lint.words(text) == 15


# The page


def test_a_page_shows_pictures_alt_texts_and_stills(tmp_path):
    html = "<div class=map title='a \"map\"'>A &lt; B<img src=\"data:,x\" alt='B'/><br></div>"
    still = new_output("display_data", data={"text/plain": "Map.", "text/html": html})
    alt = 'Rises & "falls" < 1.'
    path = make(tmp_path, [code("v", [still]), code("p", [picture(alt)])])
    assert missing(path, "lab") == missing(path, "classic") == []
    page, _ = page_of(path, "classic")
    tags = parts(page)
    assert [a["alt"] for tag, a in tags if tag == "img"] == ["B", alt]
    assert ("div", {"class": "map", "title": 'a "map"'}) in tags and ("", "A < B") in tags


def test_a_page_that_lacks_something_is_complained_of(tmp_path, monkeypatch):
    still = new_output("display_data", data={"text/plain": "Map.", "text/html": "<b>a map</b>"})
    path = make(tmp_path, [code("v", [still]), code("p", [picture("Rises.")])])
    monkeypatch.setattr(__name__ + ".page_of", lambda path, template: ("<b>a</b>", []))
    assert missing(path, "lab") == ["lacks <b>a map</b>", "lacks the picture: Rises."]
    monkeypatch.undo()
    make(tmp_path, [code("draw()", [picture(alt="")])])
    assert page_of(path, "classic")[1] == ["Alternative text is missing on 1 image(s)."]


# Executing

SMALL = [
    """%load_ext autoreload
import sys
from IPython.display import display
import ipywidgets

slider, view, log = ipywidgets.IntSlider(2), ipywidgets.HTML("2"), ipywidgets.Output()
slider.observe(lambda change: setattr(view, "value", str(change["new"])), "value")""",
    """print("a", flush=True)
print("b", end="", flush=True)
print("\\rc", flush=True)
class Still:
    def _repr_mimebundle_(self, **kwargs):
        return {**view._repr_mimebundle_(), "text/html": "<b>2</b>", "text/plain": "The number 2."}
display(Still())
print("d")""",
    """with log:
    print("caught")
    slider.value = 7
assert view.value == "7" """,
    "import minillama\n\nminillama.load('nothing/at-all')",
    "slider.value",
]


@pytest.mark.parametrize(("fonts", "warned"), [(("DejaVu Sans",), True), (("A", "B"), False)])
def test_a_machine_without_a_font_for_chinese_is_warned_of(fonts, warned, monkeypatch, capsys):
    monkeypatch.setattr("minillama.plots.text.fonts", lambda: fonts)
    monkeypatch.setattr("minillama.course.__main__.choose_lessons", lambda numbers: [])
    assert main(["execute"]) == 0
    assert ("no font for Chinese" in capsys.readouterr().err) == warned


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A small notebook, executed twice; the file after each time."""
    folder = tmp_path_factory.mktemp("lessons")
    cells = [new_code_cell(source) for source in SMALL]
    cells[2].metadata = {"tags": ["nbval-ignore-output"]}  # nbval does not know Output widgets
    cells[3].metadata = {"tags": ["raises-exception"], "collapsed": True}
    cells[1].metadata = {"execution": {"iopub.status.busy": "2020-01-01T00:00:00.0Z"}}
    path = folder / "01_small.ipynb"
    notebook = new_notebook(cells=[new_markdown_cell("# Small"), *cells])
    notebook.metadata = {"minillama": {"minutes": 5}, "widgets": {}}
    notebook.metadata["kernelspec"] = {"name": "gone", "display_name": "A Python of long ago"}
    write_notebook(path, notebook)
    texts = []
    for _ in range(2):
        write_notebook(path, execute(path))
        texts.append(path.read_bytes())
    return path, texts


def test_executing_twice_gives_the_same_file(executed):
    _, (first, second) = executed
    assert first == second
    assert first.endswith(b"}\n") and b"\r\n" not in first


def test_executing_stores_what_a_page_can_show_and_nothing_else(executed):
    notebook = read_notebook(executed[0])
    assert notebook.metadata.keys() == {"kernelspec", "language_info", "minillama"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert "version" not in notebook.metadata.language_info
    _, _, shows, _, raises, last = notebook.cells
    before, still, after = shows.outputs
    assert (before.text, after.text) == ("a\nc\n", "d\n")
    assert still.data == {"text/html": "<b>2</b>", "text/plain": "The number 2."}
    assert shows.metadata == {} and raises.metadata == {"tags": ["raises-exception"]}
    [error] = raises.outputs
    assert error.ename == "FileNotFoundError"
    assert str(ROOT) not in "".join(error.traceback)
    assert "minillama/" in "".join(error.traceback).replace("\\", "/")
    assert last.outputs[0].data["text/plain"] == "7"
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2, 3, 4, 5]


def run_pytest(*args):
    """pytest with this project's settings in a process of its own, on files elsewhere."""
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")]
    command += ["-p", "conftest", "-p", "no:cacheprovider", "--color=no", *map(str, args)]
    paths = os.pathsep.join([str(ROOT / "tests"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def test_what_was_executed_passes_nbval_and_a_change_does_not(executed, tmp_path):
    path, _ = executed
    changed, slow = tmp_path / "02_changed.ipynb", tmp_path / "03_slow.ipynb"
    notebook = read_notebook(path)
    notebook.cells[-1].outputs[0].data["text/plain"] = "8"
    write_notebook(changed, notebook)
    notebook = new_notebook(cells=[new_code_cell("sum(range(10**7))", execution_count=1)])
    notebook.cells[0].outputs = [
        new_output("execute_result", {"text/plain": "49999995000000"}, execution_count=1)
    ]
    notebook.metadata = {"minillama": {"budget_seconds": 0.01}}
    write_notebook(slow, notebook)

    done = run_pytest(path, slow)
    assert re.search(r"01_small +\d+\.\d of 25 s.* computing\n", done.stdout), done.stdout
    assert re.search(r"03_slow +\d+\.\d of 0 s.*: too long\n", done.stdout), done.stdout
    assert re.search(r"^=+ 6 passed in", done.stdout, re.M), done.stdout
    assert done.returncode == 1  # every cell passes, and a lesson takes too long

    done = run_pytest(changed)
    assert "too long" not in done.stdout
    if sys.platform == "linux":
        assert done.returncode == 1
        assert "Cell 4: Cell outputs differ" in done.stdout, done.stdout
        assert "1 failed, 4 passed" in done.stdout, done.stdout
    else:  # only errors count, and there are none
        assert done.returncode == 0, done.stdout


def test_a_lesson_that_fails_is_told_and_left_alone(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("minillama.course.source.taught.ROOTS", [tmp_path])
    path = make(tmp_path, [code("x = 1"), code("y = x / 0  # wrong", [stream("old\n")])])
    before = path.read_bytes()
    assert main(["execute"]) == 1
    said = capsys.readouterr().out
    assert "07_test failed, and stays as it was" in said
    assert "07_test.ipynb, cell 2 (cell-2)" in said and "    y = x / 0  # wrong" in said
    assert "ZeroDivisionError: division by zero" in said and "\x1b" not in said
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_cell_that_hangs_is_ended(tmp_path):
    path = make(tmp_path, [code("import time\ntime.sleep(60)")])
    with pytest.raises(LessonError, match="cell 1"):
        execute(path, cell_seconds=1.0)


def test_lessons_are_named_by_number_name_or_path(tmp_path, monkeypatch, capsys):
    there = [make(tmp_path, [code("1")], name) for name in ("00_tour.ipynb", "04_attention.ipynb")]
    before = [path.read_bytes() for path in there]
    monkeypatch.setattr("minillama.course.source.taught.ROOTS", [tmp_path])
    monkeypatch.setattr("minillama.course.__main__.execute", read_notebook)
    for names in (["4"], ["04"], ["04_attention"], ["notebooks/04_attention.ipynb", "4"]):
        assert main(["execute", *names]) == 0
        assert re.fullmatch(r"04_attention \d\.\d s\n", capsys.readouterr().out)
    assert main(["execute"]) == 0
    assert re.fullmatch(r"00_tour .* s\n04_attention .* s\n", capsys.readouterr().out)
    assert [path.read_bytes() for path in there] == before
    assert main(["execute", "5"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("minillama.course: error: there is no lesson ")
    assert said.endswith(": there are 00, 04\n")


def test_a_file_that_is_no_notebook_is_told(tmp_path):
    path = tmp_path / "01_a.ipynb"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(LessonError, match=r"01_a\.ipynb is not a notebook"):
        read_notebook(path)


# Splicing

MODULE = '''"""Two functions."""

import math

SIZE = 3


# What stands above stays.
@staticmethod
def area(r):
    # The comment teaches too.
    return math.pi * r**2


def untaught():
    return 1


def length(r):
    return 2 * math.pi * r
'''


@pytest.fixture
def course(tmp_path):
    """A package with a module and exercises, and a lesson that shares their definitions."""
    package = tmp_path / "package"
    exercises = package / "course" / "lessons" / "lesson_07" / "solutions.py"
    exercises.parent.mkdir(parents=True)
    (package / "circle.py").write_text(MODULE, encoding="utf-8")
    solution = '"""Solutions."""\n\n\ndef double(x):\n    return 2 * x\n'
    exercises.write_text(solution, encoding="utf-8")
    area = MODULE[MODULE.index("@static") : MODULE.index("def untaught")].rstrip()
    length = MODULE[MODULE.index("def length") :].rstrip()
    cells = [
        code(FIRST),
        code(f"%%build circle\nimport math\n\nSIZE = 3\n\n\n{area}", [stream("same\n")]),
        code(f"%%build circle\n{length}\n"),
        code("area(1)", [stream("3.14\n")]),
        code("def double(x):\n    return 2 * x\n\n\ny = double(2)", tags=["solution"]),
    ]
    return make(tmp_path, cells), package


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, text
    path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


def test_where_nothing_differs_nothing_is_written(course):
    lesson, package = course
    files = [lesson, *package.rglob("*.py")]
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    for to in ("notebooks", "package", None):
        done = carry([lesson], package, to)
        assert done.changed == done.homeless == []
    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in files] == before


def test_a_definition_goes_to_the_lesson_and_nothing_else_changes(course):
    lesson, package = course
    before = read_notebook(lesson)
    edit(package / "circle.py", "The comment teaches too", "It teaches")
    edit(package / "circle.py", "SIZE = 3", "SIZE = 4")
    edit(package / "course" / "lessons" / "lesson_07" / "solutions.py", "2 * x", "x + x")
    done = carry([lesson], package, "notebooks")
    assert [line.split(" (")[0] for line in done.changed] == ["SIZE", "area", "double"]
    assert "07_test.ipynb, cell 2, and package/circle.py" in done.changed[1]
    after = read_notebook(lesson)
    for cell, old, new in [
        (1, "The comment teaches too", "It teaches"),
        (1, "SIZE = 3", "SIZE = 4"),
    ]:
        before.cells[cell].source = before.cells[cell].source.replace(old, new)
    before.cells[4].source = before.cells[4].source.replace("return 2 * x", "return x + x")
    assert after == before
    assert carry([lesson], package).changed == []


def test_a_definition_goes_to_the_package_and_nothing_else_changes(course):
    lesson, package = course
    edit(lesson, "return math.pi * r**2", "return r**2 * math.pi")
    edit(lesson, "return 2 * x", "return x + x")
    notebook = lesson.read_bytes()
    done = carry([lesson], package, "package")
    assert [line.split(" (")[0] for line in done.changed] == ["area", "double"]
    assert lesson.read_bytes() == notebook
    text = (package / "circle.py").read_text(encoding="utf-8")
    assert text == MODULE.replace("return math.pi * r**2", "return r**2 * math.pi")
    exercises = (package / "course" / "lessons" / "lesson_07" / "solutions.py").read_text(
        encoding="utf-8"
    )
    assert exercises == '"""Solutions."""\n\n\ndef double(x):\n    return x + x\n'


def test_what_stands_in_the_lesson_only_is_told(course):
    lesson, package = course
    notebook = read_notebook(lesson)
    notebook.cells[2].source += "\n\nHALF = 0.5\n"
    notebook.cells[4].source += "\n\n\ndef triple(x):\n    return 3 * x"
    write_notebook(lesson, notebook)
    done = carry([lesson], package, "package")
    assert done.changed == []
    assert [line.split(" (")[0] for line in done.homeless] == ["HALF", "triple"]


def test_a_cell_that_is_not_python_or_has_no_module_is_told(course):
    lesson, package = course
    notebook = read_notebook(lesson)
    notebook.cells[2].source = "%%build circle\ndef length(r:\n    pass"
    write_notebook(lesson, notebook)
    with pytest.raises(LessonError, match=r"07_test\.ipynb, cell 3 is not Python: line 1"):
        carry([lesson], package)
    notebook.cells[2].source = "%%build square\nSIDE = 1"
    write_notebook(lesson, notebook)
    with pytest.raises(LessonError, match=r"cell 3 belongs to square\.py, which is not there"):
        carry([lesson], package)


def test_the_command_lays_the_package_out_first(course, monkeypatch, capsys):
    lesson, package = course
    monkeypatch.setattr("minillama.course.__main__.PACKAGE", package)
    monkeypatch.setattr("minillama.course.source.taught.ROOTS", [lesson.parent])
    edit(lesson, "return 2 * math.pi * r", "return (2*math.pi * r)")
    assert main(["splice", "--to", "package"]) == 0
    assert "to the package: length (07_test.ipynb, cell 3, " in capsys.readouterr().out
    assert "return 2 * math.pi * r" in (package / "circle.py").read_text(encoding="utf-8")
    assert carry([lesson], package).changed == []  # the lesson has ruff's layout too
    assert main(["splice", "--to", "notebooks"]) == 0
    assert capsys.readouterr().out == "Lessons and package are the same.\n"
