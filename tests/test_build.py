"""`%%build`: lessons and package hold the same definitions, and every cell says so."""

import inspect
import re
from itertools import chain

import pytest
from shells import kernels

import minillama.norm
from minillama.course.build import NotPython, differing
from minillama.course.source.definitions import definitions
from minillama.course.source.taught import choose_lessons, lessons, package_source, taught

LESSONS = lessons()
CELLS = [
    pytest.param(build, id=f"{lesson.number} {' '.join(build.definitions)}")
    for lesson in LESSONS
    for build in lesson.builds
]

# What a lesson that is not written yet will build. Strike a line when its lesson is there.
LATER = {
    "10": "PADDING IGNORED Documents documents_from_texts Batch pack PackedBatches WindowBatches",
    "13": "fused_attend grouped_attend",
}
# Modules of which no lesson builds anything yet.
NOT_YET = ["data"]
# What no lesson builds, and why.
NOT_TAUGHT = {
    "generate": "checks its input, then runs the loop that lesson 18 shows",
    "new_generator": "two lines of PyTorch",
    "check_prompts": "words its errors",
    "checked_logits": "words its error",
}


@pytest.mark.parametrize("build", CELLS)
def test_build_cells_hold_the_packages_text(build):
    assert differing(build.source, package_source(build.module)) == []


@pytest.mark.parametrize("build", CELLS)
def test_what_a_lesson_builds_fits_on_a_screen(build):
    lines = {name: there.end - there.start for name, there in build.definitions.items()}
    assert max(lines.values()) <= 45, lines


@pytest.mark.skipif(not LESSONS, reason="there are no lessons yet")
@pytest.mark.parametrize("module", taught())
def test_every_public_definition_is_built_once_or_known_not_to_be(module):
    public = [name for name in definitions(package_source(module)) if not name.startswith("_")]
    cells = [b for lesson in LESSONS for b in lesson.builds if b.module == module]
    built = [name for build in cells for name in build.definitions]
    later = chain.from_iterable(names.split() for names in LATER.values())
    named = [*built, *later, *NOT_TAUGHT]
    wrong = [name for name in public if named.count(name) != 1]
    assert not wrong, f"in no build cell, or in several, or listed too: {wrong}"


def test_lists_of_what_is_not_built_are_up_to_date():
    modules = [*taught(), *NOT_YET]
    there = {name for module in modules for name in definitions(package_source(module))}
    assert {*" ".join(LATER.values()).split(), *NOT_TAUGHT} <= there
    assert not LATER.keys() & {lesson.number for lesson in LESSONS}


