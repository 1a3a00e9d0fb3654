"""The check of lesson 18's exercise on ending before a text."""

from collections.abc import Iterator
from typing import Any

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call

MODULE = "course.exercises.lesson_18"

FLOW = "        yield held[: len(held) - unsure]\n        held = held[len(held) - unsure :]\n"

until = Check(
    "until",
    MODULE,
    hints={
        "until": "held += part; if the stop is in it, yield what is before and return. Else find "
        "the longest end of held that stop begins with, yield what is before that, and keep it.",
    },
    mistakes=(
        Mistake(
            "only-whole-parts",
            "Only a part that contains the whole stop is noticed. It may be spread over several.",
            {"held += part": "held = part", "held.endswith(stop[:n])": "False"},
        ),
        Mistake(
            "nothing-held-back",
            "Nothing is held back, so the beginning of a stop is out before its end is seen.",
            {FLOW + "    yield held": "        yield part",
             "held[: held.index(stop)]": "held[len(held) - len(part) : held.index(stop)]"},
        ),
        Mistake(
            "all-held-back",
            "Everything is held back until the end. Then nothing can be shown while it arrives.",
            {FLOW: ""},
        ),
        Mistake(
            "too-much-held-back",
            "As much as the stop is long is always held back. Only an end that could become the "
            "stop has to wait.",
            {"unsure = next((n for n in sizes if held.endswith(stop[:n])), 0)":
             "unsure = min(len(held), len(stop) - 1)"},
        ),
        Mistake(
            "shortest-end",
            "The shortest end that could begin the stop is held back. Look for the longest: after "
            "'aa', the stop 'aab' may be two thirds there.",
            {"range(min(len(held), len(stop) - 1), 0, -1)":
             "range(1, min(len(held), len(stop) - 1) + 1)"},
        ),
        Mistake(
            "one-character",
            "Only the last character is compared with the beginning of the stop. More of it may be "
            "there.",
            {"range(min(len(held), len(stop) - 1), 0, -1)": "range(min(1, len(held)), 0, -1)"},
        ),
        Mistake(
            "rest-lost",
            "What is held back at the end of the text is lost. No stop came: it belongs to it.",
            {FLOW + "    yield held": FLOW.rstrip()},
        ),
        Mistake(
            "stop-included",
            "The stop is yielded too. The text ends before it.",
            {"yield held[: held.index(stop)]": "yield held[: held.index(stop) + len(stop)]"},
        ),
        Mistake(
            "last-stop",
            "The text ends before the last stop of a part, and not before the first.",
            {"held[: held.index(stop)]": "held[: held.rindex(stop)]"},
        ),
        Mistake(
            "goes-on",
            "It goes on after the stop. There the text ends, whatever follows.",
            {"            return\n": "            held = held[held.index(stop) + len(stop) :]\n"},
        ),
    ),
)  # fmt: skip


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
