"""Solutions of lesson 02, the tokenizer."""

import math
from collections import Counter
from itertools import pairwise


def bits_per_byte(nats_per_token, n_tokens, text):
    """A model's surprise at a text of n_tokens, in bits per byte of its UTF-8."""
    bits = nats_per_token * n_tokens / math.log(2)
    return bits / len(text.encode())


def decode_pieces(pieces):
    """The text of SentencePiece's pieces, a list such as ["<s>", "▁a", "▁", "<0xC3>", "<0xA9>"]."""
    spelled = b""
    for piece in pieces:
        if piece in ("<s>", "</s>"):
            continue
        if piece.startswith("<0x"):
            spelled += bytes([int(piece[3:5], 16)])
        else:
            spelled += piece.replace("▁", " ").encode()
    return spelled.decode(errors="replace").removeprefix(" ")


def encode_bytes(text, merges):
    """The ids of a text: its UTF-8 bytes, merged by {(left id, right id): new id}, lowest first."""
    ids = list(text.encode())
    while True:
        known = [pair for pair in pairwise(ids) if pair in merges]
        if not known:
            return ids
        best = min(known, key=merges.get)
        merged = ids[:1]
        for i in ids[1:]:
            if (merged[-1], i) == best:
                merged[-1] = merges[best]
            else:
                merged.append(i)
        ids = merged


def train_bytes(text, n_merges):
    """Learn {(left id, right id): new id} from the bytes of a text; new ids count from 256.

    Of pairs that are as frequent the one that comes first in the text is merged. Stops early when
    a single id is left.
    """
    merges = {}
    ids = list(text.encode())
    for new in range(256, 256 + n_merges):
        if len(ids) < 2:
            break
        counts = Counter(pairwise(ids))
        best = max(counts, key=lambda pair: counts[pair])
        merges[best] = new
        ids = encode_bytes(text, merges)
    return merges
