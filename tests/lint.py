"""What is wrong with a lesson that executing it does not show. Each rule yields sentences.

nbval runs the cells and compares outputs; it passes cells that were never executed, does not look
at pictures, and takes a cell that should raise and does not for right. The rest is the course's
own way of writing (CONTRIBUTING.md).
"""

import ast
import importlib
import inspect
import json
import re
from copy import deepcopy
from functools import cache

from minillama.course.source.taught import BUILD, file_of, taught
from minillama.system.notebooks import (
    COLOUR,
    WIDGET,
    notebook_text,
    read_notebook,
    tidy,
)

TAGS = {"nbval-ignore-output", "raises-exception", "solution", "exercise"}
BLANK = 'raise NotImplementedError("your code here")'
BUDGETS = (25, 60)  # seconds; the second for a lesson that trains

# What a lesson may hold, from and to; a lesson that has its reasons gets its own line below.
LIMITS = {
    "bytes": (0, 400_000),
    "cells": (30, 55),  # besides solutions
    "words": (1000, 2000),
    "figures": (4, 8),  # pictures, and stills of interactive views
    "minutes": (5, 45),
    "lines in a cell": (1, 30),
}
OWN_LIMITS = {}

OWN_FOLDERS = re.compile(
    r"(?<![\w.:/])(?:/(?:home|Users|root|tmp|work|mnt|opt|usr|var|private)/|[A-Z]:\\)[^\s'\")]*"
)
NETWORK = re.compile(
    r"https?://|\b(?:requests|urllib|httpx|aiohttp|socket|wget|curl|urlopen|urlretrieve|"
    r"hf_hub_download|snapshot_download|load_dataset|pip)\b"
)
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
CAPTION = re.compile(r"<p><em>[^<]*</em></p>")  # as plots.show writes it, which is no figure


def problems(path):
    """Everything that is wrong with the lesson in this file, a sentence each."""
    notebook = read_notebook(path)
    found = [*file_rules(path, notebook), *lesson_rules(path, notebook)]
    for number, cell in enumerate(notebook.cells, 1):
        for rule in CELL_RULES[cell.cell_type]:
            found += [f"cell {number} ({cell.id}): {words}" for words in rule(cell)]
    return found


def limits(path):
    return LIMITS | OWN_LIMITS.get(path.stem, {})


def file_rules(path, notebook):
    text = path.read_bytes().decode("utf-8")
    ids = [cell.get("id") for cell in json.loads(text)["cells"]]
    if len(set(ids)) < len(ids):
        yield "two cells have the same id, or none"
    elif text != notebook_text(tidy(deepcopy(notebook))):
        yield "the file is not as `make notebooks` writes it: run it"
    if len(text.encode()) > limits(path)["bytes"][1]:
        yield f"the file has {len(text.encode()):,} bytes; pictures of fewer dots are smaller"
    if "widgets" in notebook.metadata:
        yield "the state of live widgets is stored: run `make notebooks`"


