"""Answers to the exercises of lesson 02 as beginners write them, right and wrong."""

import codecs
import math
import re
from collections import Counter
from itertools import pairwise

import pytest
from answering import Answers, verdicts_of

from minillama.course.lessons.lesson_02.solutions import encode_bytes

pytestmark = pytest.mark.usefixtures("as_readers_run")
answers = Answers()


# bits_per_byte


@answers("bits_per_byte")
def by_log2_of_e(nats_per_token, n_tokens, text):
    return nats_per_token * math.log2(math.e) * n_tokens / len(bytes(text, "utf-8"))


@answers("bits_per_byte")
def with_a_tensor(nats_per_token, n_tokens, text):
    import torch

    return (
        torch.tensor(nats_per_token) / torch.log(torch.tensor(2.0)) * n_tokens / len(text.encode())
    )


@answers("bits_per_byte", "characters")
def by_characters(nats_per_token, n_tokens, text):
    return nats_per_token / math.log(2) * n_tokens / len(text)


@answers("bits_per_byte", "nats")
def forgets_bits(nats_per_token, n_tokens, text):
    return nats_per_token * n_tokens / len(text.encode("utf-8"))


@answers("bits_per_byte", "bits-per-token")
def only_converts(nats_per_token, n_tokens, text):
    return nats_per_token / math.log(2)


# decode_pieces


@answers("decode_pieces")
def with_an_incremental_decoder(pieces):
    decoder, text = codecs.getincrementaldecoder("utf-8")(errors="replace"), ""
    for piece in pieces:
        if piece in {"<s>", "</s>"}:
            continue
        byte = re.fullmatch(r"<0x(..)>", piece)
        text += decoder.decode(bytes.fromhex(byte[1]) if byte else piece.replace("▁", " ").encode())
    text += decoder.decode(b"", final=True)
    return text[1:] if text[:1] == " " else text


@answers("decode_pieces")
def collects_runs(pieces):
    text, run = "", []
    for piece in [*pieces, "</s>"]:
        if piece[:3] == "<0x":
            run.append(int(piece[1:-1], 16))
            continue
        text += bytes(run).decode("utf8", "replace")
        run = []
        if piece not in ["<s>", "</s>"]:
            text += piece
    text = text.replace("▁", " ")
    return text[1:] if text.startswith(" ") else text


@answers("decode_pieces", "byte-by-byte")
def a_byte_at_a_time(pieces):
    text = ""
    for piece in pieces:
        if piece in ("<s>", "</s>"):
            pass
        elif piece.startswith("<0x"):
            text += bytes.fromhex(piece[3:5]).decode("utf-8", errors="replace")
        else:
            text += piece.replace("▁", " ")
    return text[1:] if text.startswith(" ") else text


@answers("decode_pieces", "bytes-as-characters")
def by_chr(pieces):
    text = ""
    for piece in pieces:
        if piece in ("<s>", "</s>"):
            continue
        text += chr(int(piece[3:-1], 16)) if piece.startswith("<0x") else piece
    text = text.replace("▁", " ")
    return text.removeprefix(" ")


@answers("decode_pieces", "all-first-spaces-lost")
def strips_the_left(pieces):
    spelled = b""
    for piece in pieces:
        if piece.startswith("<0x"):
            spelled += bytes.fromhex(piece[3:5])
        elif piece not in ("<s>", "</s>"):
            spelled += piece.encode()
    return spelled.decode(errors="replace").replace("▁", " ").lstrip()


@answers("decode_pieces", "first-character-lost")
def cuts_the_first(pieces):
    spelled = b""
    for piece in pieces:
        if piece.startswith("<0x"):
            spelled += bytes.fromhex(piece[3:5])
        elif piece not in ("<s>", "</s>"):
            spelled += piece.encode()
    return spelled.decode(errors="replace").replace("▁", " ")[1:]


@answers("decode_pieces", "bytes-spelled")
def joins(pieces):
    kept = [piece for piece in pieces if piece not in ("<s>", "</s>")]
    return "".join(kept).replace("▁", " ").removeprefix(" ")


@answers("decode_pieces", "all-in-angle-brackets-dropped")
def drops_the_rest(pieces):
    out = bytearray()
    for p in pieces:
        if p.startswith("<0x"):
            out.append(int(p[1:-1], 16))
        elif p.startswith("<"):
            continue
        else:
            out += p.replace("▁", " ").encode("utf-8")
    text = out.decode("utf-8", errors="replace")
    return text[1:] if text.startswith(" ") else text


@answers("decode_pieces", "first-space-kept")
def keeps_the_space(pieces):
    spelled = []
    for piece in pieces:
        if piece[:3] == "<0x":
            spelled.append(bytes.fromhex(piece[3:5]))
        elif piece not in ("<s>", "</s>"):
            spelled.append(piece.replace("▁", " ").encode())
    return b"".join(spelled).decode(errors="replace")


# encode_bytes


