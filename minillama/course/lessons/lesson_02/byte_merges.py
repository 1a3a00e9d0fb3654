"""The check of lesson 02's BPE on bytes, learning the merges."""

from collections.abc import Iterator
from typing import Any

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.lessons.lesson_02.byte_pairs import A, B, C, D

train_bytes = Check("train_bytes")


def learnt(text: str, n_merges: int) -> dict[tuple[int, int], int]:
    """The merges by another way: a letter for each id, and Python's own str.replace."""
    letters = "".join(map(chr, text.encode()))
    merges: dict[tuple[int, int], int] = {}
    while len(merges) < n_merges and len(letters) > 1:
        pairs = [letters[i : i + 2] for i in range(len(letters) - 1)]
        best = max(pairs, key=pairs.count)
        merges[ord(best[0]), ord(best[1])] = new = 256 + len(merges)
        letters = letters.replace(best, chr(new))
    return merges


@train_bytes.probe("the most frequent pair is merged, then that of what has become")
def train_small(f: Any) -> Iterator[Case]:
    right = {(B, C): 256, (A, 256): 257}
    yield Case(call(f, "dabcabcdbc", 1), {(B, C): 256}, "the text 'dabcabcdbc' and 1 merge")
    yield Case(call(f, "dabcabcdbc", 2), right, "the text 'dabcabcdbc' and 2 merges")
    right = {(A, A): 256}  # three times, and bc twice
    yield Case(call(f, "bcdbcaaaa", 1), right, "the text 'bcdbcaaaa' and 1 merge")


@train_bytes.probe("of pairs that are as frequent, the first in the text")
def train_ties(f: Any) -> Iterator[Case]:
    right = {(D, A): 256}
    yield Case(call(f, "dacbdacb", 1), right, "the text 'dacbdacb' and 1 merge")
    right = {(B, C): 256}
    yield Case(call(f, "bcdabcda", 1), right, "the text 'bcdabcda' and 1 merge")


@train_bytes.probe("it stops when a single id is left")
def train_short(f: Any) -> Iterator[Case]:
    yield Case(call(f, "ab", 5), {(A, B): 256}, "the text 'ab' and 5 merges")
    yield Case(call(f, "aaaa", 5), {(A, A): 256, (256, 256): 257}, "the text 'aaaa' and 5 merges")


@train_bytes.probe("a longer text, in two scripts")
def train_long(f: Any) -> Iterator[Case]:
    text = "the cat sat on the mat, that cat. 小猫和小狗看见小猫。"
    yield Case(call(f, text, 20), learnt(text, 20), f"the text {text!r} and 20 merges")
