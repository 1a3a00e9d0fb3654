"""A reader's definition put into the text of a module of my_minillama, with what it needs.

A comment above a definition says whose it is. The comments are all there is to know of how far a
reader has come; nothing else is stored.
"""

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass

from minillama.course.complaint import Complaint
from minillama.course.source.definitions import Definition, definitions, replace_definition
from minillama.course.source.free_names import names_read
from minillama.course.source.taught import file_of, taught

PACKAGE = "my_minillama"
UNBUILT = "# minillama's, until you build it in lesson {}."
BUILT = "# Yours, built in lesson {}."
HELPER = "# Yours, which {} uses."
HELPER_MARK = re.compile(HELPER.format(r"(\w+)"))
MARK = re.compile(r"# (minillama's, until you build it|Yours, built) in lesson (\d\d)\.")


@dataclass(frozen=True)
class Part:
    """A definition that a lesson builds: in which one, and whether the reader has done so."""

    lesson: str
    yours: bool


def own_imports(source: str) -> str:
    """The source with the taught modules imported from the reader's package."""
    modules = "|".join(map(re.escape, taught()))
    found = rf"^([ \t]*from )minillama\.({modules})(?= import\b)"
    return re.sub(found, rf"\1{PACKAGE}.\2", source, flags=re.MULTILINE)


def parts(source: str) -> dict[str, Part]:
    """The definitions of a module that lessons build, by name."""
    found, lines = definitions(source), ["", *source.splitlines()]
    marks = {name: MARK.fullmatch(lines[there.start]) for name, there in found.items()}
    return {name: Part(m[2], m[1].startswith("Yours")) for name, m in marks.items() if m}


def comment_above(source: str, name: str) -> str:
    """The line above a definition, if it is a comment."""
    line = ["", *source.splitlines()][definitions(source)[name].start]
    return line if line.startswith("#") else ""


def mark(source: str, name: str, comment: str) -> str:
    """The source with this comment above a definition, in the place of the mark that is there."""
    lines, start = source.splitlines(), definitions(source)[name].start
    old = comment_above(source, name)
    lines[start - bool(MARK.fullmatch(old)) : start] = [comment]
    return "\n".join(lines) + "\n"


def splice(source: str, module: str, name: str, cell: str) -> str:
    """A module's source with one definition of a cell in it, and what that uses of the cell.

    Raises Complaint where a helper's or an import's name means something else in the module.
    """
    ours, file = definitions(cell), f"{PACKAGE}/{file_of(module)}"
    used = uses(name, cell, given=set(parts(source)))
    bound = imports(source)
    inside = rf"^[ \t]+from {PACKAGE}\.{re.escape(module)} import (?:.*\W)?{name}\b"
    if re.search(inside, own_imports(ours[name].source), re.MULTILINE):
        what = f"imports minillama's own {name}: that is what you are to write."
        raise Complaint(what, "borrowed")
    for statement, alias in imports(own_imports(cell)).items():
        own = re.fullmatch(rf"from {PACKAGE}\.{re.escape(module)} import (\w+) as \w+", statement)
        if own and alias in used:
            cure = "that is what you are to write" if own[1] == name else f"call it {own[1]} here"
            raise Complaint(
                f"uses minillama's {own[1]} under the name {alias}: {cure}.", "borrowed"
            )
        if alias not in used or statement in bound or f"from {PACKAGE}.{module} " in statement:
            continue
        others = [old for old, its in bound.items() if its == alias]
        if statement.startswith(f"import {alias}"):  # `import torch.nn` beside `import torch`
            others = [old for old in others if not old.startswith(f"import {alias}")]
        if others or alias in definitions(source):
            old = " and ".join(f"`{old}`" for old in others) or "a definition"
            raise Complaint(
                f"needs `{statement}`, but in {file} the name {alias} comes from {old} already. "
                "Import yours under another name (import ... as ...)."
            )
        source = insert(source, last_import(source), [statement])
    for helper in [helper for helper in ours if helper in used and helper != name]:
        text, there = own_imports(ours[helper].source), definitions(source)
        if helper in there and HELPER_MARK.fullmatch(comment_above(source, helper)):
            source = replace_definition(source, helper, text)
        elif helper in bound.values() or (helper in there and there[helper].source != text):
            raise Complaint(
                f"uses {helper} of this cell, but {file} has another {helper} already. Give yours "
                "another name."
            )
        elif helper not in there:
            start = there[name].start - bool(comment_above(source, name))
            source = insert(source, start, [HELPER.format(name), *text.splitlines(), "", ""])
    lesson = parts(source)[name].lesson
    source = replace_definition(source, name, own_imports(ours[name].source))
    return mark(source, name, BUILT.format(lesson))


def without_unused_helpers(source: str, lent: Collection[str] = ()) -> str:
    """A module's source without the helpers that came with a part and that nothing uses any more.

    lent: names that other modules import from it, which stay. The comment above a helper then names
    a part that uses it.
    """
    built, found, lines = {*parts(source)}, definitions(source), source.splitlines()
    users: dict[str, set[str]] = {name: {name} for name in lent}
    for user in [*built, *(found.keys() & {*lent})]:
        for used in uses(user, source, given=built):
            users.setdefault(used, set()).add(user)
    together: dict[int, list[Definition]] = {}  # `a, b = 1, 2` defines two names
    for definition in found.values():
        together.setdefault(definition.start, []).append(definition)
    for start, helpers in sorted(together.items(), reverse=True):
        marked = HELPER_MARK.fullmatch(lines[start - 1]) if start else None
        using = set[str]().union(*(users.get(helper.name, ()) for helper in helpers))
        if marked and not using:
            end = helpers[0].end
            while end < len(lines) and not lines[end].strip():
                end += 1
            del lines[start - 1 : end]
        elif marked and marked[1] not in using and using & built:
            lines[start - 1] = HELPER.format(min(using & built))
    return "\n".join(lines) + "\n"


def uses(name: str, cell: str, given: set[str]) -> set[str]:
    """The names that a definition reads, with those that its helpers in the cell read."""
    ours, used, todo = definitions(cell), set[str](), [name]
    while todo:
        names = names_read(ours[todo.pop()].source) - given
        todo += [n for n in names - used if n in ours and n != name]
        used |= names
    return used


def imports(source: str) -> dict[str, str]:
    """What is imported at the top: a statement for each name, and the name that it binds."""
    found = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for alias in node.names:
            one = ast.copy_location(type(node)(**{**vars(node), "names": [alias]}), node)
            found[ast.unparse(one)] = alias.asname or alias.name.partition(".")[0]
    return found


def last_import(source: str) -> int:
    """The index of the line after a module's imports, or after its docstring."""
    head = (ast.Import, ast.ImportFrom)
    body = ast.parse(source).body
    ends = [node.end_lineno or 0 for node in body if isinstance(node, head)]
    return max(ends, default=body[0].end_lineno or 0)


def insert(source: str, at: int, new: list[str]) -> str:
    """The source with new lines before the line of that index."""
    lines = source.splitlines()
    return "\n".join([*lines[:at], *new, *lines[at:]]) + "\n"