def merged(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


@answers("encode_bytes")
def replays(text, merges):
    ids = list(text.encode("utf-8"))
    for pair, new in sorted(merges.items(), key=lambda merge: merge[1]):
        ids = merged(ids, pair, new)
    return ids


@answers("encode_bytes", "dictionary-order")
def in_the_order_of_the_dictionary(text, merges):
    ids = list(text.encode("utf-8"))
    for pair, new in merges.items():
        ids = merged(ids, pair, new)
    return ids


@answers("encode_bytes", "dictionary-order")
def first_that_is_there(text, merges):
    ids = list(text.encode())
    while found := [pair for pair in merges if pair in pairwise(ids)]:
        ids = merged(ids, found[0], merges[found[0]])
    return ids


@answers("encode_bytes")
def one_at_a_time(text, merges):
    ids = [*text.encode()]
    while len(ids) > 1:
        ranks = [merges.get(pair, math.inf) for pair in pairwise(ids)]
        if min(ranks) == math.inf:
            break
        i = ranks.index(min(ranks))
        ids[i : i + 2] = [ranks[i]]
    return ids


@answers("encode_bytes")
def as_minbpe_does(text, merges):
    ids = list(text.encode())
    while len(ids) >= 2:
        pair = min(pairwise(ids), key=lambda p: merges.get(p, float("inf")))
        if pair not in merges:
            break
        ids = merged(ids, pair, merges[pair])
    return ids


@answers("encode_bytes", "text-order")
def from_the_left(text, merges):
    ids, i = list(text.encode()), 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) in merges:
            ids[i : i + 2] = [merges[ids[i], ids[i + 1]]]
            i = 0
        else:
            i += 1
    return ids


@answers("encode_bytes", "characters")
def by_ord(text, merges):
    ids = [ord(character) for character in text]
    for pair, new in sorted(merges.items(), key=lambda merge: merge[1]):
        ids = merged(ids, pair, new)
    return ids


@answers("encode_bytes", "newest-first")
def last_learnt_first(text, merges):
    ids = list(text.encode())
    while True:
        pairs = [p for p in pairwise(ids) if p in merges]
        if not pairs:
            return ids
        pair = max(pairs, key=merges.get)
        ids = merged(ids, pair, merges[pair])


@answers("encode_bytes", "first-occurrence-only")
def once_each(text, merges):
    ids = list(text.encode())
    for pair, new in merges.items():
        for i in range(len(ids) - 1):
            if (ids[i], ids[i + 1]) == pair:
                ids[i : i + 2] = [new]
                break
    return ids


@answers("encode_bytes", "not-merged")
def forgets_to_assign(text, merges):
    ids = list(text.encode())
    for pair, new in merges.items():
        merged(ids, pair, new)
    return ids


# train_bytes


@answers("train_bytes")
def by_dictionary(text, n_merges):
    ids, merges = list(text.encode()), {}
    for new in range(256, 256 + n_merges):
        counts = {}
        for pair in pairwise(ids):
            counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        best = max(counts, key=lambda pair: counts[pair])
        ids, merges[best] = merged(ids, best, new), new
    return merges


@answers("train_bytes")
def most_common(text, n_merges):
    merges, ids = {}, list(text.encode())
    while len(merges) < n_merges:
        common = Counter(pairwise(ids)).most_common(1)
        if not common:
            break
        merges[common[0][0]] = len(merges) + 256
        ids = encode_bytes(text, merges)
    return merges


@answers("train_bytes", "last-of-equals")
def takes_the_last(text, n_merges):
    merges, ids = {}, list(text.encode())
    while len(merges) < n_merges and len(ids) > 1:
        counts, best = Counter(pairwise(ids)), None
        for pair in counts:
            if best is None or counts[pair] >= counts[best]:
                best = pair
        merges[best] = 256 + len(merges)
        ids = encode_bytes(text, merges)
    return merges


@answers("train_bytes", "greatest-of-equals")
def compares_pairs_too(text, n_merges):
    merges, ids = {}, list(text.encode())
    while len(merges) < n_merges and len(ids) > 1:
        counts = Counter(pairwise(ids))
        best = max((count, pair) for pair, count in counts.items())[1]
        merges[best] = 256 + len(merges)
        ids = encode_bytes(text, merges)
    return merges


@answers("train_bytes", "does-not-stop")
def goes_on(text, n_merges):
    merges, ids = {}, list(text.encode())
    for new in range(256, 256 + n_merges):
        counts = Counter(pairwise(ids))
        best = max(counts, key=counts.get)
        merges[best] = new
        ids = merged(ids, best, new)
    return merges


@answers("train_bytes", "counted-once")
def counts_once(text, n_merges):
    ids = list(text.encode())
    counts = Counter(pairwise(ids))
    return {pair: 256 + i for i, (pair, _) in enumerate(counts.most_common(n_merges))}


@answers("train_bytes", "wrong-way-round")
def from_ids(text, n_merges):
    return {new: pair for pair, new in by_dictionary(text, n_merges).items()}


@answers("train_bytes", "overlapping-once")
def counts_what_merges(text, n_merges):
    merges, ids = {}, list(text.encode())
    while len(merges) < n_merges and len(ids) > 1:
        counts, i = {}, 0
        ends = {}
        for i in range(len(ids) - 1):
            pair = (ids[i], ids[i + 1])
            if ends.get(pair) == i:
                continue
            counts[pair] = counts.get(pair, 0) + 1
            ends[pair] = i + 1
        merges[max(counts, key=counts.get)] = 256 + len(merges)
        ids = encode_bytes(text, merges)
    return merges


@answers("train_bytes", "stops-at-once")
def only_repeated(text, n_merges):
    merges, ids = {}, list(text.encode())
    while len(merges) < n_merges:
        counts = Counter(pairwise(ids))
        best = max(counts, key=counts.get, default=None)
        if counts[best] <= 1:
            break
        merges[best] = 256 + len(merges)
        ids = encode_bytes(text, merges)
    return merges


test_an_answer_gets_its_verdict, test_a_blank_is_not_written_yet = verdicts_of(answers)
