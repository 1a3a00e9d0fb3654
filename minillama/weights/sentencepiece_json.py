"""SentencePiece's tokenizer.model written as the tokenizer.json that Hugging Face reads.

transformers would convert a tokenizer.model by itself, but only with packages that may be missing,
and it then drops the settings that decide how spaces and bytes are handled. So we spell them out.
Sources: sentencepiece_model.proto of SentencePiece 0.2; the serialization of tokenizers 0.23.
"""

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from minillama.tokenizer import SPACE, Tokenizer

# Numbers in sentencepiece_model.proto: fields of the file, of a piece, of the two specs.
PIECES, TRAINER, NORMALIZER = 1, 2, 3
PIECE, SCORE, TYPE = 1, 2, 3
MODEL_TYPE, SPACE_AS_SUFFIX = 3, 24
CHARACTER_MAP, DUMMY_PREFIX, REMOVE_SPACES, ESCAPE_SPACES = 2, 3, 4, 5
BPE, CHAR = 2, 4  # model types
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # types of pieces


def tokenizer_json(tokenizer: Tokenizer) -> dict[str, Any]:
    """A tokenizer.json that gives the same ids as this tokenizer, for every text.

    Its decoder leaves the space that stands before a text: transformers' pipeline decodes what is
    new without the prompt before it, and would lose the space between the two.

    Raises ValueError for a SentencePiece model of another make than LLaMA's, whose ids would not
    be the same.
    """
    parts: dict[int, list[Any]] = {PIECES: [], TRAINER: [b""], NORMALIZER: [b""]}
    for number, value in _fields(tokenizer.serialized):
        parts.setdefault(number, []).append(value)
    pieces = [_piece(content) for content in parts[PIECES]]
    trainer, normalizer = dict(_fields(parts[TRAINER][-1])), dict(_fields(parts[NORMALIZER][-1]))
    _check(pieces, trainer, normalizer)
    vocab = {piece: i for i, (piece, _, _) in enumerate(pieces)}
    special = [i for i, (_, _, kind) in enumerate(pieces) if kind in (UNKNOWN, CONTROL)]
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    prefix = [{"type": "Prepend", "prepend": SPACE}] * normalizer.get(DUMMY_PREFIX, 1)
    back = {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(i, pieces[i][0]) for i in special],
        "normalizer": {"type": "Sequence", "normalizers": [*prefix, replace]},
        "pre_tokenizer": None,
        "post_processor": _begin(tokenizer),
        "decoder": {
            "type": "Sequence",
            "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": next(piece for piece, _, kind in pieces if kind == UNKNOWN),
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": any(kind == BYTE for _, _, kind in pieces),
            "ignore_merges": False,
            "vocab": vocab,
            "merges": [] if trainer.get(MODEL_TYPE) == CHAR else _merges(pieces),
        },
    }


def tokenizer_config(tokenizer: Tokenizer, unknown: str, max_seq_len: int) -> dict[str, Any]:
    """The tokenizer_config.json beside it; `unknown` is the piece for what has none.

    Markers that somebody types stay text there too, as in ours: that is split_special_tokens.
    """
    names = {"bos_token": tokenizer.bos_id, "eos_token": tokenizer.eos_id}
    tokens = {name: tokenizer.pieces([i])[0] for name, i in names.items() if i >= 0}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **tokens,
        "unk_token": unknown,
        "add_bos_token": tokenizer.bos_id >= 0,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": True,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": max_seq_len,
        "padding_side": "left",
    }


def _piece(content: bytes) -> tuple[str, float, int]:
    """A piece, its score (the higher, the earlier it is merged) and its type."""
    fields: dict[int, Any] = {TYPE: NORMAL, SCORE: bytes(4)} | dict(_fields(content))
    return fields[PIECE].decode(), struct.unpack("<f", fields[SCORE])[0], fields[TYPE]


def _check(
    pieces: list[tuple[str, float, int]], trainer: dict[int, Any], normalizer: dict[int, Any]
) -> None:
    """Raise ValueError for what a tokenizer.json of our making would not do alike."""
    scores = sorted(score for piece, score, kind in pieces if kind == NORMAL and len(piece) > 1)
    wrong = {
        "its model is neither BPE nor of characters": trainer.get(MODEL_TYPE, 1) not in (BPE, CHAR),
        "it puts spaces behind words": trainer.get(SPACE_AS_SUFFIX, 0),
        "it normalizes characters": normalizer.get(CHARACTER_MAP),
        "it drops spaces": normalizer.get(REMOVE_SPACES, 1),
        "it keeps spaces unescaped": not normalizer.get(ESCAPE_SPACES, 1),
        "it has user-defined or unused pieces": not {kind for _, _, kind in pieces}
        <= {NORMAL, UNKNOWN, CONTROL, BYTE},
        "several of its pieces have the same score": trainer.get(MODEL_TYPE) == BPE
        and any(one == other for one, other in pairwise(scores)),
    }
    for why, is_so in wrong.items():
        if is_so:
            raise ValueError(
                "this tokenizer.model cannot be written as an equal tokenizer.json, because "
                f"{why}: keep the model in the format native"
            )


def _merges(pieces: list[tuple[str, float, int]]) -> list[list[str]]:
    """Every way to join two pieces into a third, the first to be joined first.

    SentencePiece scores what comes out, so all ways to the same piece have one rank, and the
    leftmost place goes first. Here each has a rank of its own: in runs of one character, pieces
    grow from the left, so the way with the longer left part goes first.
    """
    scores = {piece: score for piece, score, kind in pieces if kind == NORMAL}
    return [
        [piece[:cut], piece[cut:]]
        for piece in sorted(scores, key=lambda piece: -scores[piece])
        for cut in range(len(piece) - 1, 0, -1)
        if piece[:cut] in scores and piece[cut:] in scores
    ]


def _added_token(i: int, piece: str) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": i, "content": piece, **flags, "special": True}


def _begin(tokenizer: Tokenizer) -> dict[str, Any] | None:
    """What puts bos before a text, and before the second of a pair, as LLaMA's tokenizer does."""
    if tokenizer.bos_id < 0:
        return None
    [bos] = tokenizer.pieces([tokenizer.bos_id])
    single, pair = (
        [part for name in names for part in (_special(bos, name), _sequence(name))]
        for names in ("A", "AB")
    )
    tokens = {bos: {"id": bos, "ids": [tokenizer.bos_id], "tokens": [bos]}}
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens}


def _special(token: str, name: str) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": "AB".index(name)}}


def _sequence(name: str) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": "AB".index(name)}}


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protocol buffer: numbers, and the bytes of everything else."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        size = {1: 8, 5: 4}.get(key & 7)
        if size is None:
            size, at = _varint(message, at)
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of any length, seven bits in each byte, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
