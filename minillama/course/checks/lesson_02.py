"""The checks of lesson 02's first two exercises; for the others see byte_pairs.py."""

from collections.abc import Iterator
from typing import Any

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call

MODULE = "course.exercises.lesson_02"

bits_per_byte = Check(
    "bits_per_byte",
    MODULE,
    hints={"bits_per_byte": "All nats of the text, divided by ln 2, are bits. Then count bytes."},
    mistakes=(
        Mistake(
            "characters",
            "It is divided by characters. A Han character has three bytes, so Chinese would look "
            "three times as hard as it is beside English: bytes are len(text.encode()).",
            {"len(text.encode())": "len(text)"},
        ),
        Mistake(
            "per-token",
            "The number of tokens is left out: these are bits of one token, spread over the whole "
            "text. All of its tokens surprise.",
            {"nats_per_token * n_tokens": "nats_per_token"},
        ),
        Mistake(
            "nats",
            "This is in nats. A bit is ln 2 = 0.693 nats, so there are more bits: divide by ln 2.",
            {" / math.log(2)": ""},
        ),
        Mistake(
            "times-ln-2",
            "It is multiplied by ln 2. A bit is less than a nat, so there are more bits: divide.",
            {"/ math.log(2)": "* math.log(2)"},
        ),
        Mistake(
            "of-tokens",
            "It is divided by the number of tokens too, so it is bits per token per byte. The "
            "tokens must not play a part in the end: multiply by them.",
            {"nats_per_token * n_tokens": "nats_per_token / n_tokens"},
        ),
        Mistake(
            "bits-per-token",
            "These are bits per token, and a token is not the same amount of text for another "
            "tokenizer. Multiply by the tokens, and divide by the bytes.",
            {"nats_per_token * n_tokens": "nats_per_token", "bits / len(text.encode())": "bits"},
        ),
        Mistake(
            "upside-down",
            "These are bytes per bit, upside down.",
            {"bits / len(text.encode())": "len(text.encode()) / bits"},
        ),
        Mistake(
            "decimal-logarithm",
            "Divided by the logarithm of 2 to base 10. Nats are by the natural one, math.log.",
            {"math.log(2)": "math.log10(2)"},
        ),
    ),
)  # fmt: skip


@bits_per_byte.probe("one bit for a byte, by hand")
def bits_small(f: Any) -> Iterator[Case]:
    example = "ln 2 = 0.6931 nats for each of 4 tokens, which are 8 letters"
    yield Case(call(f, 0.6931472, 4, "tomatoes"), 0.5, example)


@bits_per_byte.probe("it is per byte, also where a character has three")
def bits_chinese(f: Any) -> Iterator[Case]:
    example = "2 nats for each of 3 tokens, which are the text 红苹果"
    yield Case(call(f, 2.0, 3, "红苹果"), 0.961797, example)


decode_pieces = Check(
    "decode_pieces",
    MODULE,
    hints={"decode_pieces": "Put all bytes together first, those of words too; decode them once."},
    mistakes=(
        Mistake(
            "byte-by-byte",
            "The bytes are decoded one at a time. A Han character has three, and none of them is "
            "a character alone: collect the bytes, and decode them when they are together.",
            {"spelled = b\"\"": "spelled = \"\"",
             "bytes([int(piece[3:5], 16)])":
             "bytes([int(piece[3:5], 16)]).decode(errors=\"replace\")",
             "piece.replace(\"▁\", \" \").encode()": "piece.replace(\"▁\", \" \")",
             "spelled.decode(errors=\"replace\")": "spelled"},
        ),
        Mistake(
            "byte-by-byte-raises",
            "The bytes are decoded one at a time. A Han character has three, and none of them is "
            "a character alone, so decoding raises. Collect the bytes first. Those that are "
            "no character even together become � by errors=\"replace\".",
            {"spelled = b\"\"": "spelled = \"\"",
             "bytes([int(piece[3:5], 16)])": "bytes([int(piece[3:5], 16)]).decode()",
             "piece.replace(\"▁\", \" \").encode()": "piece.replace(\"▁\", \" \")",
             "spelled.decode(errors=\"replace\")": "spelled"},
        ),
        Mistake(
            "bytes-as-characters",
            "chr() takes each byte for the number of a character. It is part of one: é is "
            "the two bytes C3 A9, and not Ã©.",
            {"spelled = b\"\"": "spelled = \"\"",
             "bytes([int(piece[3:5], 16)])": "chr(int(piece[3:5], 16))",
             "piece.replace(\"▁\", \" \").encode()": "piece.replace(\"▁\", \" \")",
             "spelled.decode(errors=\"replace\")": "spelled"},
        ),
        Mistake(
            "first-space-kept",
            "The text comes back with a space before it, which the tokenizer put there. Take one "
            "away.",
            {".removeprefix(\" \")": ""},
        ),
        Mistake(
            "all-first-spaces-lost",
            "All spaces at the beginning are taken away. Only one was put there; the others belong "
            "to the text.",
            {".removeprefix(\" \")": ".lstrip()"},
        ),
        Mistake(
            "spaces-at-both-ends-lost",
            "strip() also takes spaces from the end, and lines too. Take away the one space that "
            "was put before the text.",
            {".removeprefix(\" \")": ".strip()"},
        ),
        Mistake(
            "first-character-lost",
            "The first character is cut off whatever it is. It goes only if it is a space: a text "
            "may begin in the middle of a word.",
            {".removeprefix(\" \")": "[1:]"},
        ),
        Mistake(
            "spaces-lost",
            "▁ is dropped. It stands for a space.",
            {"piece.replace(\"▁\", \" \")": "piece.replace(\"▁\", \"\")"},
        ),
        Mistake(
            "marks-kept",
            "▁ is kept. It stands for a space.",
            {"piece.replace(\"▁\", \" \")": "piece"},
        ),
        Mistake(
            "a-space-between-pieces",
            "There is a space between all pieces. A space is where ▁ is, and nowhere else.",
            {"piece.replace(\"▁\", \" \").encode()":
             "(piece.replace(\"▁\", \"\") + \" \").encode()",
             ".removeprefix(\" \")": ".removesuffix(\" \")"},
        ),
        Mistake(
            "special-pieces-spelled",
            "<s> and </s> are in the text. They mark its ends and have no text.",
            {"piece in (\"<s>\", \"</s>\")": "piece in ()"},
        ),
        Mistake(
            "all-in-angle-brackets-dropped",
            "Every piece that begins with < is dropped. In <3 it is an ordinary character: only "
            "<s> and </s> have no text.",
            {"piece in (\"<s>\", \"</s>\")":
             "piece.startswith(\"<\") and not piece.startswith(\"<0x\")"},
        ),
        Mistake(
            "strict",
            "Bytes that are no character raise an exception. A model may write any byte after any "
            "other: say errors=\"replace\".",
            {"decode(errors=\"replace\")": "decode()"},
        ),
        Mistake(
            "bytes-dropped",
            "Bytes that are no character are dropped silently. errors=\"replace\" makes them �, so "
            "that whoever reads it knows.",
            {"errors=\"replace\"": "errors=\"ignore\""},
        ),
        Mistake(
            "bytes-spelled",
            "Bytes are left as they are named, <0xE7>. Each stands for one byte of UTF-8.",
            {"piece.startswith(\"<0x\")": "not piece"},
        ),
    ),
)  # fmt: skip

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
