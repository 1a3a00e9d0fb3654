"""The checks of lesson 02's first two exercises; for the others see byte_pairs.py."""

from collections.abc import Iterator
from typing import Any

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

MODULE = "course.lessons.lesson_02.solutions"

bits_per_byte = Check("bits_per_byte")


@bits_per_byte.probe("one bit for a byte, by hand")
def bits_small(f: Any) -> Iterator[Case]:
    example = "ln 2 = 0.6931 nats for each of 4 tokens, which are 8 letters"
    yield Case(call(f, 0.6931472, 4, "tomatoes"), 0.5, example)


@bits_per_byte.probe("it is per byte, also where a character has three")
def bits_chinese(f: Any) -> Iterator[Case]:
    example = "2 nats for each of 3 tokens, which are the text 红苹果"
    yield Case(call(f, 2.0, 3, "红苹果"), 0.961797, example)


decode_pieces = Check("decode_pieces")

PIECES = {
    "words have their spaces before them": [
        (["▁a", "▁re", "d", "▁ball"], "a red ball"),
        (["▁", "▁", "▁two", "▁"], "  two "),
        (["d", "▁ball"], "d ball"),
    ],
    "the bytes of a character belong together": [
        (["▁a", "▁", "<0xE7>", "<0x8C>", "<0xAB>"], "a 猫"),
        (["▁na", "<0xC3>", "<0xAF>", "ve", "<0x0A>", "<0xE5>", "<0xB0>", "<0x8F>"], "naïve\n小"),
    ],
    "begin and end have no text": [
        (["<s>", "▁a", "▁cat", "</s>"], "a cat"),
        (["<s>", "▁cats", "▁", "<", "3", "</s>"], "cats <3"),
    ],
    "bytes that are no character become �": [(["▁a", "<0xE7>", "<0x8C>", "▁cat"], "a� cat")],
}


def _decodes(examples: list[tuple[list[str], str]]) -> Any:
    def probe(f: Any) -> Iterator[Case]:
        for pieces, text in examples:
            yield Case(call(f, list(pieces)), text, f"the pieces {pieces}")

    return probe


for title, examples in PIECES.items():
    decode_pieces.probe(title)(_decodes(examples))
