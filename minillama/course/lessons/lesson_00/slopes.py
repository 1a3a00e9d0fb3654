"""The check of lesson 00's slope by nudging, on functions whose slopes are known."""

from collections.abc import Iterator
from typing import Any

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

MODULE = "course.lessons.lesson_00.solutions"

slope_by_nudging = Check("slope_by_nudging")


@slope_by_nudging.probe("a straight line")
def slope_line(f: Any) -> Iterator[Case]:
    example = "f(x) = 3x + 1 at x = 2 with nudge = 0.5"
    yield Case(call(f, lambda x: 3 * x + 1, 2.0, 0.5), 3.0, example)


@slope_by_nudging.probe("a parabola, at which the middle of both sides is exact")
def slope_parabola(f: Any) -> Iterator[Case]:
    yield Case(call(f, lambda x: x * x, 3.0, 0.1), 6.0, "f(x) = x² at x = 3 with nudge = 0.1")
    yield Case(call(f, lambda x: x * x, -1.0, 0.25), -2.0, "f(x) = x² at x = -1, nudge = 0.25")


@slope_by_nudging.probe("a cubic, at which the size of the nudge shows")
def slope_cubic(f: Any) -> Iterator[Case]:
    # ((x + n)³ - (x - n)³) / 2n = 3x² + n²
    for x, nudge, right in [(1.5, 0.5, 7.0), (1.5, 0.3, 6.84), (-0.5, 0.7, 1.24)]:
        example = f"f(x) = x³ at x = {x} with nudge = {nudge}"
        yield Case(call(f, lambda x: x**3, x, nudge), right, example)
