"""The check of lesson 00's slope by nudging, on functions whose slopes are known."""

from collections.abc import Iterator
from typing import Any

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call

MODULE = "course.exercises.lesson_00"
BOTH_SIDES = "(f(x + nudge) - f(x - nudge)) / (2 * nudge)"

slope_by_nudging = Check(
    "slope_by_nudging",
    MODULE,
    hints={"slope_by_nudging": "The difference of two values of f, by how far apart they are."},
    mistakes=(
        Mistake(
            "by-nudge-once",
            "The two places are 2 · nudge apart, and the difference is divided by nudge: the slope "
            "comes out twice too steep.",
            {"(2 * nudge)": "nudge"},
        ),
        Mistake(
            "not-divided",
            "This is the difference of the two values. A slope is that divided by the distance.",
            {" / (2 * nudge)": ""},
        ),
        Mistake(
            "one-side",
            "Only one side is nudged. For a curve, the error is then as large as the nudge; on "
            "both sides it is as small as its square.",
            {BOTH_SIDES: "(f(x + nudge) - f(x)) / nudge"},
        ),
        Mistake(
            "other-side",
            "Only the lower side is nudged. For a curve, the error is then as large as the nudge; "
            "on both sides it is as small as its square.",
            {BOTH_SIDES: "(f(x) - f(x - nudge)) / nudge"},
        ),
        Mistake(
            "upside-down",
            "The sign is wrong: uphill must come out positive, f(x + nudge) first.",
            {"f(x + nudge) - f(x - nudge)": "f(x - nudge) - f(x + nudge)"},
        ),
        Mistake(
            "multiplied",
            "The difference is multiplied by 2 · nudge. Python reads a / 2 * b from left to right: "
            "put 2 * nudge in brackets.",
            {"/ (2 * nudge)": "/ 2 * nudge"},
        ),
        *(
            Mistake(
                "nudge-ignored",
                "`nudge` plays no part: this is the exact slope, or one for a nudge of its own. "
                "Move x by the nudge that is given.",
                {BOTH_SIDES: f"(f(x + {own}) - f(x - {own})) / (2 * {own})"},
            )
            for own in ("1e-5", "0.1", "1.0")
        ),
        Mistake(
            "whole-number-division",
            "`//` divides and rounds down to a whole number. A slope is any number: use `/`.",
            {" / ": " // "},
        ),
    ),
)  # fmt: skip


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
