"""Lessons as files: executed afresh, and written so that a diff shows what changed.

What differs from one execution to the next and says nothing (times, versions, ids of live widgets,
folders of this machine) is left out of the stored notebook.
"""

import re
import warnings
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.output_widget import OutputWidget
from nbformat import NotebookNode

from minillama.system.files import write_text

CELL_SECONDS = 300.0  # a lesson's limit is far below; this ends a cell that hangs
WIDGET = "application/vnd.jupyter.widget-view+json"
KEPT = ("tags", "jupyter")  # of a cell's metadata
METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": NATIVE_KERNEL_NAME,
    },
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",  # so that --to script knows magics
        "pygments_lexer": "ipython3",
    },
}
OVERWRITTEN = re.compile(r"^.*\r(?=[^\n])", re.MULTILINE)  # by what follows on the same line
# In a traceback, the part of a path that is this machine's own.
OWN_PATH = re.compile(
    r"(?:~|[A-Za-z]:)?(?:[\\/][^\s\\/:\x1b]+)*[\\/]"
    r"(?:site-packages[\\/]|python3\.\d+[\\/]|(?=minillama[\\/]))"
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class LessonError(Exception):
    """A lesson that cannot be read or executed; the message says where and why."""


def read_notebook(path: Path) -> NotebookNode:
    """A notebook of the current format. Raises LessonError where the file is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cells without an id of their own: they get one
            notebook = nbformat.read(path, as_version=4)
            if notebook.nbformat_minor < 5:
                notebook = nbformat.v4.upgrade(notebook, 4, notebook.nbformat_minor)
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise LessonError(f"{path.name} is not a notebook: {error}") from error
    return notebook


def notebook_text(notebook: NotebookNode) -> str:
    """The file's text. Raises LessonError where the notebook is against the format."""
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise LessonError(f"the notebook is against the format: {error}") from error
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def write_notebook(path: Path, notebook: NotebookNode) -> None:
    """Replace the file as a whole, or not at all."""
    write_text(path, notebook_text(notebook))


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Bring a notebook, in place, into the form that is stored; twice is the same as once."""
    own = notebook.metadata.get("minillama")
    notebook.metadata = nbformat.from_dict(METADATA)
    if own is not None:
        notebook.metadata["minillama"] = own
    for cell in notebook.cells:
        cell.metadata = NotebookNode({k: cell.metadata[k] for k in KEPT if k in cell.metadata})
        if cell.cell_type == "code":
            cell.outputs = tidy_outputs(cell.outputs)
    return notebook


def tidy_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """A cell's outputs as they are stored: neighbouring streams joined, no live widgets."""
    kept: list[NotebookNode] = []
    for output in outputs:
        last = kept[-1] if kept else None
        if output.output_type == "stream" and last and last.get("name") == output.name:
            last.text += output.text
            continue
        if "data" in output:
            output.data.pop(WIDGET, None)
            output.metadata.pop(WIDGET, None)
        if output.output_type == "error":
            output.traceback = [OWN_PATH.sub("", line) for line in output.traceback]
        kept.append(output)
    for output in kept:
        if output.output_type == "stream":
            output.text = OVERWRITTEN.sub("", output.text)
    return [output for output in kept if output.get("data", True) and output.get("text", True)]


def execute(path: Path, cell_seconds: float = CELL_SECONDS) -> NotebookNode:
    """A lesson with the outputs of a fresh kernel, in its folder; the file is left alone.

    Raises LessonError with the cell and its traceback where a cell fails that is not tagged
    `raises-exception`.
    """
    notebook = read_notebook(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = Client(
        notebook,
        timeout=cell_seconds,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # of the kernel's own words, not the cells'
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.widget_registry = {"@jupyter-widgets/output": {"OutputModel": SilentOutput}}
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise LessonError(failure(path, notebook, error)) from error
    return tidy(notebook)


def failure(path: Path, notebook: NotebookNode, error: Exception) -> str:
    """The cell that failed, by its place and source, and what it raised."""
    begun = [
        (number, cell)
        for number, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code" and (cell.execution_count or cell.outputs)
    ]
    number, cell = begun[-1] if begun else (1, notebook.cells[0])
    raised = [output for output in cell.outputs if output.output_type == "error"]
    words = "\n".join(raised[-1].traceback) if raised else str(error)
    code = "\n".join(f"    {line}" for line in cell.source.splitlines())
    return f"{path.name}, cell {number} ({cell.id}):\n\n{code}\n\n{COLOUR.sub('', words)}"


class NativeKernel(KernelSpecManager):
    """Knows one kernel: the Python that runs this, whatever else is installed under its name."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        from ipykernel.kernelspec import RESOURCES, get_kernel_dict

        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


class Client(NotebookClient):
    """Executes a notebook in the Python that runs this."""

    def create_kernel_manager(self) -> Any:
        self.km = AsyncKernelManager(
            kernel_name=NATIVE_KERNEL_NAME, kernel_spec_manager=NativeKernel(parent=self)
        )
        return self.km


class SilentOutput(OutputWidget):
    """Collects what an Output widget shows, without telling the kernel.

    With nbclient's own, a message to a kernel that waits for the end of its cell hangs now and then
    (nbclient issue 312), for ever.
    """

    def sync_state(self) -> None:
        pass
