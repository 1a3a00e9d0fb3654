"""The check of lesson 02's BPE on bytes, encoding; learning the merges is in byte_merges.py."""

from collections.abc import Iterator
from typing import Any

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

MODULE = "course.lessons.lesson_02.solutions"
A, B, C, D = b"abcd"
# What a text of letters says in merges: the ids 256, 257 and so on are made in this order.
ABC = {(A, B): 256, (256, C): 257, (B, C): 258}
LATE = {(B, C): 256, (A, B): 257}
TWICE = {(A, A): 256, (256, 256): 257}

encode_bytes = Check("encode_bytes")


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
