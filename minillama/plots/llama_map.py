"""The map of LLaMA: every part a box with the number of its lesson."""

from collections.abc import Collection
from itertools import pairwise
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch, Wedge

from minillama.plots.colors import BLUE, COMPUTED, FAINT, GREEN, INK, QUIET

Number = float | int
PAPER, GROUND, INNER = "#FFFFFF", "#F5F7F9", "#E4EBF1"


class Box(NamedTuple):
    """A part at a place: the left lower corner and the size, in hundredths of the width."""

    part: str
    label: str
    lesson: str
    x: Number
    y: Number
    width: Number = 21
    height: Number = 6.4


BOXES = (
    Box("tokenizer", "tokenizer", "02", 4.5, 7),
    Box("embeddings", "embeddings", "03", 4.5, 17),
    Box("model", "block × N", "09", 4.5, 30, height=9),
    Box("norm", "RMSNorm", "07", 4.5, 46.5),
    Box("output", "output", "03", 4.5, 56.5),
    Box("sampling", "sampling", "18", 4.5, 66.5),
    Box("norm", "RMSNorm", "07", 44, 22.5, 16),
    Box("heads", "heads", "06", 65, 22.5, 14),
    Box("rope", "RoPE", "05", 82.5, 22.5, 14),
    Box("cache", "KV cache", "19", 81, 34, 15.5),
    Box("attention", "attention", "04", 63, 34, 15),
    Box("norm", "RMSNorm", "07", 44, 50, 16),
    Box("feedforward", "SwiGLU", "08", 65, 50, 31.5),
    Box("data", "data", "10", 44, 3.5, 16),
    Box("training", "training", "11", 65, 3.5, 31.5),
)
PARTS = tuple(dict.fromkeys(box.part for box in BOXES))
COLUMN, STREAM = 15, 37.5  # where the residual stream runs: beside the boxes, and in the block


def llama_map(
    lit: Collection[str] = (),
    built: Collection[str] = (),
    ax: Axes | None = None,
    *,
    begun: Collection[str] = (),
) -> Axes:
    """LLaMA from text to the next token, with one block opened up.

    lit: parts in a strong colour, those that a lesson is about. built: parts with a tick and a
    thick edge, those that a reader has built. begun: parts with half a disc, which a reader has
    built some of. Source: Touvron et al. 2023, arXiv:2302.13971.

    Raises ValueError for a part that is not on the map, naming those that are.
    """
    for part in (*lit, *built, *begun):
        if part not in PARTS:
            raise ValueError(f"there is no part {part!r} on the map; there are {', '.join(PARTS)}")
    if ax is None:
        ax = plt.figure(figsize=(7.2, 5.76)).add_axes((0.005, 0.005, 0.99, 0.99))
    ax.set(xlim=(0, 100), ylim=(0, 80), aspect="equal")
    ax.axis("off")
    _grounds(ax)
    _ways(ax)
    for box in BOXES:
        _box(ax, box, box.part in lit, box.part in built)
        if box.part in begun and box.part not in built:
            _half(ax, box.x + box.width - 0.6, box.y + box.height - 0.6)
    _words(ax)
    _legend(ax, bool(lit), bool(built), bool(begun))
    return ax


def _box(ax: Axes, box: Box, lit: bool, built: bool) -> None:
    face, ink = (BLUE, PAPER) if lit else (PAPER, INK)
    edge, line = (GREEN, 2.6) if built else (BLUE, 1) if lit else ("#9AA5B1", 1)
    if box.part == "model":  # more blocks behind it
        for shift in (2.6, 1.3):
            _rectangle(ax, box.x + shift, box.y + shift, box.width, box.height, PAPER, edge, 1)
    _rectangle(ax, box.x, box.y, box.width, box.height, face, edge, line)
    middle = box.y + box.height / 2 - 0.1
    weight = "bold" if lit else "normal"
    # The number of the lesson at the left, and the name in the middle of what it leaves.
    ax.text(
        box.x + 1.2, middle, box.lesson, ha="left", va="center", fontsize=8, weight="bold",
        color=PAPER if lit else QUIET,
    )  # fmt: skip
    ax.text(
        box.x + 2 + box.width / 2, middle, box.label, ha="center", va="center", fontsize=9.5,
        color=ink, weight=weight,
    )  # fmt: skip
    if built:
        _tick(ax, box.x + box.width - 0.6, box.y + box.height - 0.6)


def _tick(ax: Axes, x: Number, y: Number) -> None:
    ax.add_patch(Circle((x, y), 1.9, facecolor=GREEN, edgecolor=PAPER, linewidth=1.2, zorder=6))
    way = ([x - 0.85, x - 0.25, x + 0.95], [y - 0.05, y - 0.75, y + 0.75])
    ax.plot(*way, color=PAPER, linewidth=1.6, solid_joinstyle="round", zorder=7)


def _half(ax: Axes, x: Number, y: Number) -> None:
    ax.add_patch(Circle((x, y), 1.9, facecolor=PAPER, edgecolor=GREEN, linewidth=1.2, zorder=6))
    ax.add_patch(Wedge((x, y), 1.9, 90, 270, facecolor=GREEN, edgecolor=GREEN, zorder=7))


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
    patch.set_zorder(3)
    ax.add_patch(patch)


