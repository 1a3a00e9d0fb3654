"""A taught module in a folder, `%%build finetune.lora`, in a package and lessons made up for it."""

import sys

import pytest
from shells import kernels, write_lesson

import minillama
from minillama.course.authoring.sync import carry
from minillama.course.checking.answer import Case
from minillama.course.checking.check import Check
from minillama.course.registry import CHECKS
from minillama.course.source.taught import taught
from minillama.course.workbook import my_package
from minillama.course.workbook.adopt import Workbook
from minillama.course.workbook.make import make_workbook

LORA = '''\
"""How strongly an adapter counts."""

from minillama.norm import RMSNorm


def scale(rank):
    """16 over the rank."""
    return 16 / rank
'''
CHAT = '''\
"""Uses the adapter, without being taught."""

from minillama.finetune.lora import scale


def twice(rank):
    return 2 * scale(rank)
'''
TUNE = '''\
"""Uses what uses the adapter."""

from minillama.finetune.chat import twice


def four_times(rank):
    return 2 * twice(rank)
'''
FIRST = "%load_ext minillama.course\nfrom minillama.finetune.lora import scale"


def definition(module):
    return module[module.index("def ") :].rstrip()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """minillama with a folder more, a lesson that builds from it, and a check."""
    inside = tmp_path / "minillama" / "finetune"
    inside.mkdir(parents=True)
    for name, text in {"__init__": "", "lora": LORA, "chat": CHAT, "tune": TUNE}.items():
        (inside / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(minillama, "__path__", [*minillama.__path__, str(inside.parent)])
    write_lesson(
        tmp_path / "notebooks" / "31_lora.ipynb",
        "# LoRA",
        FIRST,
        f"%%build finetune.lora\n{definition(LORA)}",
        f"%%build finetune.tune\n{definition(TUNE)}",
    )
    monkeypatch.setattr("minillama.course.source.taught.ROOTS", (tmp_path / "notebooks",))
    check = Check("scale", "finetune.lora", {"scale": "Divide 16."})

    @check.probe("a rank of 4")
    def four(answer):
        yield Case(answer(4), 4.0)

    monkeypatch.setitem(CHECKS.files, "scale", tmp_path / "scale.txt")
    monkeypatch.setitem(CHECKS.loaded, "scale", check)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    yield inside.parent
    for name in [name for name in sys.modules if name.startswith("minillama.finetune")]:
        del sys.modules[name]
    if hasattr(minillama, "finetune"):
        del minillama.finetune


def test_what_is_taught_comes_from_the_build_cells_in_the_order_of_imports(package):
    # chat lies between the two that are built.
    assert taught() == ("finetune.lora", "finetune.chat", "finetune.tune")


def test_a_lessons_cell_names_the_file_in_its_folder(package):
    with kernels() as make:
        kernel = make()
        kernel.run(FIRST)
        out = kernel.run(f"%%build finetune.lora\n{definition(LORA)}")
        assert out == "scale: the same as in minillama/finetune/lora.py.\n"
        out = kernel.run(f"%%build finetune.lora\n{definition(LORA).replace('16', '8')}")
        assert out.startswith("scale differs from minillama/finetune/lora.py.")
        kernel.run("%%build finetune.nothing\nx = 1")
        assert str(kernel.error).endswith("builds: finetune.lora, finetune.chat, finetune.tune")


def test_definitions_are_carried_to_the_file_in_its_folder(package):
    lora, [lesson] = package / "finetune" / "lora.py", (package.parent / "notebooks").iterdir()
    lora.write_text(LORA.replace("16 / rank", "32 / rank"), encoding="utf-8")
    done = carry([lesson], package, "notebooks")
    assert done.changed == ["scale (31_lora.ipynb, cell 3, and minillama/finetune/lora.py)"]
    assert "32 / rank" in lesson.read_text(encoding="utf-8")


def test_a_reader_builds_a_module_in_a_folder(package, tmp_path, monkeypatch):
    folder = tmp_path / "workbook"
    make_workbook(folder)
    notebook = (folder / "31_lora.ipynb").read_text(encoding="utf-8")
    assert "from my_minillama.finetune.lora import scale" in notebook
    assert "16 / rank" not in notebook
    inside = folder / "my_minillama" / "finetune"
    assert {path.name for path in inside.iterdir()} == {
        "__init__.py", "lora.py", "chat.py", "tune.py",
    }  # fmt: skip
    monkeypatch.chdir(folder)
    try:
        with kernels() as make:
            kernel = make()
            kernel.run("%load_ext minillama.course.workbook")
            kernel.run("from my_minillama.finetune.tune import four_times")
            assert kernel.error is None
            assert kernel.run("print(four_times(4))") == "16.0\n"
            out = kernel.run("%%build finetune.lora\ndef scale(rank):\n    return rank / 16")
            assert "Until it is right, minillama's is used." in out
            out = kernel.run("%%build finetune.lora\ndef scale(rank):\n    return 4.0")
            assert "It stands in my_minillama/finetune/lora.py now." in out
            assert "return 4.0" in (inside / "lora.py").read_text(encoding="utf-8")
            # Theirs serves what uses it, at once.
            assert kernel.run("print(four_times(1))") == "16.0\n"
            out = kernel.run("%%build finetune.lora\ndef scale(rank):\n    return os.sep and 4.0")
            assert "uses os, which nothing defines" in out
    finally:
        my_package.take_out()
        Workbook.here = None
