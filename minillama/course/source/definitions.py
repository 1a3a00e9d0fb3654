"""Definitions as text: find the top-level names of a module, replace one, run a few."""

import ast
import linecache
from dataclasses import dataclass
from types import CodeType


@dataclass(frozen=True)
class Definition:
    """A function, class or assignment at the top level: lines `start` to `end` of its file.

    Lines count from 0 and `end` is the first after it; decorators belong to it.
    """

    name: str
    source: str
    start: int
    end: int


def definitions(source: str) -> dict[str, Definition]:
    """The top-level definitions of a module or cell, by name, in the order they stand there.

    Raises SyntaxError where the source is not Python.
    """
    lines = source.splitlines()
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            inside = [n for target in node.targets for n in ast.walk(target)]  # of `a, b = 1, 2`
            bound = [n for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
            names = [n.id for n in bound]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            continue
        decorators = getattr(node, "decorator_list", [])
        start = min([node.lineno, *(d.lineno for d in decorators)]) - 1
        assert node.end_lineno is not None
        text = "\n".join(lines[start : node.end_lineno])
        for name in names:
            found[name] = Definition(name, text, start, node.end_lineno)
    return found


def replace_definition(source: str, name: str, text: str) -> str:
    """The source with another text in the place of one definition.

    Raises KeyError if there is none of that name.
    """
    lines, old = source.splitlines(), definitions(source)[name]
    return "\n".join([*lines[: old.start], *text.splitlines(), *lines[old.end :]]) + "\n"


def compile_source(source: str, filename: str) -> CodeType:
    """Compile text that is in no file so that tracebacks and `inspect.getsource` show its lines."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    return compile(source, filename, "exec")
