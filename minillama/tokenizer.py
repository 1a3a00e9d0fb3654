"""Tokenizer: text to token ids and back, by SentencePiece set up as LLaMA sets it up.

Sources: Kudo and Richardson 2018, arXiv:1808.06226 (SentencePiece); Touvron et al. 2023,
arXiv:2302.13971, section 2.1 (LLaMA's settings).
"""

import codecs
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import index
from pathlib import Path
from typing import Any, SupportsIndex

import sentencepiece

FILE_NAME = "tokenizer.model"
MARKERS = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
N_RESERVED = 3 + len(MARKERS) + 256  # ids that come first: unk, bos, eos, the markers, the bytes

SPACE = "▁"  # U+2581, which stands for a space in SentencePiece's pieces
UNKNOWN = "\ufffd"  # what unk decodes to, and bytes that are no UTF-8
# Spaces to the trainer: it would drop a whole text for U+2585, its own sign for the unknown.
UNTRAINABLE = {SPACE, "\u2585", "\0"}


class Tokenizer:
    """Turns text into token ids, and these back into the same text.

    `decode(encode(text)) == text`, but for what SentencePiece cannot carry: U+2581 (▁) comes back
    as a space, and half of a surrogate pair, which is no character, is refused with a ValueError.
    A character that training did not meet becomes its UTF-8 bytes, one id each.

    The chat markers are ids that no text encodes to: "<|user|>" is spelled out like any other
    text, so nothing that somebody types can pass for one. Use `marker_ids["<|user|>"]`.
    """

    def __init__(self, model: bytes) -> None:
        """Takes what a tokenizer.model holds; raises ValueError if it is damaged."""
        self.serialized = model
        self._processor: Any = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
            self._spellings = [self._spelling(i) for i in range(self.vocab_size)]
        except (RuntimeError, ValueError):  # the second for a piece that is no UTF-8
            raise ValueError("this is not a SentencePiece model, or it is damaged") from None
        # LLaMA puts a space before a text, so that a word has the same ids there as further on.
        self._adds_space = "".join(self._processor.encode_as_pieces("a")).startswith(SPACE)
        self.eos_ids = {self.eos_id} - {-1}  # all ids that end a text: a chat model has several

    @classmethod
    def train(
        cls, texts: Iterable[str], vocab_size: int = 2048, kind: str = "bpe", at_most: bool = False
    ) -> "Tokenizer":
        """Learn a vocabulary; the same texts in the same order always give the same one.

        "bpe" merges frequent neighbours until there are `vocab_size` pieces, or `at_most` as many
        as the texts support. Single characters get three quarters of the room at most; where a text
        has more, the rarest stay bytes.
        "char" makes a piece of every character, whatever their number; vocab_size is not used.
        (Only zero and U+2585, which the trainer cannot take, are always left to their bytes.)

        Raises ValueError if the texts are empty, or vocab_size too small or too large for them.
        """
        if kind not in ("bpe", "char"):
            raise ValueError(f'there are tokenizers of kind "bpe" and "char", but not "{kind}"')
        texts = [_checked(text) for text in texts]
        if not any(texts):
            raise ValueError("there is no text to train a tokenizer on: all of it is empty")
        left_out = UNTRAINABLE
        if kind == "bpe":
            room = vocab_size - N_RESERVED
            if room < 1:
                raise ValueError(
                    f"vocab_size {vocab_size} is too small: it must be above {N_RESERVED}, "
                    "which are the special tokens and the 256 bytes"
                )
            left_out = left_out | _rare_characters(texts, n_kept=room * 3 // 4)
        pattern = re.compile(f"[{re.escape(''.join(sorted(left_out)))}]")

        model = io.BytesIO()
        soft_limit: dict[str, Any] = {"hard_vocab_limit": False} if at_most else {}
        try:
            sentencepiece.SentencePieceTrainer.train(
                # The space at the end saves a newline before it, which would be cut off.
                sentence_iterator=(pattern.sub(" ", text) + " " for text in texts),
                model_writer=model,
                model_type=kind,
                vocab_size=vocab_size if kind == "bpe" else N_RESERVED,
                use_all_vocab=kind == "char",  # all characters, in spite of the line above
                character_coverage=1.0,
                byte_fallback=True,
                split_digits=True,
                allow_whitespace_only_pieces=True,
                add_dummy_prefix=kind == "bpe",
                remove_extra_whitespaces=False,
                normalization_rule_name="identity",
                unk_id=0,
                bos_id=1,
                eos_id=2,
                pad_id=-1,
                control_symbols=list(MARKERS),
                max_sentence_length=2**30,  # in bytes; it would drop longer texts silently
                num_threads=1,  # written into the file, which must not depend on the machine
                minloglevel=2,  # nothing but errors, which arrive as exceptions
                **soft_limit,
            )
        except RuntimeError as error:
            largest = re.search(r"Vocabulary size too high .*<= (\d+)", str(error))
            if largest is None:
                raise
            raise ValueError(
                f"vocab_size {vocab_size} is too large for this text: it supports {largest[1]} "
                "at most; choose that or less, or a tokenizer of characters (char)"
            ) from None
        return cls(model.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Read a file, or the tokenizer.model in a folder.

        Raises FileNotFoundError if there is none, and ValueError if it is not a tokenizer.
        """
        path = _file(path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no tokenizer at {path}")
        try:
            return cls(path.read_bytes())
        except ValueError:
            raise ValueError(f"{path} is not a SentencePiece model, or it is damaged") from None

    def save(self, path: str | Path) -> None:
        """Write a file, or a tokenizer.model into a folder that exists."""
        _file(path).write_bytes(self.serialized)

    @property
    def vocab_size(self) -> int:
        """How many pieces there are, the reserved ones included."""
        return self._processor.vocab_size()

    @property
    def bos_id(self) -> int:
        """The id that begins a document; -1 if this tokenizer has none."""
        return self._processor.bos_id()

    @property
    def eos_id(self) -> int:
        """The id that ends a document; -1 if this tokenizer has none."""
        return self._processor.eos_id()

    @property
    def marker_ids(self) -> dict[str, int]:
        """The ids of the chat markers; empty if this tokenizer has none."""
        ids = {marker: self._processor.piece_to_id(marker) for marker in MARKERS}
        return {marker: i for marker, i in ids.items() if self._processor.is_control(i)}

    def encode(self, text: str, bos: bool = False, eos: bool = False) -> list[int]:
        """The ids of a text, with those of begin and end if asked for and there are such."""
        return self._ended(self._processor.encode(_checked(text)), bos, eos)

    def encode_batch(
        self, texts: Iterable[str], bos: bool = False, eos: bool = False
    ) -> list[list[int]]:
        """What `encode` gives for each text, faster for many, since all processor cores help."""
        encoded = self._processor.encode([_checked(text) for text in texts])
        return [self._ended(ids, bos, eos) for ids in encoded]

    def _ended(self, ids: list[int], bos: bool, eos: bool) -> list[int]:
        begin, end = self.bos_id, self.eos_id
        return [begin] * (bos and begin >= 0) + ids + [end] * (eos and end >= 0)

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        """The text of ids. Special ones have none; bytes that are no UTF-8 become U+FFFD (�)."""
        return "".join(self.stream(ids))

    def stream(
        self, ids: Iterable[SupportsIndex], after: Iterable[SupportsIndex] = ()
    ) -> Iterator[str]:
        """Yield the text of ids while they arrive; all of it joined is what `decode` gives.

        Characters come whole: one that is spelled in bytes is held back until the last of them.
        With `after`, yield only what the ids add to the text of those before. A prompt is best
        given so, because decoded alone its continuation would lose the space before it.
        """
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        after = list(after)
        for n, spelling in enumerate(self._spell(chain(after, ids))):
            # An id without text, such as the end of a document, ends a character that is not whole.
            text = decoder.decode(spelling, final=not spelling)
            if text and n >= len(after):
                yield text
        if text := decoder.decode(b"", final=True):
            yield text

    def pieces(self, ids: Iterable[SupportsIndex]) -> list[str]:
        """The ids as the vocabulary names them, to look at: "▁the", "<0xE4>", "<|user|>"."""
        return [self._processor.id_to_piece(self._checked_id(i)) for i in ids]

    def _spell(self, ids: Iterable[SupportsIndex]) -> Iterator[bytes]:
        """The UTF-8 bytes of each id, without the space that `encode` put before the text."""
        at_start = self._adds_space
        for i in ids:
            spelling = self._spellings[self._checked_id(i)]
            if at_start and spelling:
                spelling = spelling.removeprefix(b" ")
                at_start = False
            yield spelling

    def _spelling(self, i: int) -> bytes:
        piece = self._processor.id_to_piece(i)
        if self._processor.is_byte(i):  # such as <0xE4>
            return bytes.fromhex(piece[3:-1])
        if self._processor.is_control(i):
            return b""
        if self._processor.is_unknown(i):
            return UNKNOWN.encode()
        return piece.replace(SPACE, " ").encode()

    def _checked_id(self, i: SupportsIndex) -> int:
        i = index(i)  # an int also where NumPy's or PyTorch's came in
        if not 0 <= i < len(self._spellings):
            raise ValueError(f"id {i} is not among the {len(self._spellings)} of this tokenizer")
        return i


def _file(path: str | Path) -> Path:
    path = Path(path)
    return path / FILE_NAME if path.is_dir() else path


def _checked(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"character {error.start} of the text is U+{ord(text[error.start]):04X}, half of a "
            "surrogate pair, which UTF-8 cannot carry: remove it"
        ) from None
    return text


def _rare_characters(texts: Iterable[str], n_kept: int) -> set[str]:
    """All characters but the most frequent `n_kept` and the space, which is always a piece."""
    counts = Counter(chain.from_iterable(texts))
    del counts[" "]
    by_count = sorted(counts, key=lambda character: (-counts[character], character))
    return set(by_count[n_kept:])
