"""Texts to token ids with little memory: a long text is encoded in pieces.

SentencePiece takes a hundred bytes or more for each character that it is given at once, and Python
some forty for each id in a list. So a text is cut where that changes no id, and ids become an
array piece by piece.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np
from jaxtyping import Integer

from minillama.data import Documents
from minillama.tokenizer import SPACE, Tokenizer

PIECE = 2**14  # characters in a piece, or a few more
TOGETHER = 2**17  # characters that are encoded at a time, on all processors


class Encoder:
    """Encodes as its tokenizer does, id for id, if that takes a text as it is (as LLaMA's do)."""

    def __init__(self, tokenizer: Tokenizer, piece: int = PIECE) -> None:
        self.tokenizer, self.piece = tokenizer, piece
        names = tokenizer.pieces(range(tokenizer.vocab_size))
        # Neighbors that are part of no token can be parted: no token ever reaches across.
        self._joined = {pair for name in names for pair in pairwise(name)}
        self._adds_space = tokenizer.pieces(tokenizer.encode("a"))[0].startswith(SPACE)
        self._known = {character for name in names for character in name}
        self._knows_space = SPACE in names

    def documents(
        self,
        texts: Iterable[str],
        ends: bool = True,
        progress: Callable[[int], object] = lambda characters: None,
    ) -> Documents:
        """Encode texts, each as one document: from bos to eos, or without them.

        progress: called with the number of characters that have been encoded since the last time.
        """
        arrays: list[np.ndarray] = []
        for group in self._groups(texts):
            if len(group[0]) > self.piece:
                arrays.append(self._encode_long(group[0], ends, progress))
                continue
            for ids in self.tokenizer.encode_batch(group, bos=ends, eos=ends):
                arrays.append(self._array(ids))
            progress(sum(map(len, group)))
        offsets = np.cumsum([0, *map(len, arrays)])
        tokens = np.concatenate(arrays or [self._array([])])
        if tokens.dtype != np.uint16 and tokens.max(initial=0) <= np.iinfo(np.uint16).max:
            tokens = tokens.astype(np.uint16)
        return Documents(tokens, offsets)

    def _groups(self, texts: Iterable[str]) -> Iterator[list[str]]:
        """Short texts together, in order, and each long one alone."""
        group: list[str] = []
        room = TOGETHER
        for text in texts:
            if group and (len(text) > room or len(text) > self.piece):
                yield group
                group, room = [], TOGETHER
            group.append(text)
            room -= len(text)
            if len(text) > self.piece:
                yield group
                group, room = [], TOGETHER
        if group:
            yield group

    def _encode_long(
        self, text: str, ends: bool, progress: Callable[[int], object]
    ) -> Integer[np.ndarray, " tokens"]:
        arrays = [self._array([self.tokenizer.bos_id] * ends)]
        together: list[tuple[str, int]] = []

        def encode() -> None:
            encoded = self.tokenizer.encode_batch([piece for piece, _ in together])
            for (piece, skip), ids in zip(together, encoded, strict=True):
                arrays.append(self._array(ids[skip:]))
                progress(len(piece))
            together.clear()

        for piece in self.cut(text):
            together.append(piece)
            if len(together) * self.piece >= TOGETHER:
                encode()
        encode()
        return np.concatenate([*arrays, self._array([self.tokenizer.eos_id] * ends)])

    def cut(self, text: str) -> Iterator[tuple[str, int]]:
        """Pieces of a text, each with how many of its first ids are not the text's.

        Where the tokenizer puts a space before a text, a piece either loses the space that it
        begins with, or begins with a character that never follows a space in a token: the space
        then is a token of its own, which is one too many.
        """
        start, skip, i = 0, 0, self.piece
        while i < len(text) - 1:
            before, here, after = text[i - 1], text[i], text[i + 1]
            if before.isspace() or before == SPACE:
                i += 1
            elif here == " " and self._adds_space and not (after.isspace() or after == SPACE):
                if (before, SPACE) in self._joined:
                    i += 1
                    continue
                yield text[start:i], skip
                start, skip = i + 1, 0
                i = start + self.piece
            elif self._parts(before, here):
                yield text[start:i], skip
                start, skip = i, int(self._adds_space)
                i = start + self.piece
            else:
                i += 1
        yield text[start:], skip

    def _parts(self, before: str, here: str) -> bool:
        """Whether a piece can begin with the character `here`, which is no space, after another."""
        if here.isspace() or here == SPACE or (before, here) in self._joined:
            return False
        if not self._known.issuperset(before + here):  # neighbors unknown may be one unk together
            return False
        return not self._adds_space or (self._knows_space and (SPACE, here) not in self._joined)

    def _array(self, ids: list[int]) -> Integer[np.ndarray, " tokens"]:
        small = self.tokenizer.vocab_size <= np.iinfo(np.uint16).max + 1
        return np.array(ids, dtype=np.uint16 if small else np.uint32)


def in_parts(documents: Documents, length: int) -> list[np.ndarray]:
    """The documents, cut where one has more than `length` tokens to predict.

    A part begins with the last token of the one before, so every token but a document's first is
    predicted once.
    """
    return [
        documents.tokens[begin : min(begin + length + 1, end)]
        for start, end in pairwise(documents.offsets.tolist())
        for begin in range(start, end - 1, length)
    ]
