"""The layers of the package: imports run downward only, and importing the package stays cheap."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import minillama

PACKAGE = Path(minillama.__file__).parent

# From the bottom up. A file imports from folders and files on lines above its own, or on its own
# line; inside a folder, and on a line, there is no circle.
LAYERS = [
    "system",
    "config",
    "norm rope cache feedforward",
    "attention",
    "model",
    "tokenizer toytown",
    "data",
    "weights",
    "optim transforms",
    "sampling",
    "beam inference evaluate interp",
    "runs",
    "training",
    "plots",
    "course",
    "widgets",
    "bench",
    "cli",
    "__main__",
]
RANK = {module: rank for rank, line in enumerate(LAYERS) for module in line.split()}
# The same inside minillama/course.
COURSE = (
    "complaint source checking lessons registry build workbook check authoring __init__ __main__"
).split()
MODEL_LAYER = {"config", "norm", "rope", "cache", "attention", "feedforward", "model"}
FREE_OF_TORCH = {"tokenizer", "runs", "toytown"}


def imports(path: Path) -> set[str]:
    """Full names of the modules a file imports, wherever in it, other than for type checkers."""
    names = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ["minillama", *path.relative_to(PACKAGE).parts]
            parts = package[: len(package) - node.level] if node.level else []
            module = ".".join(parts + ([node.module] if node.module else []))
            names.update([module, *(f"{module}.{alias.name}" for alias in node.names)])
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return names


def room(path: Path) -> str:
    """The file or folder of the package that a file is or lies in: rope, or weights for hf.py."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def dotted(path: Path) -> str:
    """A file's name as others import it: minillama.weights.hf."""
    return ".".join(["minillama", *path.relative_to(PACKAGE).with_suffix("").parts])


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
each_file = pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())


@each_file
def test_imports_run_downward(path):
    own = room(path)
    assert own in RANK, f"give {own} its place in LAYERS"
    for name in imports(path):
        imported = name.split(".")[1] if name.startswith("minillama.") else None
        if imported in RANK:
            assert RANK[imported] <= RANK[own], f"{own} must not import {imported}"


GRAMMARS = {PACKAGE / "toytown" / name for name in ("english.py", "chinese.py")}


def test_every_file_can_be_read_in_one_sitting():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert [path for path, n in lines.items() if n > 250 and path not in GRAMMARS] == []


def test_there_is_no_circle_of_imports():
    names = {dotted(path): path for path in FILES if path.name != "__init__.py"}
    graph = {name: imports(path) & names.keys() for name, path in names.items()}
    assert any(graph.values())
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the files


@pytest.mark.parametrize("path", sorted((PACKAGE / "course").rglob("*.py")), ids=str)
def test_imports_inside_the_course_run_downward(path):
    inside = path.relative_to(PACKAGE / "course").with_suffix("")
    lesson = inside.parts[1] if inside.parts[0] == "lessons" and len(inside.parts) > 2 else None
    for name in imports(path):
        if name.startswith("minillama.course."):
            room, *more = name.split(".")[2:]
            if room not in COURSE:
                continue  # a name that minillama.course itself gives
            assert COURSE.index(room) <= COURSE.index(inside.parts[0]), f"{inside}: {name}"
            if room == "lessons" and more:
                assert more[0] in (lesson, "shared"), f"{inside} imports of another lesson: {name}"


@each_file
def test_the_model_knows_nothing_of_text_and_the_tokenizer_nothing_of_torch(path):
    tops = {name.split(".")[0] for name in imports(path)}
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("minillama.")}
    if room(path) in MODEL_LAYER:
        assert ours <= MODEL_LAYER | {"system"}
        assert tops <= {*sys.stdlib_module_names, "torch", "einops", "jaxtyping", "minillama"}
    if room(path) in FREE_OF_TORCH:
        assert "torch" not in tops and not ours & {*MODEL_LAYER, "weights", "data"}
    if room(path) != "plots":
        assert "matplotlib" not in tops
    assert "pickle" not in tops
    if path.name != "peers.py":  # the rival in the bench, imported only when it is measured
        assert "transformers" not in tops
    # Only what speaks to a notebook knows of IPython, and only while it does.
    if room(path) not in ("course", "widgets") and path.name != "show.py":
        assert "IPython" not in tops


def in_a_fresh_process(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, encoding="utf-8"
    )
    return done.stdout


def test_importing_it_brings_in_nothing_that_it_does_not_need():
    program = """
import sys, minillama
assert "torch" not in sys.modules
minillama.Tokenizer
assert "torch" not in sys.modules
for name in minillama.__all__:
    getattr(minillama, name)
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
    loaded = in_a_fresh_process(program).split()
    assert "torch" in loaded
    assert not {"matplotlib", "IPython", "transformers", "beartype", "hypothesis"} & set(loaded)


def test_the_first_word_waits_for_no_compiler():
    """PyTorch imports its own where weights are made without memory, unless it is kept from it."""
    in_a_fresh_process("""
import sys, minillama
model, tokenizer = minillama.load("toytown")
next(minillama.generate(model, [tokenizer.bos_id], seed=1))
assert "torch" in sys.modules and "torch._dynamo" not in sys.modules
""")


def test_importing_it_costs_little_beside_torch():
    program = """
import time
start = time.process_time()
import torch
middle = time.process_time()
import minillama
for name in minillama.__all__:
    getattr(minillama, name)
print((time.process_time() - middle) / (middle - start))
"""
    assert float(in_a_fresh_process(program)) < 0.2  # 0.03 is usual


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'minillama' has no attribute 'lama'"):
        minillama.lama  # noqa: B018
    assert {*minillama.__all__, "__version__"} <= set(dir(minillama))
