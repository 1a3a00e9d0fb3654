"""`%%build attention`: a lesson's cell whose definitions are those of minillama/attention.py.

A module in a folder is named with a dot: `%%build finetune.lora`.

The cell runs in the notebook, and each definition in it is compared, as text, with the package's.
The line that says they are the same is stored with the lesson and compared when it is tested, so a
lesson cannot drift from the package unseen.
"""

import ast
from collections.abc import Callable, Collection
from functools import partial
from importlib import import_module
from typing import Any

from minillama.course.source.definitions import compile_source, definitions
from minillama.course.source.taught import file_of, package_source, taught


def load_ipython_extension(shell: Any) -> None:
    """Register `%%build`; what `%load_ext minillama.course` calls."""
    register(shell, partial(build, shell))


def register(shell: Any, build: Callable[[str, str], None]) -> None:
    """Register what `%%build` does, and what to say where it is not the first line of a cell."""
    shell.register_magic_function(build, "cell", "build")
    # Below other lines, IPython takes it for a line magic of the name `%build`.
    shell.register_magic_function(not_first, "line", "%build")


def not_first(line: str) -> None:
    """Raise UsageError for a `%%build` with other lines above it."""
    from IPython.core.error import UsageError  # shown as one line, without a traceback

    raise UsageError(
        f"%%build has to be the first line of its cell: move what stands above `%%build {line}` "
        "below it, comments too."
    )


class NotPython(Exception):
    """A build cell with a SyntaxError, which the notebook shows as it does in any other cell.

    A SyntaxError itself would come with the frames of `%%build`, and the whole cell in one line.
    """

    def __init__(self, error: SyntaxError, shell: Any) -> None:
        super().__init__(f"{error.msg} (line {error.lineno})")
        self._error, self._shell = error, shell

    def _render_traceback_(self) -> list[str]:
        """The line, the caret and the message; IPython asks for them by this name."""
        shown = self._shell.SyntaxTB.structured_traceback(type(self._error), self._error, [])
        return list(shown)


def build(shell: Any, line: str, cell: str) -> None:
    """Run a build cell and say how its definitions compare with the package's.

    Where all are the same, the names are bound to the package's own objects, so that there is one
    class and not two. Where one differs, the cell's own stay, as somebody who changes it expects.
    """
    __tracebackhide__ = True  # a traceback begins in the reader's cell
    module = taught_module(line, taught())
    run_cell(shell, line, cell)
    package = import_module(f"minillama.{module}")
    differ = differing(cell, package_source(module))
    own = differ or changed_here(cell, package, shell.user_ns)
    if not own:
        shell.user_ns.update({name: getattr(package, name) for name in definitions(cell)})
    print(verdict(module, list(definitions(cell)), differ, own))


def verdict(module: str, names: list[str], differ: list[str], own: list[str]) -> str:
    """The one line of output."""
    file = f"minillama/{file_of(module)}"
    if differ:
        verb = "differs" if len(differ) == 1 else "differ"
        words = f"{', '.join(differ)} {verb} from {file}"
    elif own:
        words = f"{', '.join(names)}: the same as in {file}, but with your {', '.join(own)}"
    else:
        return f"{', '.join(names)}: the same as in {file}."
    return f"{words}. This notebook uses the cell's, and the package its own."


def taught_module(line: str, taught: Collection[str]) -> str:
    """The taught module that a `%%build` line names. Raises UsageError for one that is none."""
    from IPython.core.error import UsageError

    if line.strip() not in taught:
        raise UsageError(f"%%build needs the module that the cell builds: {', '.join(taught)}")
    return line.strip()


def run_cell(shell: Any, line: str, cell: str) -> None:
    """Run a build cell's text in the notebook. Tracebacks call it the cell that it is.

    Raises NotPython for a SyntaxError in it, and whatever its code raises.
    """
    __tracebackhide__ = True
    source = "\n" + cell  # so that lines are numbered as in the notebook
    whole = f"%%build {line}\n{cell}"
    number = len(shell.history_manager.input_hist_parsed) - 1  # of the cell that runs, as In[7]
    filename = shell.compile.cache(source, number, raw_code=whole)
    try:
        code = compile_source(source, filename)
    except SyntaxError as error:
        raise NotPython(error, shell) from None
    exec(code, shell.user_ns)


def differing(cell: str, package: str) -> list[str]:
    """The names that a cell defines otherwise than the package's source, or that only it has."""
    theirs = definitions(package)
    return [
        name
        for name, ours in definitions(cell).items()
        if name not in theirs or theirs[name].source != ours.source
    ]


def changed_here(cell: str, package: Any, namespace: dict[str, Any]) -> list[str]:
    """What a cell uses of its module that is the notebook's own there, such as a changed cell's."""
    used = {node.id for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.Name)}
    others = used & definitions(package_source(package.__name__.partition(".")[2])).keys()
    others -= definitions(cell).keys()
    return sorted(n for n in others if n in namespace and namespace[n] is not vars(package)[n])
