"""The checks of lesson 02's exercises."""

from minillama.course.checking.check import Check
from minillama.course.checking.probes import agrees, all_examples

A, B, C, D = b"abcd"
# What a text of letters says in merges: the ids 256, 257 and so on are made in this order.
ABC = {(A, B): 256, (256, C): 257, (B, C): 258}
LATE, BACKWARDS = {(B, C): 256, (A, B): 257}, {(A, B): 257, (B, C): 256}
TWICE = {(A, A): 256, (256, 256): 257}

bits_per_byte = Check("bits_per_byte")
all_examples(bits_per_byte, {
    "one bit for a byte, by hand": [
        ((0.6931472, 4, "tomatoes"), 0.5,
         "ln 2 = 0.6931 nats for each of 4 tokens, which are 8 letters"),
    ],
    "it is per byte, also where a character has three": [
        ((2.0, 3, "红苹果"), 0.961797, "2 nats for each of 3 tokens, which are the text 红苹果"),
    ],
})  # fmt: skip

decode_pieces = Check("decode_pieces")
all_examples(decode_pieces, {
    "words have their spaces before them": [
        ((["▁a", "▁re", "d", "▁ball"],), "a red ball"),
        ((["▁", "▁", "▁two", "▁"],), "  two "), ((["d", "▁ball"],), "d ball"),
    ],
    "the bytes of a character belong together": [
        ((["▁a", "▁", "<0xE7>", "<0x8C>", "<0xAB>"],), "a 猫"),
        ((["▁na", "<0xC3>", "<0xAF>", "ve", "<0x0A>", "<0xE5>", "<0xB0>", "<0x8F>"],), "naïve\n小"),
    ],
    "begin and end have no text": [
        ((["<s>", "▁a", "▁cat", "</s>"],), "a cat"),
        ((["<s>", "▁cats", "▁", "<", "3", "</s>"],), "cats <3"),
    ],
    "bytes that are no character become �": [((["▁a", "<0xE7>", "<0x8C>", "▁cat"],), "a� cat")],
})  # fmt: skip

encode_bytes = Check("encode_bytes")
all_examples(encode_bytes, {
    "a pair is merged wherever it stands, and then the new pairs": [
        (("abd", ABC), [256, D]), (("abdab", ABC), [256, D, 256]),
        (("dabcab", ABC), [D, 257, 256]),
    ],
    "what was learnt first is merged first": [
        (("abc", LATE), [A, 256]), (("abcbc", LATE), [A, 256, 256]),
        (("abcabab", LATE), [A, 256, 257, 257]), (("abc", BACKWARDS), [A, 256]),
    ],
    "in aaa the first two are merged": [
        (("aaa", TWICE), [256, A]), (("aaaaaaa", TWICE), [257, 256, A]),
    ],
    "it begins with bytes, and no text is too short": [
        (("小a小", {(0xE5, 0xB0): 256}), [256, 0x8F, A, 256, 0x8F]),
        (("dd", ABC), [D, D]), (("", ABC), []),
    ],
})  # fmt: skip


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


train_bytes = Check("train_bytes")
all_examples(train_bytes, {
    "the most frequent pair is merged, then that of what has become": [
        (("dabcabcdbc", 1), {(B, C): 256}), (("dabcabcdbc", 2), {(B, C): 256, (A, 256): 257}),
        (("bcdbcaaaa", 1), {(A, A): 256}),  # three times, and bc twice
    ],
    "of pairs that are as frequent, the first in the text": [
        (("dacbdacb", 1), {(D, A): 256}), (("bcdabcda", 1), {(B, C): 256}),
    ],
    "it stops when a single id is left": [
        (("ab", 5), {(A, B): 256}), (("aaaa", 5), {(A, A): 256, (256, 256): 257}),
    ],
})  # fmt: skip
agrees(
    train_bytes, "a longer text, in two scripts", learnt,
    [("the cat sat on the mat, that cat. 小猫和小狗看见小猫。", 20)])  # fmt: skip
