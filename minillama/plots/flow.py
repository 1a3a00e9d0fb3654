"""What drawings of a data flow are made of: tensors, weights, operations, arrows with shapes."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from minillama.plots.colors import BLUE, COMPUTED, FAINT, INK, LEARNED, ORANGE, QUIET

Number = float | int
Point = tuple[Number, Number]
Tokens = int | str
SMALL, NORMAL = 8.5, 10  # sizes of text, in points


class Box(NamedTuple):
    """A place in a drawing: its middle and its size, in tenths of an inch."""

    x: Number
    y: Number
    width: Number
    height: Number

    @property
    def left(self) -> Point:
        return self.x - self.width / 2, self.y

    @property
    def right(self) -> Point:
        return self.x + self.width / 2, self.y

    @property
    def top(self) -> Point:
        return self.x, self.y + self.height / 2

    @property
    def bottom(self) -> Point:
        return self.x, self.y - self.height / 2


class Flow:
    """A sheet of paper, measured in tenths of an inch, and what can be drawn on it.

    Blue is computed from the input, orange is learned, and whatever is round is an operation.
    """

    def __init__(self, width: Number, height: Number) -> None:
        self.ax = plt.figure(figsize=(width / 10, height / 10)).add_axes((0, 0, 1, 1))
        self.ax.set(xlim=(0, width), ylim=(0, height))
        self.ax.axis("off")

    def tensor(
        self,
        box: Box,
        name: str,
        shape: str = "",
        *,
        cells: np.ndarray | None = None,
        rows: int = 1,
        above: bool = True,
    ) -> Box:
        """A tensor with its name above (or inside) and its shape below.

        rows: how many to draw, one for each token. cells: a color for each cell instead, or ""
        for one that is hidden.
        """
        face = COMPUTED if cells is None else "white"
        self._rectangle(box, face, BLUE, 1.1)
        x, y = box.x - box.width / 2, box.y + box.height / 2
        if cells is None:
            for row in range(1, rows):
                height = y - row * box.height / rows
                self._line([x, x + box.width], [height, height], "white", 1.2, 3)
        else:
            self._cells(box, cells)
        self.text(box.x, y + 1.1 if above else box.y, name, weight="bold")
        self.text(box.x, box.bottom[1] - 1.2, shape, SMALL)
        return box

    def weight(self, box: Box, name: str, shape: str = "", inside: str = "") -> Box:
        """What is learned, with its name inside, more of it under the name, its shape below."""
        self._rectangle(box, LEARNED, ORANGE, 1.8)
        self.text(box.x, box.y + (1 if inside else 0), name, weight="bold")
        self.text(box.x, box.y - 1.1, inside, SMALL)
        self.text(box.x, box.bottom[1] - 1.2, shape, SMALL)
        return box

    def operation(self, box: Box, name: str, note: str = "") -> Box:
        """Something that is computed and has no weights; the note stands below."""
        size = min(box.width, box.height) / 2
        style = f"round,pad=0,rounding_size={size}"
        corner = (box.x - box.width / 2, box.y - box.height / 2)
        pill = FancyBboxPatch(
            corner, box.width, box.height, boxstyle=style, facecolor="white", edgecolor=INK
        )
        pill.set_zorder(5)
        self.ax.add_patch(pill)
        self.text(box.x, box.y, name, 9.5)
        self.text(box.x, box.bottom[1] - 1.2, note, SMALL, color=QUIET, style="italic")
        return box

    def plus(self, x: Number, y: Number, sign: str = "+") -> Box:
        """A circle with a plus, or with the cross of a product cell by cell."""
        self.ax.add_patch(Circle((x, y), 1.5, facecolor="white", edgecolor=INK, zorder=5))
        a = 0.85 if sign == "+" else 0.6
        straight = sign == "+"
        self._line([x - a, x + a], [y, y] if straight else [y - a, y + a], INK, 1.4, 6)
        self._line([x, x] if straight else [x - a, x + a], [y + a, y - a], INK, 1.4, 6)
        return Box(x, y, 3, 3)

    def arrow(self, *points: Point, shape: str = "", side: str = "above") -> None:
        """A way with corners, ending in a head; the shape of what flows stands at its last leg."""
        for (x0, y0), (x1, y1) in pairwise(points[:-1]):
            self._line([x0, x1], [y0, y1], QUIET, 1.1, 2)
        arrow = {"arrowstyle": "-|>", "color": QUIET, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}
        self.ax.annotate("", points[-1], points[-2], arrowprops=arrow, zorder=4)
        (x0, y0), (x1, y1) = points[-2:]
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        if side == "right":
            self.text(x + 0.7, y, shape, SMALL, ha="left")
        elif side == "left":
            self.text(x - 0.7, y, shape, SMALL, ha="right")
        else:
            self.text(x, y + (1.2 if side == "above" else -1.2), shape, SMALL)

    def line(self, *points: Point) -> None:
        """A way without a head, which goes on in others."""
        for (x0, y0), (x1, y1) in pairwise(points):
            self._line([x0, x1], [y0, y1], QUIET, 1.1, 2)

    def band(self, left: Point, right: Point) -> None:
        """The residual stream: broad, because all that is known runs through it."""
        self._line([left[0], right[0]], [left[1], right[1]], COMPUTED, 9, 1)

    def ground(self, box: Box, face: str = "#F5F7F9") -> None:
        """A sheet behind what belongs together."""
        corner = (box.x - box.width / 2, box.y - box.height / 2)
        style = "round,pad=0,rounding_size=1"
        patch = FancyBboxPatch(
            corner, box.width, box.height, boxstyle=style, facecolor=face, edgecolor=FAINT
        )
        patch.set_zorder(0)
        self.ax.add_patch(patch)

    def text(
        self,
        x: Number,
        y: Number,
        words: str,
        size: Number = NORMAL,
        *,
        color: str = INK,
        ha: str = "center",
        weight: str = "normal",
        style: str = "normal",
        rotation: int = 0,
    ) -> None:
        """Words around a point; none draws nothing."""
        if words:
            self.ax.text(
                x, y, words, fontsize=size, color=color, ha=ha, va="center", weight=weight,
                style=style, rotation=rotation, zorder=7,
            )  # fmt: skip

    def note(self, x: Number, y: Number, words: str, ha: str = "left") -> None:
        """What is no part of the flow but explains it."""
        self.text(x, y, words, SMALL, color=QUIET, ha=ha, style="italic")

    def legend(self, x: Number, y: Number) -> None:
        """What the two colors and roundness mean, in a line."""
        self._rectangle(Box(x + 1.1, y, 2.2, 1.6), LEARNED, ORANGE, 1.8)
        self.text(x + 3, y, "learned weights", SMALL, ha="left")
        self._rectangle(Box(x + 15.6, y, 2.2, 1.6), COMPUTED, BLUE, 1.1)
        self.text(x + 17.5, y, "computed from the input", SMALL, ha="left")
        self.operation(Box(x + 36.6, y, 3.4, 1.8), "")
        self.text(x + 39, y, "operation", SMALL, ha="left")

    def _rectangle(self, box: Box, face: str, edge: str, line: Number) -> None:
        corner = (box.x - box.width / 2, box.y - box.height / 2)
        patch = Rectangle(
            corner, box.width, box.height, facecolor=face, edgecolor=edge, linewidth=line
        )
        patch.set_zorder(3)
        self.ax.add_patch(patch)

    def _cells(self, box: Box, cells: np.ndarray) -> None:
        rows, columns = cells.shape
        width, height = box.width / columns, box.height / rows
        for (row, column), color in np.ndenumerate(cells):
            x = box.x - box.width / 2 + column * width
            y = box.y + box.height / 2 - (row + 1) * height
            cell = Rectangle((x, y), width, height, zorder=3, linewidth=0)
            if color:
                cell.set(facecolor=color, edgecolor="white", linewidth=0.6)
            else:
                cell.set(facecolor="#F3F4F6", edgecolor="#9AA5B1", hatch="//////")
            self.ax.add_patch(cell)
        frame = Rectangle((box.x - box.width / 2, box.y - box.height / 2), box.width, box.height)
        frame.set(fill=False, edgecolor=BLUE, linewidth=1.1, zorder=4)
        self.ax.add_patch(frame)

    def _line(
        self, x: Sequence[Number], y: Sequence[Number], color: str, width: Number, zorder: Number
    ) -> None:
        self.ax.plot(x, y, color=color, linewidth=width, zorder=zorder, solid_capstyle="butt")


def drawn(tokens: Tokens, least: int = 1) -> int:
    """How many rows stand for so many tokens: all of them up to six, else five."""
    if isinstance(tokens, int) and tokens < least:
        raise ValueError(f"the number of tokens must be at least {least}, not {tokens}")
    return tokens if isinstance(tokens, int) and tokens <= 6 else 5


def shape(*sizes: Tokens) -> str:
    """A shape as PyTorch prints it, with symbols where there are no numbers."""
    return f"({', '.join(map(str, sizes))})"