def test_one_changed_character_on_either_side_is_found_by_name():
    package = package_source("attention")
    for name, definition in definitions(package).items():
        for at in {0, len(definition.source) // 2, len(definition.source) - 1}:
            if definition.source[at] in "\n ":
                continue
            changed = f"{definition.source[:at]}_{definition.source[at:]}"
            other = package.replace(definition.source, changed)
            assert other != package
            for cell, source in [(changed, package), (definition.source, other)]:
                try:
                    found = differing(cell, source)
                except SyntaxError:
                    continue  # no lesson runs with that
                assert len(found) == 1, (name, at, found)


def test_a_changed_comment_docstring_or_default_is_a_difference():
    package = package_source("norm")
    for old, new in [("in float32", "in float 32"), ("weight.", "weight"), ("float)", "int)")]:
        assert differing(package.replace(old, new, 1), package) == ["RMSNorm"], old


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    with kernels() as make:
        kernel = make()
        kernel.run("%load_ext minillama.course")
        assert kernel.error is None
        yield kernel


NORM = definitions(package_source("norm"))["RMSNorm"].source
IMPORTS = (
    "import math\n\nimport torch\nfrom jaxtyping import Bool, Float\nfrom torch import Tensor, nn"
)


def attention(*names):
    there = definitions(package_source("attention"))
    return "\n\n\n".join(there[name].source for name in names)


def test_the_same_text_is_bound_to_the_packages_own_object(kernel):
    out = kernel.run(f"%%build norm\n{IMPORTS}\n\n\n{NORM}")
    assert out == "RMSNorm: the same as in minillama/norm.py.\n"
    assert kernel.names["RMSNorm"] is minillama.norm.RMSNorm
    assert kernel.error is None


def test_several_definitions_are_named_in_one_line(kernel):
    kernel.run(IMPORTS)
    out = kernel.run("%%build attention\n" + attention("causal_mask", "attend"))
    assert out == "causal_mask, attend: the same as in minillama/attention.py.\n"


def test_what_differs_is_named_and_the_cells_own_stay(kernel):
    kernel.run(IMPORTS)
    code = attention("causal_mask", "attend").replace("position <= position", "position < position")
    out = kernel.run("%%build attention\n" + code)
    assert out == (
        "causal_mask differs from minillama/attention.py. "
        "This notebook uses the cell's, and the package its own.\n"
    )
    # attend is the cell's too: bound to the package's, it would not use the changed mask.
    assert kernel.names["attend"].__module__ == "__main__"
    assert not kernel.names["causal_mask"](1, 1)


def test_a_definition_that_the_package_lacks_is_named(kernel):
    out = kernel.run("%%build norm\ndef f():\n    return 1\n\n\ndef g():\n    return 2")
    assert out.startswith("f, g differ from minillama/norm.py.")
    assert kernel.names["f"]() == 1


def test_a_change_in_an_earlier_cell_reaches_the_later_one(kernel):
    kernel.run(IMPORTS)
    changed = attention("causal_mask").replace("position <= position", "position < position")
    kernel.run("%%build attention\n" + changed)
    out = kernel.run("%%build attention\n" + attention("attention_weights", "attend"))
    assert out == (
        "attention_weights, attend: the same as in minillama/attention.py, but with your "
        "causal_mask. This notebook uses the cell's, and the package its own.\n"
    )
    kernel.run("%%build attention\n" + attention("causal_mask"))
    out = kernel.run("%%build attention\n" + attention("attention_weights", "attend"))
    assert out == "attention_weights, attend: the same as in minillama/attention.py.\n"


def test_a_toy_of_the_same_name_is_in_nobodys_way(kernel):
    kernel.run(IMPORTS + "\n\n\ndef attend():\n    return 'a toy'")
    out = kernel.run("%%build attention\n" + attention("causal_mask"))
    assert out == "causal_mask: the same as in minillama/attention.py.\n"


def test_an_exception_reaches_the_notebook_and_points_into_the_cell(kernel):
    out = kernel.run(
        "%%build norm\nimport torch\n\nnumber = 1\nclass RMSNorm(nm.Module):\n    pass"
    )
    assert isinstance(kernel.error, NameError)
    assert "----> 5 class RMSNorm(nm.Module):" in out
    assert "build.py" not in out
    out = kernel.run("%%build norm\nclass RMSNorm(:\n    pass")
    assert isinstance(kernel.error, NotPython)
    assert str(kernel.error) == "invalid syntax (line 2)"
    assert re.search(r":2\n    class RMSNorm\(:\n {18}\^\nSyntaxError: invalid syntax\n\n$", out)


def test_a_syntax_error_looks_as_in_any_other_cell(kernel):
    for body in ["def f(:\n    pass", "x = 1\n  y = 2", "print 'x'", "def f():\nreturn 1"]:
        built = kernel.run("%%build norm\n" + body)
        plain = kernel.run("# a comment\n" + body)
        assert isinstance(kernel.error, SyntaxError)
        named = "<ipython-input-.*>"  # a kernel with a process says Cell In[7], line 2
        assert re.sub(named, "", built) == re.sub(named, "", plain), body


def test_a_build_line_below_others_says_that_it_has_to_be_the_first(kernel):
    for above in ["# mine\n", "import math\n"]:
        assert kernel.run(f"{above}%%build norm\n{IMPORTS}\n\n\n{NORM}") == ""
        assert str(kernel.error) == (
            "%%build has to be the first line of its cell: move what stands above `%%build norm` "
            "below it, comments too."
        )
        assert "RMSNorm" not in kernel.names
    kernel.run(f"\n\n%%build norm\n{IMPORTS}\n\n\n{NORM}")
    assert kernel.error is None


def test_an_exception_in_a_call_shows_the_cells_lines_and_so_does_inspect(kernel):
    kernel.run("%%build norm\n\ndef f(x):\n    return x / 0")
    out = kernel.run("f(1)")
    assert isinstance(kernel.error, ZeroDivisionError)
    assert "----> 4     return x / 0" in out
    assert inspect.getsource(kernel.names["f"]) == "def f(x):\n    return x / 0\n"


@pytest.mark.parametrize("line", ["", "nrom", "norm rope", "config"])
def test_a_module_that_no_lesson_builds_is_refused_in_a_sentence(kernel, line):
    out = kernel.run(f"%%build {line}\nx = 1")
    assert out == "" and "x" not in kernel.names
    assert str(kernel.error).startswith(
        "%%build needs the module that the cell builds: cache, rope"
    )


def test_lessons_are_read_from_the_notebooks(lesson_folder):
    [first, second] = lessons()
    assert [(x.number, x.name, x.title) for x in (first, second)] == [
        ("03", "toys", "Toys, with a heading"),
        ("12", "parts_of_it", "parts_of_it"),
    ]
    [build] = first.builds
    assert (build.module, list(build.definitions)) == ("norm", ["EPS", "f"])
    assert second.builds == ()
    assert choose_lessons(["12"]) == choose_lessons(["12", "12"]) == [second]
    assert choose_lessons(["3", "12"]) == choose_lessons([]) == [first, second]
    with pytest.raises(ValueError, match=r"there is no lesson 4 or 99: there are 03, 12$"):
        choose_lessons(["4", "99", "3"])


@pytest.fixture
def lesson_folder(tmp_path, monkeypatch):
    from shells import write_lesson

    folder = tmp_path / "notebooks"
    write_lesson(
        folder / "03_toys.ipynb",
        "# Toys, with a heading\n\nThe cell `%%build norm` is below.",
        "x = 1\n# %%build norm",
        "%%build norm \nEPS = 1\n\n\ndef f():\n    return 1",
    )
    write_lesson(folder / "12_parts_of_it.ipynb", "x = 1")
    (folder / ".ipynb_checkpoints").mkdir()
    write_lesson(folder / ".ipynb_checkpoints" / "03_toys-checkpoint.ipynb", "x = 1")
    write_lesson(folder / "draft.ipynb", "x = 1")
    monkeypatch.setattr("minillama.course.source.taught.ROOTS", (tmp_path / "none", folder))
