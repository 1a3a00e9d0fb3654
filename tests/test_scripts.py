"""Lessons and workbooks as scripts: what `jupyter nbconvert --to script` makes is Python."""

import ast

import nbformat
import pytest
from nbconvert import ScriptExporter

from minillama.course.source.taught import lessons
from minillama.course.workbook.make import workbook_notebook
from minillama.system.notebooks import METADATA


def script(text):
    """What nbconvert makes of a notebook's text, by what its metadata says, and its file ending."""
    return ScriptExporter().from_notebook_node(nbformat.reads(text, as_version=4))


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.path.stem)
@pytest.mark.parametrize("kind", ["lesson", "workbook"])
def test_a_notebook_converts_to_python(lesson, kind):
    whole = lesson.path.read_text(encoding="utf-8")
    source, resources = script(whole if kind == "lesson" else workbook_notebook(lesson))
    assert resources["output_extension"] == ".py"
    ast.parse(source)
    assert "get_ipython().run_line_magic('load_ext'" in source
    assert source.count("get_ipython().run_cell_magic('build'") == len(lesson.builds)
    assert "\n%" not in source


def test_what_is_executed_keeps_its_exporter():
    assert METADATA["language_info"]["nbconvert_exporter"] == "python"