def _grounds(ax: Axes) -> None:
    """What lies behind the boxes: the opened block, and attention with all that belongs to it."""
    ax.fill([25.5, 33, 33, 25.5], [30, 16.3, 67.7, 41.6], fc=GROUND, ec=FAINT, zorder=0)
    for x, y, width, height, face in ((32.5, 16, 66.5, 52, GROUND), (62, 20, 36, 23, INNER)):
        style = "round,pad=0,rounding_size=1.2"
        ground = FancyBboxPatch((x, y), width, height, boxstyle=style, fc=face, ec=FAINT, zorder=1)
        ax.add_patch(ground)


def _ways(ax: Axes) -> None:
    """The way of the numbers. The residual stream is broad; all that reads it adds to it."""
    for points in (((COLUMN, 23.4), (COLUMN, 46.5)), ((STREAM, 16.2), (STREAM, 67.8))):
        ax.plot(
            *zip(*points, strict=True), color=COMPUTED, linewidth=9, zorder=2, solid_capstyle="butt"
        )
    for bottom, top in ((3.8, 7), (13.4, 17), (52.9, 56.5), (62.9, 66.5), (72.9, 76)):
        _way(ax, (COLUMN, bottom), (COLUMN, top))
    for top in (30, 46.5):
        _way(ax, (COLUMN, top - 2), (COLUMN, top))
    _way(ax, (STREAM, 66), (STREAM, 69.2))
    _way(ax, (4.5, 69.7), (1.6, 69.7), (1.6, 20.2), (4.5, 20.2))  # an id: no text is read again
    for enter, leave, back in ((25.7, 37.2, (63, 37.2)), (53.2, 61.5, (80.75, 56.4))):
        _way(ax, (STREAM, enter), (44, enter))
        _way(ax, (60, enter), (65, enter))
        corner = (back[0], leave) if back[1] != leave else back
        _way(ax, back, corner, (STREAM + 1.7, leave))
        ax.add_patch(Circle((STREAM, leave), 1.7, facecolor=PAPER, edgecolor=INK, zorder=4))
        ax.plot([STREAM - 0.9, STREAM + 0.9], [leave, leave], color=INK, linewidth=1.3, zorder=5)
        ax.plot([STREAM, STREAM], [leave - 0.9, leave + 0.9], color=INK, linewidth=1.3, zorder=5)
    _way(ax, (79, 25.7), (82.5, 25.7))
    _way(ax, (89.5, 28.9), (89.5, 34))
    _way(ax, (81, 37.2), (78, 37.2))
    _way(ax, (60, 6.7), (65, 6.7))
    _way(ax, (80.75, 9.9), (80.75, 16))


def _way(ax: Axes, *points: tuple[Number, Number]) -> None:
    for (x0, y0), (x1, y1) in pairwise(points[:-1]):
        ax.plot([x0, x1], [y0, y1], color=QUIET, linewidth=1.1, solid_capstyle="projecting")
    arrow = {"arrowstyle": "-|>", "color": QUIET, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", points[-1], points[-2], arrowprops=arrow, zorder=4)


def _words(ax: Axes) -> None:
    """What is not a part but helps to read the map."""
    for x, y, text, align in (
        (COLUMN, 2.4, "text: “Once upon a”", "center"),
        (COLUMN, 77.8, "next token: “time”", "center"),
        (42, 65, "inside one block", "left"),
        (71.5, 31.4, "attention layer", "center"),
        (82, 12.9, "adjusts every weight", "left"),
        (COLUMN + 1.6, 26.7, "residual stream", "left"),
        (COLUMN + 1.6, 15, "ids", "left"),
    ):
        ax.text(
            x, y, text, ha=align, va="center", color=QUIET, fontsize=8, style="italic", zorder=6
        )
    for x, y, text in (
        (STREAM - 1.9, 45.5, "residual stream"),
        (3.1, 44, "id of the chosen token"),
    ):
        ax.text(
            x, y, text, ha="center", va="center", color=QUIET, fontsize=8, style="italic",
            rotation=90,
        )  # fmt: skip


def _legend(ax: Axes, lit: bool, built: bool, begun: bool) -> None:
    """What the marks mean that are there, in a line at the top that ends at the right."""
    marks: list[tuple[str, str, Number, Number]] = [("number", "numbers: lessons", 0, 16.5)]
    marks += [("lit", "this lesson", 4.5, 16.5)] * lit
    marks += [("built", "built by you", 4.8, 17.5)] * built
    marks += [("begun", "in part", 4.8, 11)] * begun
    x = 98.5 - sum(width for *_, width in marks)
    for mark, words, indent, width in marks:
        if mark == "lit":
            _rectangle(ax, x, 72.7, 3.4, 2.6, BLUE, BLUE, 1)
        elif mark == "built":
            _tick(ax, x + 1.9, 74)
        elif mark == "begun":
            _half(ax, x + 1.9, 74)
        ax.text(x + indent, 74, words, color=INK, fontsize=8.5, va="center")
        x += width
