"""The layers of the package: imports run downward only, and importing the package stays cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import minillama

PACKAGE = Path(minillama.__file__).parent

# From the bottom up. A module imports from lines above its own, or from its own line.
LAYERS = [
    "fields assets machine disk arrays",
    "control lock",
    "csvlog",
    "config",
    "norm rope cache feedforward",
    "attention",
    "model",
    "tokenizer toytown",
    "data",
    "weights",
    "transforms",
    "sampling beam evaluate optim interp compiled fused",
    "recipe runs",
    "background",
    "watch",
    "events corpora",
    "learn",
    "plan checkpoints",
    "prepare",
    "train",
    "plots",
    "course",
    "widgets",
    "bench",
    "cli",
    "__main__",
]
RANK = {module: rank for rank, line in enumerate(LAYERS) for module in line.split()}
MODEL_LAYER = {"fields", "config", "norm", "rope", "cache", "attention", "feedforward", "model"}
# `Llama.from_pretrained` reaches up when it is called, since that is where people look for it.
EXCEPTIONS = {("model", "weights")}


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
            names.add(module)
            if module == "minillama":
                names.update(f"minillama.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return names


def module_of(path: Path) -> str:
    """The part of the package a file belongs to: rope.py to rope, weights/hf.py to weights."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_run_downward(path):
    module = module_of(path)
    assert module in RANK, f"give {module} its place in LAYERS"
    for name in imports(path):
        if name.startswith("minillama."):
            imported = name.split(".")[1]
            if imported in RANK and (module, imported) not in EXCEPTIONS:
                assert RANK[imported] <= RANK[module], f"{module} must not import {imported}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_model_knows_nothing_of_text_and_the_tokenizer_nothing_of_torch(path):
    tops = {name.split(".")[0] for name in imports(path)}
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("minillama.")}
    if module_of(path) in MODEL_LAYER:
        assert ours <= MODEL_LAYER | {"weights"}
        assert tops <= {*sys.stdlib_module_names, "torch", "einops", "jaxtyping", "minillama"}
    if module_of(path) == "tokenizer":
        assert "torch" not in tops and not ours & {*MODEL_LAYER, "weights", "data"}
    if module_of(path) != "plots":
        assert "matplotlib" not in tops
    assert "pickle" not in tops
    if path.name != "peers.py":  # the rival in the bench, imported only when it is measured
        assert "transformers" not in tops
    # Only what speaks to a notebook knows of IPython, and only while it does.
    if module_of(path) not in ("course", "widgets") and path.name != "show.py":
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
