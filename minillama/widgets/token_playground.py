"""The token playground: type a text and see the tokens that a model would read."""

import re
from html import escape
from itertools import islice
from typing import Any

import ipywidgets

from minillama.plots.colors import INK, QUIET, VERMILION
from minillama.plots.pieces import TINTS
from minillama.plots.text import readable
from minillama.tokenizer import Tokenizer
from minillama.widgets.still import Data, Metadata, WithStill

TEXT = "Once upon a time there was a kind girl named Lily.\n从前，有一个小女孩。"
MOST = 1000  # tokens that are drawn; more would make typing slow
BYTE = re.compile(r"<0x([0-9A-F]{2})>")
NOTE = (
    "A dot is a space. Below each piece stands its id. A frame holds the bytes of a character that "
    "the vocabulary lacks."
)


class TokenPlayground(WithStill):
    """A text, and below it its tokens, which are drawn anew with every key.

    `text` is the control and has a `value`; `ids` are the tokens of what stands in it.
    """

    def __init__(self, tokenizer: Tokenizer, *, text: str = TEXT) -> None:
        self._tokenizer, self.ids = tokenizer, list[int]()
        self.text = ipywidgets.Textarea(
            text, description="text", rows=3, layout={"width": "auto", "height": "auto"}
        )
        self._counts, self._shown = ipywidgets.HTML(), ipywidgets.HTML()
        self.view = ipywidgets.VBox([self.text, self._counts, self._shown])
        for part, name in (
            (self.view, "minillama-token-playground"),
            (self._counts, "minillama-token-counts"),
            (self._shown, "minillama-token-pieces"),
        ):
            part.add_class(name)
        self._words = ""
        self._draw()
        self.text.observe(self._draw, "value")

    def still(self) -> tuple[Data, Metadata]:
        """The tokens and their counts."""
        html = f"<p>{self._counts.value}</p>{self._shown.value}"
        return {"text/plain": f"{self.text.value!r}: {self._words}", "text/html": html}, {}

    def _draw(self, change: Any = None) -> None:
        text = self.text.value
        try:
            self.ids = self._tokenizer.encode(text)
        except ValueError as error:  # half of a surrogate pair
            self.ids = []
            self._words, self._shown.value = str(error), ""
        else:
            self._words = counts(text, len(self.ids))
            self._shown.value = self._drawn()
        self._counts.value = escape(self._words)

    def _drawn(self) -> str:
        """The tokens as HTML, each on the next colour; the bytes of one character share theirs."""
        ids = self.ids[:MOST]
        boxes, pieces = list[str](), iter(zip(self._tokenizer.pieces(ids), ids, strict=True))
        for number, (piece, i) in enumerate(pieces):
            color = TINTS[number % len(TINTS)]
            if (byte := BYTE.fullmatch(piece)) is None:
                boxes.append(_box(readable(piece), i, color))
                continue
            # The first byte of a character in UTF-8 tells how many there are.
            size = _length(int(byte[1], 16))
            group = [(piece, i), *islice(pieces, size - 1)]
            boxes.append(_frame(group, color))
        more = len(self.ids) - len(ids)
        rest = f"<br>… and {more:,} more" if more else ""
        return (
            f'<div style="line-height: 1.3; color: {INK}; background: #fff; padding: 4px">'
            f'{"".join(boxes)}{rest}<br><span style="color: {QUIET}; font-size: 12px">{NOTE}</span>'
            "</div>"
        )


def token_playground(tokenizer: Tokenizer, *, text: str = TEXT) -> TokenPlayground:
    """A view of the tokens of a text that can be typed: pieces, ids, and how many there are."""
    return TokenPlayground(tokenizer, text=text)


def counts(text: str, n_tokens: int) -> str:
    """How long a text is in tokens, characters and bytes, in words."""
    words = (
        f"{_many(n_tokens, 'token')}, {_many(len(text), 'character')}, "
        f"{_many(len(text.encode()), 'byte')}"
    )
    return f"{words}: {n_tokens / len(text):.2f} tokens per character" if text else words


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _length(first: int) -> int:
    """How many bytes a character of UTF-8 has that begins with this one."""
    return 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


def _box(name: str, i: int, color: str) -> str:
    return (
        f'<span title="{escape(name)}: id {i}" style="display: inline-block; margin: 1px; '
        "padding: 1px 4px; border-radius: 3px; vertical-align: middle; text-align: center; "
        f'color: {INK}; background: {color}">{escape(name) or "∅"}'
        f'<br><span style="font-size: 10px">{i}</span></span>'
    )


def _frame(group: list[tuple[str, int]], color: str) -> str:
    """The bytes of one character, with the character before them."""
    spelled = bytes(int(piece[3:-1], 16) for piece, _ in group)
    character = spelled.decode(errors="replace")
    name = readable(character)
    if not name.isprintable():
        name = f"U+{ord(character):04X}"
    boxes = "".join(_box(piece, i, color) for piece, i in group)
    return (
        f'<span title="{escape(name)}: {_many(len(group), "byte")}" style="display: inline-flex; '
        f"align-items: center; vertical-align: middle; margin: 1px; padding: 0 2px; "
        f'border: 1px solid {VERMILION}; border-radius: 4px; color: {INK}">'
        f"{escape(name)}{boxes}</span>"
    ) + ("<br>" if character == "\n" else "")
