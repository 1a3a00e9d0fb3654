"""Notebooks played in this process: a kernel without its process, and lessons to play on it."""

import contextlib
import io
import sys

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from traitlets.config import Config


class Kernel:
    """Runs cells as IPython does; `error` is what the last one raised, or None."""

    def __init__(self):
        config = Config()
        config.HistoryManager.enabled = False
        self.shell = InteractiveShell(config=config, colors="nocolor")
        self.names = self.shell.user_ns
        self.error = None

    def run(self, source):
        """What a cell prints, its traceback included."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            result = self.shell.run_cell(source, store_history=True)
        self.error = result.error_before_exec or result.error_in_exec
        return out.getvalue()


@contextlib.contextmanager
def kernels():
    """Makes kernels, and leaves the process as it was: a shell takes over `__main__` and more."""
    main, path, hook = sys.modules["__main__"], sys.path[:], sys.displayhook
    try:
        yield Kernel
    finally:
        sys.modules["__main__"], sys.path[:], sys.displayhook = main, path, hook


def write_lesson(path, *cells):
    """Write a lesson: strings are code, or prose if they begin with #; a pair is code and a tag."""
    made = []
    for cell in cells:
        source, *tags = [cell] if isinstance(cell, str) else cell
        new = new_markdown_cell if source.startswith("#") else new_code_cell
        made.append(new(source, metadata={"tags": tags} if tags else {}))
    for number, cell in enumerate(made):
        cell["id"] = f"cell-{number}"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=made), path)
