"""Positions: RoPE as turning, in a plane and as clocks, and what a model loses far into a text."""

import cmath
import math
from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Wedge
from torch import Tensor

from minillama.plots.colors import BLACK, BLUE, FAINT, ORANGE, QUIET, SKY, VERMILION
from minillama.plots.lines import LOOKS
from minillama.plots.text import as_array

Pair = Sequence[float]


def rotation_plane(q: Pair, k: Pair, query_at: int, key_at: int, frequency: float) -> Figure:
    """A query and a key of two numbers each, turned by their positions, and their dot product.

    Left the plane: faint arrows before the turn, strong ones after. Right the dot product as it
    would be at other distances, with a dot where it is. frequency: radians per position.
    """
    figure = plt.figure(figsize=(8.4, 3.7))
    plane = figure.add_axes((0.09, 0.14, 0.35, 0.78))
    curve = figure.add_axes((0.53, 0.14, 0.45, 0.78))
    turned = []
    reach = 1.15 * max(math.hypot(*q), math.hypot(*k))
    for name, vector, at, color in (("q", q, query_at, BLUE), ("k", k, key_at, ORANGE)):
        point = complex(*vector)
        turned.append(point * cmath.exp(1j * frequency * at))
        for end, style in (
            (point, {"alpha": 0.25, "linewidth": 1.5}),
            (turned[-1], {"linewidth": 2.5}),
        ):
            arrow = {"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0, **style}
            plane.annotate("", (end.real, end.imag), (0, 0), arrowprops=arrow)
        plane.plot([], [], color=color, linewidth=2.5, label=f"{name} at {at}")
    first, second = np.angle(turned, deg=True)
    _angle_between(plane, first, second, 0.28 * reach)
    plane.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    plane.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
    plane.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    plane.legend(loc="lower left", frameon=False, handlelength=1.2)
    plane.set(xlabel="first number of the pair", ylabel="second number of the pair")

    distance, score = query_at - key_at, (turned[0] * turned[1].conjugate()).real
    farthest = max(20, abs(distance))
    distances = np.linspace(-farthest, farthest, 400)
    still = complex(*q) * complex(*k).conjugate()
    curve.plot(distances, (still * np.exp(1j * frequency * distances)).real, color=QUIET)
    curve.plot([distance], [score], "o", color=VERMILION, markersize=9)
    curve.set(title=f"distance {distance}: dot product {score:.3f}")
    curve.set(xlabel="distance (position of q − position of k, tokens)", ylabel="dot product")
    curve.spines[["top", "right"]].set_visible(False)
    return figure


def _angle_between(ax: Axes, first: float, second: float, radius: float) -> None:
    """The sector between two directions in degrees, on its smaller side."""
    start, sweep = second, (first - second) % 360
    if sweep > 180:
        start, sweep = first, 360 - sweep
    ax.add_patch(Wedge((0, 0), radius, start, start + sweep, color=VERMILION, alpha=0.25))


def rope_clocks(
    frequencies: Float[Tensor | np.ndarray, " pairs"],
    distance: float | int,
    *,
    seen: Float[Tensor | np.ndarray, " angles"] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Every pair of a head as a clock: the angle by which tokens that far apart differ.

    frequencies: radians per token; above each clock stands its wavelength, 2π by its frequency.
    seen: the largest angle of each pair that training has met. It is shaded, and a hand outside
    it is red and dashed.

    Raises ValueError if there are not as many angles seen as frequencies.
    """
    paces = as_array(frequencies)
    met = np.full(len(paces), 2 * np.pi) if seen is None else as_array(seen)
    if len(met) != len(paces):
        raise ValueError(f"there are {len(paces)} frequencies, but {len(met)} angles seen")
    columns = min(8, len(paces))
    rows = -(-len(paces) // columns)
    if ax is None:
        # All clocks are in one Axes: many of them take long to lay out, and sliders wait for it.
        figure = plt.figure(figsize=(1.2 * columns, 1.56 * rows + 0.3))
        ax = figure.add_axes((0, 0, 1, 1 - 0.3 / figure.get_figheight()))
    outside = 0
    for pair, (pace, most) in enumerate(zip(paces, met, strict=True)):
        row, column = divmod(pair, columns)
        x, y = 2.4 * column, -3.12 * row
        angle = pace * distance
        new = is_new(angle, most)
        outside += new
        ax.add_patch(Circle((x, y), 1, fill=False, color=FAINT, linewidth=1.2))
        if seen is not None:
            reach = np.degrees(min(most, 2 * np.pi))
            ax.add_patch(Wedge((x, y), 1, 0, reach, color=SKY, alpha=0.35, linewidth=0))
        color, line = (VERMILION, (0, (2, 1))) if new else (BLUE, "solid")
        hand = [x, x + np.cos(angle)], [y, y + np.sin(angle)]
        ax.plot(*hand, color=color, linestyle=line, linewidth=2.4)
        turn = 2 * np.pi / pace
        words = f"pair {pair}\n{turn:,.{1 if turn < 100 else 0}f} tokens"
        ax.text(x, y + 1.1, words, ha="center", va="bottom", fontsize=8.5)
    ax.set(xlim=(-1.2, 2.4 * columns - 1.2), ylim=(-3.12 * rows + 1.96, 2.08), aspect="equal")
    ax.axis("off")
    words = f"{distance:,g} tokens apart"
    if seen is not None:
        words += f": {outside} of {len(paces)} hands where training never was"
    ax.set_title(words, fontsize=10)
    return ax


def loss_by_position(
    losses: Mapping[str, Float[Tensor | np.ndarray, "texts positions"]],
    *,
    width: int = 64,
    trained: int | None = None,
    floor: Float[Tensor | np.ndarray, " bins"] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The mean loss of texts over their positions, one line for each name, in nats per token.

    width: positions that make one point. trained: where the texts of training ended.
    floor: the least possible, one number a point.

    Raises ValueError for losses or a floor of another length.
    """
    if ax is None:
        ax = plt.subplots(figsize=(8, 4), layout="constrained")[1]
    middles = list[float]()
    for (name, numbers), (color, _, mark) in zip(losses.items(), cycle(LOOKS), strict=False):
        values = as_array(numbers)
        if values.shape[1] % width:
            raise ValueError(f"{values.shape[1]} positions cannot be cut into bins of {width}")
        means = values.reshape(len(values), -1, width).mean((0, 2))
        middles = [width * (n + 0.5) for n in range(len(means))]
        label = f"{name}, at the end {means[-1]:.2f}"
        ax.plot(middles, means, color=color, marker=mark, markersize=4.5, label=label)
    if floor is not None:
        if len(floor) != len(middles):
            raise ValueError(f"there are {len(middles)} points, but {len(floor)} of the floor")
        label = f"floor, at the end {float(floor[-1]):.2f}"
        ax.plot(middles, as_array(floor), color=BLACK, linestyle=":", label=label)
    if trained is not None:
        ax.axvline(trained, color=QUIET, linewidth=1, linestyle="--")
        ax.text(trained, 1.01, "trained up to here", transform=ax.get_xaxis_transform(),
                ha="center", va="bottom", color=QUIET, fontsize=9)  # fmt: skip
    ax.set(xlabel="position (tokens)", ylabel="loss (nats per token)", ylim=(0, None))
    ax.set_xlim(0, None)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def is_new(angle: float, seen: float) -> bool:
    """Whether an angle lies where a pair that has turned from 0 to `seen` has never been."""
    return bool(angle % (2 * np.pi) > seen + 1e-9)
