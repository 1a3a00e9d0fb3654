"""Blanks: definitions without their bodies, for a reader to fill."""

import ast
from collections.abc import Collection, Iterator

BLANK = "your code here"  # what an unfilled blank raises, as NotImplementedError
BLANKS = (BLANK, "")  # with the words left out, it is as blank
Function = ast.FunctionDef


def blank(source: str, names: Collection[str]) -> str:
    """A definition whose functions raise NotImplementedError instead, and keep their docstring.

    `names` says what is blanked: a function by its own name, a class's methods by theirs.
    """
    lines = source.splitlines()
    for function in reversed(list(functions(source))):
        if function.name in names:
            code = f'{" " * function.body[0].col_offset}raise NotImplementedError("{BLANK}")'
            lines[body_start(function, lines) : function.end_lineno] = [code]
    return "\n".join(lines)


def unfilled(source: str) -> tuple[list[str], list[str]]:
    """The functions of a definition that are blank, and those that still raise as a blank does.

    One that only has `pass` or `...`, or nothing but its docstring, is blank too.
    """
    blanks, raising = [], []
    for function in functions(source):
        code = function.body[1:] if ast.get_docstring(function) is not None else function.body
        empty = all(isinstance(node, ast.Pass) or is_constant(node) for node in code)
        if empty or (len(code) == 1 and raises(code[0], "NotImplementedError")):
            blanks.append(function.name)
        elif any(raises(node, BLANK) for node in ast.walk(function)):
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


def is_constant(node: ast.AST) -> bool:
    """Whether this is a statement that is nothing but a constant, such as `...`."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def raises(node: ast.AST, words: str) -> bool:
    """Whether this is a statement that raises something with these words in it."""
    return isinstance(node, ast.Raise) and words in ast.unparse(node)
