"""A tokenizer.json of Hugging Face's, read through the package `tokenizers`, as a Tokenizer.

Where a model has no tokenizer.model, this one serves: BPE over bytes (as in Llama 3) or over
SentencePiece's pieces.
"""

import json
import re
from pathlib import Path
from typing import Any

from minillama.tokenizer import SPACE, UNKNOWN, Tokenizer
from minillama.weights.tensors import read_json, write_json

JSON_NAME, CONFIG_NAME = "tokenizer.json", "tokenizer_config.json"
# How GPT-2 writes the 256 bytes as printable characters: most as themselves, the rest after U+0100.
_PRINTED = [*range(33, 127), *range(161, 173), *range(174, 256)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTED]
BYTES = {chr(byte): byte for byte in _PRINTED} | {chr(256 + i): b for i, b in enumerate(_OTHERS)}
PRINTED = {byte: character for character, byte in BYTES.items()}


class JsonTokenizer(Tokenizer):
    """What a tokenizer.json does, with the interface and the manners of `Tokenizer`.

    Special tokens that somebody types stay text.
    """

    def __init__(
        self,
        text: str,
        config: dict[str, Any],
        bos_id: int | None = None,
        eos_id: int | None = None,
    ) -> None:
        """Takes what tokenizer.json and tokenizer_config.json hold.

        bos_id, eos_id: where tokenizer_config.json names no such token. Raises ValueError for a
        file that is damaged or of another kind, or if the package `tokenizers` is not installed.
        """
        self._text = text
        try:
            self._processor = _Processor(text, config, bos_id, eos_id)
        except ImportError:
            raise ValueError(
                'needs the package tokenizers to be read: pip install "tokenizers>=0.20"'
            ) from None
        self._config = config | self._processor.named
        self._spellings = [self._spelling(i) for i in range(self.vocab_size)]
        first = self._processor.encode("a")[:1]
        self._adds_space = bool(first) and self._spellings[first[0]].startswith(b" ")
        self.eos_ids = {self.eos_id} - {-1}

    @classmethod
    def load(
        cls, path: str | Path, bos_id: int | None = None, eos_id: int | None = None
    ) -> "JsonTokenizer":
        """Read the tokenizer.json in a folder, with the tokenizer_config.json beside it, if any.

        Raises FileNotFoundError if there is none, and ValueError if it cannot be used.
        """
        file, beside = Path(path) / JSON_NAME, Path(path) / CONFIG_NAME
        if not file.is_file():
            raise FileNotFoundError(f"there is no tokenizer at {file}")
        config = read_json(beside) if beside.is_file() else {}
        try:
            return cls(file.read_text(encoding="utf-8"), config, bos_id, eos_id)
        except UnicodeDecodeError:
            raise ValueError(f"{file} is damaged: it is not UTF-8 text") from None
        except ValueError as error:
            raise ValueError(f"{file} {error}") from error

    @property
    def is_byte_level(self) -> bool:
        """Whether its pieces are of bytes (as in GPT-2 and Llama 3), in place of characters."""
        return self._processor.is_byte_level

    def save(self, path: str | Path) -> None:
        """Write tokenizer.json and tokenizer_config.json into a folder that exists."""
        (Path(path) / JSON_NAME).write_text(self._text, encoding="utf-8", newline="\n")
        write_json(Path(path) / CONFIG_NAME, self._config)

    def _spelling(self, i: int) -> bytes:
        return self._processor.spelling(i)


class _Processor:
    """A tokenizer of the package `tokenizers` in the place of SentencePiece's processor."""

    def __init__(
        self, text: str, config: dict[str, Any], bos_id: int | None, eos_id: int | None
    ) -> None:
        import tokenizers

        try:
            model = json.loads(text)["model"]
            # The package ends the whole process over some of these, and LLaMA has none.
            if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
                raise ValueError("its pieces have a prefix or suffix")
            self._inner = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # which is all that tokenizers raises
            raise ValueError(f"is not a tokenizer of Hugging Face's: {error}") from None
        self._inner.encode_special_tokens = True
        self._inner.no_truncation()
        self._inner.no_padding()
        decoder = self._inner.decoder  # whose state is its part of the JSON
        kinds = {
            part["type"] for part in _parts(json.loads(decoder.__getstate__()) if decoder else {})
        }
        self.is_byte_level = "ByteLevel" in kinds
        if not self.is_byte_level and not kinds & {"ByteFallback", "Metaspace"}:
            raise ValueError(
                f"decodes by {', '.join(sorted(kinds)) or 'nothing'}, and minillama reads "
                "tokenizers over bytes (ByteLevel) or SentencePiece's pieces (ByteFallback, "
                "Metaspace)"
            )
        added = self._inner.get_added_tokens_decoder()
        self._special = {i for i, token in added.items() if token.special}
        self._added = {i: token.content for i, token in added.items()}
        vocab = self._inner.get_vocab(with_added_tokens=True)
        self._names = {i: piece for piece, i in vocab.items()}
        self._unknown = getattr(self._inner.model, "unk_token", None)
        self._bos_id = self._find(config, "bos_token", bos_id)
        self._eos_id = self._find(config, "eos_token", eos_id)
        ids = {"bos_token": self._bos_id, "eos_token": self._eos_id}
        self.named = {name: self._names[i] for name, i in ids.items() if i >= 0}

    def _find(self, config: dict[str, Any], name: str, default: int | None) -> int:
        """The id of a token that the config names, as a string or as an object with flags."""
        token = config.get(name)
        token = token.get("content") if isinstance(token, dict) else token
        i = self._inner.token_to_id(token) if isinstance(token, str) else default
        return i if i in self._names else -1

    def vocab_size(self) -> int:
        return max(self._names, default=-1) + 1

    def bos_id(self) -> int:
        return self._bos_id

    def eos_id(self) -> int:
        return self._eos_id

    def piece_to_id(self, piece: str) -> int:
        i = self._inner.token_to_id(piece)
        return -1 if i is None else i

    def id_to_piece(self, i: int) -> str:
        return self._names.get(i, f"<no piece {i}>")

    def is_control(self, i: int) -> bool:
        return i in self._special and self._names[i] != self._unknown

    def is_unknown(self, i: int) -> bool:
        return i in self._names and self._names[i] == self._unknown

    def encode(self, text: Any) -> Any:
        """The ids of a text, or of each in a list."""
        if isinstance(text, str):
            return self._inner.encode(text, add_special_tokens=False).ids
        return [one.ids for one in self._inner.encode_batch(text, add_special_tokens=False)]

    def spelling(self, i: int) -> bytes:
        """The UTF-8 bytes that an id stands for."""
        if self.is_unknown(i):
            return UNKNOWN.encode()
        if i in self._special or i not in self._names:
            return b""
        if i in self._added:
            return self._added[i].encode()
        piece = self._names[i]
        if self.is_byte_level:
            return b"".join(
                bytes([BYTES[character]]) if character in BYTES else character.encode()
                for character in piece
            )
        if re.fullmatch("<0x[0-9A-F]{2}>", piece):
            return bytes.fromhex(piece[3:-1])
        return piece.replace(SPACE, " ").encode()


def _parts(decoder: dict[str, Any]) -> list[dict[str, Any]]:
    """A decoder, or those that a sequence of them is made of."""
    if decoder.get("type") == "Sequence":
        return [part for inner in decoder["decoders"] for part in _parts(inner)]
    return [decoder] if "type" in decoder else []
