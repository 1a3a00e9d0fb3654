"""Texts to token ids with little memory: a long text is encoded in pieces.

SentencePiece takes a hundred bytes or more for each character that it is given at once, and Python
some forty for each id in a list. So a text is cut where that changes no id, and ids become an
array piece by piece, in a file where they are many.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise

import numpy as np

from minillama.data import Documents
from minillama.tokenizer import SPACE, Tokenizer
from minillama.training.spool import Spool
from minillama.weights.json_tokenizer import PRINTED, JsonTokenizer

PIECE = 2**14  # characters in a piece, or a few more
TOGETHER = 2**17  # characters that are encoded at a time, on all processors
# How a piece begins: as the text goes on, without the space there, or with an id that is skipped.
AS_IT_IS, LOST, SKIPPED = range(3)


class Encoder:
    """Encodes as its tokenizer does, id for id, if that takes a text as it is (as LLaMA's do)."""

    def __init__(self, tokenizer: Tokenizer, piece: int = PIECE) -> None:
        self.tokenizer, self.piece = tokenizer, piece
        names = tokenizer.pieces(range(tokenizer.vocab_size))
        # Neighbors that are part of no token can be parted: no token ever reaches across.
        self._joined = {pair for name in names for pair in pairwise(name)}
        first = tokenizer.pieces(tokenizer.encode("a")[:1])
        self._adds_space = first[0].startswith((SPACE, PRINTED[ord(" ")])) if first else False
        self._known = {character for name in names for character in name}
        self._knows_space = SPACE in names
        self._ends_piece = self._may_end
        if isinstance(tokenizer, JsonTokenizer) and tokenizer.is_byte_level:
            self._ends_piece = self._may_end_in_bytes
        small = tokenizer.vocab_size <= np.iinfo(np.uint16).max + 1
        self._dtype: type[np.unsignedinteger] = np.uint16 if small else np.uint32

    def documents(
        self,
        texts: Iterable[str],
        ends: bool = True,
        progress: Callable[[int], object] = lambda characters: None,
    ) -> Documents:
        """Encode texts, each as one document: from bos to eos, or without them.

        progress: called with the number of characters that have been encoded since the last time.
        """
        spool, lengths = Spool(self._dtype), array("q", [0])
        for group in self._groups(texts):
            if len(group[0]) > self.piece:
                lengths.append(self._encode_long(group, ends, spool, progress))
                continue
            encoded = self.tokenizer.encode_batch(group, bos=ends, eos=ends)
            spool.add(encoded)
            lengths.extend(map(len, encoded))
            progress(sum(map(len, group)))
        return self._documents(spool, lengths)

    def text(self, chunks: Iterable[str]) -> Documents:
        """Encode one text, which comes in pieces, as a document without bos and eos."""
        spool = Spool(self._dtype)
        length = self._encode_long(chunks, False, spool, lambda characters: None)
        return self._documents(spool, array("q", [0, length]))

    def _documents(self, spool: Spool, lengths: "array[int]") -> Documents:
        tokens = spool.array()
        in_memory = not isinstance(tokens, np.memmap)
        if in_memory and tokens.max(initial=0) <= np.iinfo(np.uint16).max:
            tokens = tokens.astype(np.uint16, copy=False)
        return Documents(tokens, np.cumsum(lengths, dtype=np.int64))

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
        self, chunks: Iterable[str], ends: bool, spool: Spool, progress: Callable[[int], object]
    ) -> int:
        """Encode a text that comes in pieces; returns how many ids it has."""
        bos, eos = ([i] * ends for i in (self.tokenizer.bos_id, self.tokenizer.eos_id))
        length = len(bos + eos)
        spool.add([bos])
        cut = self.cut(chunks)
        while together := [*islice(cut, max(1, TOGETHER // self.piece))]:
            encoded = self.tokenizer.encode_batch([piece for piece, _ in together])
            encoded = [ids[skip:] for (_, skip), ids in zip(together, encoded, strict=True)]
            spool.add(encoded)
            length += sum(map(len, encoded))
            progress(sum(len(piece) for piece, _ in together))
        spool.add([eos])
        return length

    def cut(self, chunks: Iterable[str]) -> Iterator[tuple[str, int]]:
        """Pieces of a text, each with how many of its first ids are not the text's.

        The text comes in pieces itself, of any lengths. Where the tokenizer puts a space before a
        text, a piece either loses the space that it begins with, or begins with a character that
        never follows a space in a token: the space then is a token of its own, one too many.
        """
        held, skip, i = "", 0, self.piece  # held: the text from the last cut on
        for chunk in chunks:
            held += chunk
            start = 0
            while i < len(held) - 1:
                found = self._ends_piece(held, i)
                if found is None:
                    i += 1
                    continue
                yield held[start:i], skip
                start, skip = i + (found == LOST), int(found == SKIPPED)
                i = start + self.piece
            held, i = held[start:], i - start
        yield held, skip

    def _may_end(self, text: str, i: int) -> int | None:
        """How a piece can begin with character i of a text; None where it cannot."""
        before, here, after = text[i - 1], text[i], text[i + 1]
        if before.isspace() or before == SPACE:
            return None
        if here == " " and self._adds_space and not (after.isspace() or after == SPACE):
            return None if (before, SPACE) in self._joined else LOST
        if here.isspace() or here == SPACE or (before, here) in self._joined:
            return None
        if not self._known.issuperset(before + here):  # neighbors unknown may be one unk together
            return None
        if not self._adds_space:
            return AS_IT_IS
        return SKIPPED if self._knows_space and (SPACE, here) not in self._joined else None

    def _may_end_in_bytes(self, text: str, i: int) -> int | None:
        """The same where pieces are of bytes, and a pattern parts words before they are encoded.

        The pattern of every such model (GPT-2, Llama 3, ...) begins a word with the space before
        it, and after the end of a line.
        """
        before, here, after = text[i - 1], text[i], text[i + 1]
        is_word = here == " " and before.isalpha() and after.isalpha()
        is_line = before == "\n" and here.isalpha() and not self._adds_space
        if is_word or (is_line and i > 1 and not text[i - 2].isspace()):
            return None if self._joins(before, here) else AS_IT_IS
        return None

    def _joins(self, before: str, here: str) -> bool:
        """Whether a piece has the last byte of one character and the first of the next in it."""
        return (PRINTED[before.encode()[-1]], PRINTED[here.encode()[0]]) in self._joined


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
