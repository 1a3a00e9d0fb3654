"""The check of lesson 18's exercise on ending before a text."""

from collections.abc import Iterator
from typing import Any

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint

MODULE = "course.lessons.lesson_18.solutions"


until = Check("until")


def arriving(f: Any, parts: list[str], stop: str) -> list[str]:
    """What an answer has yielded, in all, when it asks for each further part, and at the end."""
    so_far, seen = [""], list[str]()

    def stream() -> Iterator[str]:
        for part in parts:
            seen.append(so_far[0])
            yield part

    found = call(f, stream(), stop)
    try:
        for part in found:
            so_far[0] += part
    except TypeError as error:
        raise Complaint("yields no parts of a text: is there a `yield`?") from error
    return [*seen[1:], so_far[0]]


@until.probe("a text without the stop comes whole")
def no_stop(f: Any) -> Iterator[Case]:
    for parts in (["Mia", " had", " a dog."], ["a", "<", "b", "<e"]):
        example = f"the parts {parts} and the stop '<end>'"
        yield Case(arriving(f, parts, "<end>")[-1], "".join(parts), example)


@until.probe("it ends before the stop, in one part or in several")
def with_stop(f: Any) -> Iterator[Case]:
    for parts, right in (
        (["Mia", " slept<end>", " more"], "Mia slept"),
        (["Mia", " slept<e", "nd", ">", " more"], "Mia slept"),
        (["Mia<end>a<end>", "b<end>"], "Mia"),
        (["<<e", "nd><end>"], "<"),
    ):
        got = arriving(f, parts, "<end>")[-1]
        yield Case(got, right, f"the parts {parts} and the stop '<end>'")
    got = arriving(f, ["xa", "a", "a", "b", "c"], "aab")[-1]
    yield Case(got, "xa", "the parts ['xa', 'a', 'a', 'b', 'c'] and the stop 'aab'")


@until.probe("no more is held back than must be")
def soon(f: Any) -> Iterator[Case]:
    for parts, stop, right in (
        (["Mia", " had", "."], "<end>", ["Mia", "Mia had", "Mia had."]),
        (["a<", "b<e", "n", "x"], "<end>", ["a", "a<b", "a<b", "a<b<enx"]),
        (["xa", "a", "c"], "aab", ["x", "x", "xaac"]),
    ):
        example = f"the parts {parts} and the stop {stop!r}, as what is out before each next part"
        yield Case(arriving(f, parts, stop), right, example)
