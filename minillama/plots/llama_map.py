"""The map of LLaMA: every part a box with the number of its lesson."""

from collections.abc import Collection
from itertools import pairwise
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch

from minillama.plots.colors import BLUE, FAINT, GREEN, INK, QUIET

Number = float | int
PAPER, GROUND, INNER = "#FFFFFF", "#F4F6F8", "#E6EBF0"


class Box(NamedTuple):
    """A part at a place: the left lower corner and the size, in hundredths of the width."""

    part: str
    label: str
    lesson: str
    x: Number
    y: Number
    width: Number = 20
    height: Number = 6.5


BOXES = (
    Box("tokenizer", "tokenizer", "02", 5, 7),
    Box("embeddings", "embeddings", "03", 5, 17),
    Box("model", "block × N", "09", 5, 28, height=9),
    Box("norm", "RMSNorm", "07", 5, 42),
    Box("output", "output", "03", 5, 52),
    Box("sampling", "sampling", "18", 5, 62),
    Box("norm", "RMSNorm", "07", 45, 23, 15),
    Box("heads", "heads", "06", 66, 23, 14),
    Box("rope", "RoPE", "05", 83, 23, 14),
    Box("cache", "KV cache", "19", 83, 34, 14),
    Box("attention", "attention", "04", 66, 34, 14),
    Box("norm", "RMSNorm", "07", 45, 49, 15),
    Box("feedforward", "SwiGLU", "08", 66, 49, 31),
    Box("data", "data", "10", 45, 3, 15),
    Box("training", "training", "11", 66, 3, 31),
)
PARTS = tuple(dict.fromkeys(box.part for box in BOXES))
STREAM = 38  # where the residual stream of a block runs


def llama_map(
    lit: Collection[str] = (), built: Collection[str] = (), ax: Axes | None = None
) -> Axes:
    """LLaMA from text to the next token, with one block opened up.

    lit: parts in a strong colour, those that a lesson is about. built: parts with a tick and a
    thick edge, those that a reader has built. Source: Touvron et al. 2023, arXiv:2302.13971.

    Raises ValueError for a part that is not on the map, naming those that are.
    """
    for part in (*lit, *built):
        if part not in PARTS:
            raise ValueError(f"there is no part {part!r} on the map; there are {', '.join(PARTS)}")
    if ax is None:
        ax = plt.subplots(figsize=(7.6, 5.7), layout="constrained")[1]
    ax.set(xlim=(0, 100), ylim=(0, 75), aspect="equal")
    ax.axis("off")
    _grounds(ax)
    _arrows(ax)
    for box in BOXES:
        _draw(ax, box, box.part in lit, box.part in built)
    return ax


def _draw(ax: Axes, box: Box, lit: bool, built: bool) -> None:
    if box.part == "model":  # more blocks behind it
        for shift in (2.4, 1.2):
            _rectangle(ax, box.x + shift, box.y + shift, box.width, box.height, PAPER, QUIET, 0.8)
    face, edge, ink = (BLUE, INK, PAPER) if lit else (PAPER, QUIET, INK)
    if built:
        edge = GREEN
    _rectangle(ax, box.x, box.y, box.width, box.height, face, edge, 2.8 if built else 0.9)
    middle, centre = box.y + box.height / 2, box.x + box.width / 2
    weight = "bold" if lit else "normal"
    ax.text(centre, middle + 0.9, box.label, ha="center", va="center", color=ink, weight=weight)
    number = f"{box.lesson} ✓ yours" if built else box.lesson
    ax.text(centre, middle - 1.9, number, ha="center", va="center", color=ink, fontsize=7)


def _rectangle(
    ax: Axes,
    x: Number,
    y: Number,
    width: Number,
    height: Number,
    face: str,
    edge: str,
    line: Number,
) -> None:
    style = "round,pad=0,rounding_size=1.2"
    patch = FancyBboxPatch(
        (x, y), width, height, boxstyle=style, facecolor=face, edgecolor=edge, linewidth=line
    )
    ax.add_patch(patch)


def _grounds(ax: Axes) -> None:
    """What lies behind the boxes: the opened block, and attention with all that belongs to it."""
    ax.plot([27.4, 33], [37.5, 66], color=FAINT, linewidth=1, zorder=0)
    ax.plot([27.4, 33], [30.4, 16], color=FAINT, linewidth=1, zorder=0)
    _rectangle(ax, 33, 16, 66.5, 50, GROUND, FAINT, 1)
    _rectangle(ax, 64, 20.5, 34.5, 22.5, INNER, FAINT, 1)
    notes = [
        (42, 63.2, "one block", "left"),
        (76, 31.7, "attention layer", "center"),
        (15, 2.3, "text", "center"),
        (15, 72.5, "next token", "center"),
    ]
    for x, y, text, align in notes:
        ax.text(x, y, text, ha=align, va="center", color=QUIET, fontsize=8, style="italic")
    ax.text(
        STREAM - 1.6, 39.5, "residual stream", rotation=90, ha="right", va="center", color=QUIET,
        fontsize=8, style="italic",
    )  # fmt: skip


def _arrows(ax: Axes) -> None:
    """The way of the numbers; corners are drawn as lines, and each way ends in an arrowhead."""
    for bottom, top in ((3.6, 7), (13.5, 17), (23.5, 28), (37, 42), (48.5, 52), (58.5, 62)):
        _way(ax, (15, bottom), (15, top))
    _way(ax, (15, 68.5), (15, 71.4))
    _way(ax, (5, 65.2), (2, 65.2), (2, 10.2), (5, 10.2))  # what was drawn is read again
    _way(ax, (STREAM, 17), (STREAM, 65))
    for enter, leave, back in ((26.2, 37.2, (66, 37.2)), (52.2, 60.5, (81.5, 55.5))):
        _way(ax, (STREAM, enter), (45, enter))
        _way(ax, (60, enter), (66, enter))
        corner = (back[0], leave) if back[1] != leave else back
        _way(ax, back, corner, (STREAM + 1.5, leave))
        ax.add_patch(Circle((STREAM, leave), 1.5, facecolor=PAPER, edgecolor=INK, zorder=4))
        ax.text(STREAM, leave - 0.1, "+", ha="center", va="center", color=INK, zorder=5)
    _way(ax, (80, 26.2), (83, 26.2))
    _way(ax, (90, 29.5), (90, 34))
    _way(ax, (83, 37.2), (80, 37.2))
    _way(ax, (60, 6.2), (66, 6.2))
    _way(ax, (81.5, 9.5), (81.5, 16))
    ax.text(83, 12.6, "changes every number", color=QUIET, fontsize=8, style="italic", va="center")


def _way(ax: Axes, *points: tuple[Number, Number]) -> None:
    for (x0, y0), (x1, y1) in pairwise(points[:-1]):
        ax.plot([x0, x1], [y0, y1], color=QUIET, linewidth=1.1, solid_capstyle="projecting")
    arrow = {"arrowstyle": "-|>", "color": QUIET, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", points[-1], points[-2], arrowprops=arrow)
