"""The check of lesson 02's BPE on bytes, learning the merges."""

from collections.abc import Iterator
from typing import Any

from minillama.course.checking import Check, Mistake
from minillama.course.checks.byte_pairs import MODULE, A, B, C, D
from minillama.course.probing import Case, call

LOOP = """        counts = Counter(pairwise(ids))
        best = max(counts, key=lambda pair: counts[pair])
"""

train_bytes = Check(
    "train_bytes",
    MODULE,
    hints={
        "train_bytes": "Count the pairs of neighbours, take the most frequent, write it into "
        "merges, merge it in the ids, and count again.",
    },
    mistakes=(
        Mistake(
            "counted-once",
            "The pairs are counted once, at the beginning. After a merge there are other pairs: "
            "count again each time.",
            {"    for new":
             "    first = [pair for pair, _ in Counter(pairwise(ids)).most_common()]\n"
             "    for new",
             "len(ids) < 2": "new - 256 >= len(first)",
             LOOP: "        best = first[new - 256]\n",
             "        ids = encode_bytes(text, merges)\n": ""},
        ),
        Mistake(
            "last-of-equals",
            "Of pairs that are as frequent the last is taken. Any rule would do, so long as it is "
            "always the same; here it is the first in the text, which max() gives when the counts "
            "are in that order.",
            {"max(counts,": "max(reversed(counts),"},
        ),
        Mistake(
            "least-of-equals",
            "Of pairs that are as frequent the one with the smallest ids is taken. That is a good "
            "rule, but the docstring names another: the first in the text.",
            {"max(counts, key=lambda pair: counts[pair])":
             "min(counts, key=lambda pair: (-counts[pair], pair))"},
        ),
        Mistake(
            "greatest-of-equals",
            "Of pairs that are as frequent the one with the largest ids is taken, as max() does "
            "when it compares (count, pair). Here it is the first in the text: compare the counts "
            "alone.",
            {": counts[pair])": ": (counts[pair], pair))"},
        ),
        Mistake(
            "overlapping-once",
            "Pairs that overlap are counted once: in aaa the pair aa stands twice, at the first a "
            "and at the second. BPE counts all neighbours, whether or not a merge can take both.",
            {"        counts = Counter(pairwise(ids))\n":
             "        counts, counted = Counter(), None\n"
             "        for place, pair in enumerate(pairwise(ids)):\n"
             "            if counted != (place - 1, pair):\n"
             "                counts[pair] += 1\n"
             "                counted = place, pair\n"},
        ),
        Mistake(
            "least-frequent",
            "The least frequent pair is merged. That shortens the text least.",
            {"max(counts": "min(counts"},
        ),
        Mistake(
            "ids-too-small",
            "New ids begin below 256, where the bytes are. Bytes have 0 to 255.",
            {"range(256, 256 + n_merges)": "range(255, 255 + n_merges)"},
        ),
        Mistake(
            "ids-too-large",
            "New ids begin above 256. There are 256 bytes, 0 to 255, so the first free id is 256.",
            {"range(256, 256 + n_merges)": "range(257, 257 + n_merges)"},
        ),
        Mistake(
            "characters",
            "It starts from characters, by their numbers in Unicode. Start from text.encode().",
            {"list(text.encode())": "list(map(ord, text))",
             "        ids = encode_bytes(text, merges)\n":
             "        merged = []\n        for i in ids:\n"
             "            if merged and (merged[-1], i) == best:\n"
             "                merged[-1] = merges[best]\n"
             "            else:\n                merged.append(i)\n        ids = merged\n"},
        ),
        Mistake(
            "does-not-stop",
            "It does not stop when a single id is left: there are no pairs then, and no most "
            "frequent one.",
            {"len(ids) < 2": "not n_merges"},
        ),
        Mistake(
            "one-too-many",
            "There is one merge more than asked for.",
            {"256 + n_merges": "257 + n_merges"},
        ),
        Mistake(
            "stops-at-once",
            "It stops where no pair occurs twice. The docstring says to go on until a single id is "
            "left.",
            {"        merges[best] = new": "        if counts[best] < 2:\n            break\n"
             "        merges[best] = new"},
        ),
        Mistake(
            "wrong-way-round",
            "The dictionary is from new ids to pairs. Encoding looks pairs up: {pair: new id}.",
            {"    return merges": "    return {new: pair for pair, new in merges.items()}"},
        ),
    ),
)  # fmt: skip


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
