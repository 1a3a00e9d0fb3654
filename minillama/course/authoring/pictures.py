"""One picture from each lesson, as a file of its own: the README shows it beside the lesson."""

import base64
from pathlib import Path

from nbformat import NotebookNode

from minillama.system.notebooks import LessonError


def pictures(notebook: NotebookNode) -> list[bytes]:
    """The PNGs that a notebook's outputs hold, in order."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    stored = [output.get("data", {}).get("image/png") for output in outputs]
    return [base64.b64decode(png) for png in stored if png]


def chosen_picture(path: Path, notebook: NotebookNode) -> bytes | None:
    """The picture whose number, from 0, is in the metadata as minillama.picture; or None.

    Raises LessonError where there is no picture of that number.
    """
    number = notebook.metadata.get("minillama", {}).get("picture")
    found = pictures(notebook)
    if number is None:
        return None
    if not 0 <= number < len(found):
        raise LessonError(f"{path.name} has {len(found)} pictures, so none of the number {number}")
    return found[number]


def picture_file(path: Path) -> Path:
    """Where the picture of the lesson in this file stands, in a clone."""
    return path.parent.parent / "assets" / "lessons" / f"{path.stem}.png"


def write_picture(path: Path, notebook: NotebookNode) -> None:
    """Write the lesson's picture beside the others; nothing is done outside a clone."""
    chosen, file = chosen_picture(path, notebook), picture_file(path)
    if chosen is not None and file.parent.is_dir():
        file.write_bytes(chosen)