def lesson_rules(path, notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    facts = notebook.metadata.get("minillama", {})
    if facts.get("budget_seconds") not in BUDGETS:
        yield f"metadata minillama.budget_seconds is one of {BUDGETS}"
    counted = {
        "cells": sum("solution" not in cell.metadata.get("tags", []) for cell in notebook.cells),
        "words": sum(map(words, prose)),
        "figures": sum(picture is not None for cell in code for picture in stills(cell)),
        "minutes": facts.get("minutes", 0),
    }
    for name, count in counted.items():
        least, most = limits(path)[name]
        if not least <= count <= most:
            yield f"{count} {name}, and {least} to {most} is right"
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield "its cells were not executed once each, from top to bottom: run `make notebooks`"
    if not code:
        return
    for line in ("%load_ext minillama.course", "torch.set_num_threads(1)"):
        if line not in code[0].source.splitlines():
            yield f"the first code cell has no line `{line}`"
    yield from exercise_rules(notebook.cells)


def exercise_rules(cells):
    """An exercise is a blank with a check under it; solutions are folded, at the end."""
    in_solutions = False
    for number, cell in enumerate(cells, 1):
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown" and re.search(r"^## Solutions$", cell.source, re.M):
            in_solutions = True
        if cell.cell_type != "code":
            continue
        if "solution" in tags and not in_solutions:
            yield f"cell {number}: a solution stands under the heading ## Solutions, at the end"
        if "exercise" in tags:
            rest = [later for later in cells[number:] if later.cell_type == "code"]
            if BLANK not in cell.source:
                yield f"cell {number}: an exercise has the line {BLANK}"
            if not any("check(" in later.source for later in [cell, *rest[:1]]):
                yield f"cell {number}: an exercise, or the code cell after it, calls check(...)"


def cell_size(cell):
    lines = len(cell.source.splitlines())
    least, most = LIMITS["lines in a cell"]
    if lines < least:
        yield "it is empty"
    if lines > most and not BUILD.match(cell.source):
        yield f"{lines} lines of code, and {most} at most are right"


def tags(cell):
    tags = cell.metadata.get("tags", [])
    for tag in sorted(set(tags) - TAGS):
        yield f"unknown tag {tag!r}: there are {', '.join(sorted(TAGS))}"
    hidden = cell.metadata.get("jupyter", {}).get("source_hidden", False)
    if ("solution" in tags) != hidden:
        yield 'a solution, and only a solution, is folded (metadata "jupyter": source_hidden)'
    if "nbval-ignore-output" in tags and not any(
        isinstance(node, ast.Assert) for node in ast.walk(parse(cell))
    ):
        yield "its output is not compared (nbval-ignore-output), so it asserts something"


def errors(cell):
    raises = "raises-exception" in cell.metadata.get("tags", [])
    raised = any(output.output_type == "error" for output in cell.outputs)
    if raises and not raised:
        yield "it has the tag raises-exception and no exception is stored"
    if raised and not raises:
        yield "an exception is stored, without the tag raises-exception"
    for output in cell.outputs:
        if output.get("name") == "stderr":
            yield f"it writes to stderr: {output.text.strip()[:200]}"
        if output.output_type != "error" and "Traceback (most recent call last)" in said(output):
            yield "a traceback is printed"


def private(cell):
    ignored = "nbval-ignore-output" in cell.metadata.get("tags", [])
    for text in (cell.source, *map(said, cell.get("outputs", []))):
        for match in OWN_FOLDERS.finditer(text):
            yield f"a path of one machine: {match[0]}"
        if ADDRESS.search(text) and not ignored:
            yield "an address in memory, which is another one each time"


def network(cell):
    code = re.sub(r"#.*", "", cell.source)
    for match in NETWORK.finditer(code):
        yield f"lessons work without a network: {match[0]}"
    for output in cell.outputs:
        if re.search(r"(?:src|href)=[\"']?(?:https?:)?//", str(output.get("data", {}))):
            yield "its output loads something from the network"


def pictures(cell):
    for output in cell.outputs:
        data = output.get("data", {})
        if WIDGET in data:
            yield "a live widget is stored, which no reader can load: run `make notebooks`"
        for mime in PICTURES:
            if mime not in data:
                continue
            if not output.metadata.get(mime, {}).get("alt", "").strip():
                yield "a picture without alt text: display it with plots.show(figure, alt)"
            text = data.get("text/plain", "").strip("'\"")
            if not text or text.startswith("<"):
                yield f"a picture whose text/plain is {text!r} and does not say what it shows"
        for image in re.findall(r"<img\b[^>]*>", data.get("text/html", "")):
            if not re.search(r"\balt=[\"']?[^\"'\s>]", image):
                yield "an <img> without alt text"
        if set(data) == {"text/plain"} and re.match(r"\w+\(children=|<Figure", data["text/plain"]):
            yield "of its widget or figure nothing is stored that a page can show"


def style(cell):
    if cell.source.rstrip().endswith(";"):
        yield "a semicolon at its end hides a result: write `_ = ...`"
    if build := BUILD.match(cell.source):
        if f": the same as in minillama/{file_of(build[1])}." not in "".join(
            map(said, cell.outputs)
        ):
            yield f"it does not say that its definitions are those of minillama/{file_of(build[1])}"
    elif "%%build" in cell.source:
        yield "%%build and a module's name are the first line"


def taught_imports(cell):
    """A workbook redirects `from minillama.rope import ...`, and no other spelling.

    `minillama.Llama` is allowed: it is minillama's own wherever it stands.
    """
    for node in ast.walk(parse(cell)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.removeprefix("minillama.") in taught():
                    yield f"`import {alias.name}`: write `from {alias.name} import ...`"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("minillama"):
            for alias in node.names:
                right = taught_module(alias.name)
                if node.module == "minillama" and alias.name in taught():
                    yield f"`from minillama import {alias.name}`: import names from it"
                elif right and node.module != right:
                    yield f"{alias.name} is taught: import it from {right}, not {node.module}"


@cache
def taught_names():
    """Every public function and class of the taught modules, and where it is."""
    found = {}
    for name in taught():
        module = importlib.import_module(f"minillama.{name}")
        for key, value in vars(module).items():
            own = getattr(value, "__module__", None) == module.__name__
            if own and (inspect.isfunction(value) or inspect.isclass(value)) and key[0] != "_":
                found[key] = module.__name__
    return found


def taught_module(name):
    return taught_names().get(name)


def parse(cell):
    """A cell's syntax tree, without its magics; empty where it is no Python (a %%html cell)."""
    lines = ["" if re.match(r"[ \t]*[%!]", line) else line for line in cell.source.splitlines()]
    try:
        return ast.parse("\n".join(lines))
    except SyntaxError:
        return ast.Module([], [])


def words(markdown):
    """How many words somebody reads: no code, formulas, tags or targets of links."""
    text = re.sub(
        r"```.*?```|\$\$.*?\$\$|\$[^$\n]+\$|<[^>]+>|\]\([^)]*\)", " ", markdown, flags=re.S
    )
    return len(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text))


def said(output):
    """An output's text, as a reader sees it; pictures are left out."""
    if output.output_type == "error":
        return COLOUR.sub("", "\n".join([output.ename, output.evalue, *output.traceback]))
    data = output.get("data", {})
    texts = [data[mime] for mime in ("text/plain", "text/html", "text/markdown") if mime in data]
    return "\n".join([output.get("text", ""), *texts, json.dumps(output.get("metadata", {}))])


def stills(cell):
    """For each output of a cell, the picture in it, or None."""
    for output in cell.outputs:
        data = output.get("data", {})
        if not CAPTION.fullmatch(data.get("text/html", "")):
            mimes = (*PICTURES, "text/html")
            yield next((data[mime] for mime in mimes if mime in data), None)


CELL_RULES = {
    "markdown": [private],
    "code": [cell_size, tags, errors, private, network, pictures, style, taught_imports],
    "raw": [lambda cell: ["a raw cell shows nothing"]],
}
