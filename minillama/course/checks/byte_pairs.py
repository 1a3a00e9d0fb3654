"""The check of lesson 02's BPE on bytes, encoding; learning the merges is in byte_merges.py."""

from collections.abc import Iterator
from typing import Any

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call

MODULE = "course.exercises.lesson_02"
A, B, C, D = b"abcd"
# What a text of letters says in merges: the ids 256, 257 and so on are made in this order.
ABC = {(A, B): 256, (256, C): 257, (B, C): 258}
LATE = {(B, C): 256, (A, B): 257}
TWICE = {(A, A): 256, (256, 256): 257}
ROUND = """        best = min(known, key=merges.get)
        merged = ids[:1]
        for i in ids[1:]:
            if (merged[-1], i) == best:
                merged[-1] = merges[best]
            else:
                merged.append(i)
        ids = merged"""
PLACE = "        i = next(i for i, pair in enumerate(pairwise(ids)) if pair == best)\n"

encode_bytes = Check(
    "encode_bytes",
    MODULE,
    hints={
        "encode_bytes": "Of the pairs that stand in the text and in merges, which has the least "
        "new id? Merge it everywhere, and look again.",
    },
    mistakes=(
        Mistake(
            "text-order",
            "The first pair in the text that can be merged is merged. The order is that of "
            "learning: the pair with the least new id goes first, wherever it stands.",
            {ROUND: "        best = known[0]\n" + PLACE
             + "        ids = [*ids[:i], merges[best], *ids[i + 2 :]]"},
        ),
        Mistake(
            "dictionary-order",
            "The pairs are merged in the order in which the dictionary lists them. It is often "
            "that of learning, but nothing holds it to that: a dictionary that was sorted, or read "
            "from a file, cuts the text otherwise. The least new id goes first.",
            {"min(known, key=merges.get)": "min(known, key=list(merges).index)"},
        ),
        Mistake(
            "newest-first",
            "The pair that was learnt last goes first. It was learnt when the earlier merges had "
            "been made already: the least new id goes first.",
            {"min(known": "max(known"},
        ),
        Mistake(
            "most-frequent-first",
            "The pair that is most frequent in this text goes first. What is frequent was counted "
            "in training; now the order is fixed, the least new id first.",
            {"min(known, key=merges.get)": "max(known, key=known.count)"},
        ),
        Mistake(
            "one-pass",
            "The text is gone through once. A merge makes new neighbours, which may be merged in "
            "turn: look again until no pair is in merges.",
            {"        ids = merged": "        return merged"},
        ),
        Mistake(
            "first-occurrence-only",
            "Each pair is merged where it stands first and nowhere else. Merge it everywhere "
            "before going on.",
            {"    while True:": "    merges = dict(merges)\n    while True:",
             ROUND: "        best = min(known, key=merges.get)\n" + PLACE
             + "        ids = [*ids[:i], merges.pop(best), *ids[i + 2 :]]"},
        ),
        Mistake(
            "overlap",
            "Merges overlap: in aaa, the middle a is used twice. Once a symbol is part of a merge "
            "it is gone: go on behind it.",
            {ROUND: "        best = min(known, key=merges.get)\n"
                    "        places = [i for i, pair in enumerate(pairwise(ids)) if pair == best]\n"
                    "        gone = {i + 1 for i in places} - set(places)\n"
                    "        ids = [merges[best] if i in places else old\n"
                    "               for i, old in enumerate(ids) if i not in gone]"},
        ),
        Mistake(
            "from-the-right",
            "The text is merged from its end: aaa becomes a, aa. Go from left to right; training "
            "did, so the model has met the text cut in no other way.",
            {"merged = ids[:1]": "merged = ids[-1:]",
             "for i in ids[1:]:": "for i in ids[-2::-1]:",
             "(merged[-1], i) == best": "(i, merged[-1]) == best",
             "ids = merged": "ids = merged[::-1]"},
        ),
        Mistake(
            "characters",
            "It starts from characters, by their numbers in Unicode. 小 is 23567 there, which is "
            "no byte: start from text.encode().",
            {"list(text.encode())": "list(map(ord, text))"},
        ),
        Mistake(
            "second-kept",
            "The second symbol of a merged pair is still there. The new one stands for both.",
            {"merged[-1] = merges[best]":
             "merged[-1] = merges[best]\n                merged.append(i)\n"
             "                merges = {k: v for k, v in merges.items() if k != best}"},
        ),
        Mistake(
            "not-merged",
            "These are the bytes, not merged.",
            {"if not known:": "if known or not known:"},
        ),
    ),
)  # fmt: skip


def _encodes(f: Any, text: str, merges: dict[tuple[int, int], int], right: list[int]) -> Case:
    return Case(call(f, text, dict(merges)), right, f"the text {text!r} and merges {merges}")


@encode_bytes.probe("a pair is merged wherever it stands, and then the new pairs")
def encode_small(f: Any) -> Iterator[Case]:
    yield _encodes(f, "abd", ABC, [256, D])
    yield _encodes(f, "abdab", ABC, [256, D, 256])
    yield _encodes(f, "dabcab", ABC, [D, 257, 256])


@encode_bytes.probe("what was learnt first is merged first")
def encode_order(f: Any) -> Iterator[Case]:
    yield _encodes(f, "abc", LATE, [A, 256])
    yield _encodes(f, "abcbc", LATE, [A, 256, 256])
    yield _encodes(f, "abcabab", LATE, [A, 256, 257, 257])
    yield _encodes(f, "abc", dict(reversed(LATE.items())), [A, 256])


@encode_bytes.probe("in aaa the first two are merged")
def encode_overlap(f: Any) -> Iterator[Case]:
    yield _encodes(f, "aaa", TWICE, [256, A])
    yield _encodes(f, "aaaaa", TWICE, [257, A])
    yield _encodes(f, "aaaaaaa", TWICE, [257, 256, A])


@encode_bytes.probe("it begins with bytes, and no text is too short")
def encode_any(f: Any) -> Iterator[Case]:
    yield _encodes(f, "小a小", {(0xE5, 0xB0): 256}, [256, 0x8F, A, 256, 0x8F])
    yield _encodes(f, "dd", ABC, [D, D])
    yield _encodes(f, "a", ABC, [A])
    yield _encodes(f, "", ABC, [])
