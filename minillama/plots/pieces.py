"""A text cut into its tokens: each on a colour of its own, in reading order."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from minillama.plots.colors import FAINT, QUIET, ink_on
from minillama.plots.text import MISSING, drawable, drawable_text, fonts

COLUMNS = 80  # letters in a line
WIDTH, LINE = 8.0, 0.3  # of the picture and of a line of text, in inches
# Okabe and Ito's sky, orange, green, purple and yellow, lighter: INK reads well on all of them.
TINTS = ("#B5DFF7", "#F6D48D", "#8FD3BC", "#EBCBDB", "#F8F3AE")


def token_pieces(
    tokens: Sequence[str],
    *,
    title: str = "",
    lines: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The tokens in reading order, each on the next of five colours; spaces are drawn as dots.

    lines: make room for so many, where pictures of several ways to cut a text shall be as high;
    None is as many as there are.
    """
    broken = broken_lines([drawable(token) for token in tokens])
    if ax is None:
        size = (WIDTH, LINE * max(len(broken), lines or 0) + (0.35 if title else 0.1))
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    write_tokens(ax, broken, [TINTS[i % len(TINTS)] for i in range(len(tokens))])
    ax.set_ylim(max(len(broken), lines or 0) - 0.5, -0.5)
    title = drawable_text(title)
    ax.set_title(title, fontsize=9, color=QUIET, loc="left", family=fonts())
    return ax


def write_tokens(
    ax: Axes, lines: Sequence[Sequence[str]], colors: Sequence[str | tuple[float, float, float]]
) -> None:
    """Write lines of tokens, each token on its colour, and take the axes away."""
    position = 0
    for row, line in enumerate(lines):
        column = 0.0
        for name in line:
            color, width = colors[position], _columns(name)
            place = (column, row - 0.45)
            box = Rectangle(place, width, 0.9, facecolor=color, edgecolor=FAINT, linewidth=0.5)
            ax.add_patch(box)
            ax.text(
                column + width / 2,
                row,
                name,
                ha="center",
                va="center",
                fontsize=8,
                color=ink_on(color),
                family=("DejaVu Sans Mono", *fonts()),
            )
            column += width
            position += 1
    ax.set(xlim=(-0.2, COLUMNS + 0.2), ylim=(len(lines) - 0.5, -0.5))
    ax.axis("off")


def broken_lines(names: Sequence[str]) -> list[list[str]]:
    """The tokens broken into lines of at most COLUMNS columns."""
    lines, used = [list[str]()], 0
    for name in names:
        if used + _columns(name) > COLUMNS and lines[-1]:
            lines.append([])
            used = 0
        lines[-1].append(name)
        used += _columns(name)
    return lines


def _columns(name: str) -> int:
    """Columns that a token takes: one a letter, two a Han character, and a margin."""
    return sum(2 if ord(c) > 0x2E7F or c == MISSING else 1 for c in name) + 1
