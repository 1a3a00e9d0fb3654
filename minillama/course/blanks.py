"""Blanks: definitions without their bodies, for a reader to fill."""

import ast
import textwrap
from collections.abc import Iterator, Mapping

from minillama.course.probing import BLANK

Function = ast.FunctionDef
WIDTH = 100


def blank(source: str, hints: Mapping[str, str]) -> str:
    """A definition whose functions have a hint in place of their code, and keep their docstring.

    `hints` names what is blanked: a function by its own name, a class's methods by theirs.
    """
    lines = source.splitlines()
    for function in reversed(list(functions(source))):
        if function.name in hints:
            code = blank_body(function, hints[function.name])
            lines[body_start(function, lines) : function.end_lineno] = code
    return "\n".join(lines)


def unfilled(source: str) -> tuple[list[str], list[str]]:
    """The functions of a definition that are blank, and those that still raise as a blank does."""
    blanks, raising = [], []
    for function in functions(source):
        code = function.body[1:] if ast.get_docstring(function) is not None else function.body
        if len(code) == 1 and is_blank(code[0]):
            blanks.append(function.name)
        elif any(is_blank(node) for node in ast.walk(function)):
            raising.append(function.name)
    return blanks, raising


def functions(source: str) -> Iterator[Function]:
    """The functions and methods at the top of a definition, in order."""
    for node in ast.parse(source).body:
        for inner in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, Function):
                yield inner


def body_start(function: Function, lines: list[str]) -> int:
    """The index of the first line of code or comment below signature and docstring."""
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        assert first.end_lineno is not None
        return first.end_lineno
    start = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))]) - 1
    while not lines[start - 1].strip() or lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return start


def blank_body(function: Function, hint: str) -> list[str]:
    """What stands in the place of the code."""
    indent = " " * function.body[0].col_offset
    comment = textwrap.wrap(
        f"Hint: {hint}",
        WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_on_hyphens=False,
    )
    return [*comment, f'{indent}raise NotImplementedError("{BLANK}")']


def is_blank(node: ast.AST) -> bool:
    """Whether this is the statement that raises as a blank does."""
    return isinstance(node, ast.Raise) and BLANK in ast.unparse(node)
