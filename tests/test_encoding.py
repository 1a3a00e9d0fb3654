"""Long texts are encoded in pieces, id for id as in one."""

import errno
import json

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, trainers

from minillama import toytown
from minillama.data import Documents, documents_from_texts
from minillama.system.assets import asset_path
from minillama.system.files import WriteError
from minillama.tokenizer import Tokenizer
from minillama.training import encoding, spool
from minillama.training.encoding import Encoder, in_parts
from minillama.weights.json_tokenizer import JsonTokenizer
from minillama.weights.sentencepiece_json import tokenizer_json

STORIES = [toytown.story(i, ("en", "zh")[i % 2]).text for i in range(60)]
WORDS = "mia found a kite and it was red but then tom came " * 40
TOKENIZERS = {
    "shipped": Tokenizer.load(asset_path("tokenizers/toytown")),
    "bpe": Tokenizer.train(["\n\n".join(STORIES), WORDS], vocab_size=900),
    "char": Tokenizer.train(STORIES, kind="char"),
}


def in_bytes(pattern=None, prefix=False):
    """A tokenizer over bytes that parts words by a pattern, GPT-2's if none is given."""
    inner = tokenizers.Tokenizer(models.BPE())
    parts = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=pattern is None)
    split = [pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")] if pattern else []
    inner.pre_tokenizer = pre_tokenizers.Sequence([*split, parts])
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        initial_alphabet=alphabet,
        show_progress=False,
        special_tokens=["<s>", "</s>"],
    )
    inner.train_from_iterator(["\n\n".join(STORIES), WORDS, "12345678 " * 30], trainer)
    return JsonTokenizer(inner.to_str(), {"bos_token": "<s>", "eos_token": "</s>"})


LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TOKENIZERS |= {
    "shipped, as json": JsonTokenizer(
        json.dumps(tokenizer_json(TOKENIZERS["shipped"])), {"bos_token": "<s>", "eos_token": "</s>"}
    ),
    "GPT-2": in_bytes(),
    "with a space first": in_bytes(prefix=True),
    "Llama 3": in_bytes(LLAMA_3),
    "bytes, no words": in_bytes("no such word"),
}
LONG = "\n\n".join(STORIES) + WORDS + "  \t▁▁ ▁a  b\n \n" + "小安" * 100 + "\U0001f600é" * 50

each_tokenizer = pytest.mark.parametrize("name", TOKENIZERS)


@each_tokenizer
@pytest.mark.parametrize("piece", [1, 7, 100])
def test_a_text_in_pieces_has_the_ids_of_the_whole(name, piece):
    encoder, tokenizer = Encoder(TOKENIZERS[name], piece), TOKENIZERS[name]
    pieces = [*encoder.cut([LONG])]
    if name != "bytes, no words":  # whose tokens reach across words
        assert len(pieces) > len(LONG) / piece / (30 if piece == 1 else 6)
        assert max(len(text) for text, _ in pieces) < piece + 400
    assert len(pieces) > 20
    assert pieces == [*encoder.cut(LONG[i : i + 13] for i in range(0, len(LONG), 13))]
    found = encoder.documents([LONG], ends=False)
    assert found.tokens.tolist() == tokenizer.encode(LONG)
    assert found.tokens.dtype == np.uint16


@pytest.mark.parametrize("name", ["shipped", "bpe", "char"])
def test_words_and_chinese_alone_can_be_cut_too(name):
    for text in (WORDS, "".join(story for story in STORIES if "小" in story)):
        assert len([*Encoder(TOKENIZERS[name], 100).cut([text])]) > len(text) / 250


@settings(max_examples=300)
@given(
    text=st.text(
        st.sampled_from("ab .,\n\t▁小安é\u0301\U0001f6000'1")
        | st.characters(exclude_categories=["Cs"])
    ),
    piece=st.integers(1, 5),
    name=st.sampled_from([*TOKENIZERS]),
)
def test_any_text_in_pieces_has_the_ids_of_the_whole(text, piece, name):
    encoder, expected = Encoder(TOKENIZERS[name], piece), TOKENIZERS[name].encode(text)
    assert encoder.documents([text], ends=False).tokens.tolist() == expected
    assert encoder.text([text[:3], text[3:]]).tokens.tolist() == expected


@each_tokenizer
def test_documents_short_and_long_stand_between_bos_and_eos(name, monkeypatch):
    monkeypatch.setattr(encoding, "TOGETHER", 300)
    texts = ["Tom met Mia.", "", LONG, "小红有一只猫。", *STORIES, LONG]
    done = []
    found = Encoder(TOKENIZERS[name], 150).documents(iter(texts), progress=done.append)
    expected = documents_from_texts(texts, TOKENIZERS[name])
    np.testing.assert_array_equal(found.tokens, expected.tokens)
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    total = sum(map(len, texts))
    assert 0.95 * total < sum(done) <= total and len(done) > 80


@pytest.mark.parametrize("room", [0, 100])
def test_many_tokens_are_in_a_file_and_the_same(monkeypatch, room):
    texts = ["Tom met Mia.", "", LONG, *STORIES]
    expected = Encoder(TOKENIZERS["bpe"], 150).documents(texts)
    monkeypatch.setattr(spool, "IN_MEMORY", room)
    found = Encoder(TOKENIZERS["bpe"], 150).documents(texts)
    assert isinstance(found.tokens, np.memmap) and not isinstance(expected.tokens, np.memmap)
    np.testing.assert_array_equal(found.tokens, expected.tokens)
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    assert found.tokens.dtype == expected.tokens.dtype == np.uint16


def test_a_full_disk_is_told_in_a_sentence(monkeypatch):
    def refuse(**options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool, "IN_MEMORY", 0)
    monkeypatch.setattr(spool.tempfile, "TemporaryFile", refuse)
    with pytest.raises(WriteError, match=r"cannot write token ids in .*: No space left on device"):
        Encoder(TOKENIZERS["bpe"]).documents(STORIES)


def test_parts_predict_every_token_once():
    documents = Documents.from_ids([range(n) for n in (2, 9, 10, 1, 0, 17, 5)])
    parts = in_parts(documents, 4)
    assert max(map(len, parts)) == 5 and min(map(len, parts)) == 2
    predicted = [token for part in parts for token in part[1:].tolist()]
    assert predicted == [token for document in documents for token in document.tolist()[1:]]


def test_ids_beyond_16_bits_are_kept():
    class Large(Tokenizer):
        vocab_size, bos_id, eos_id = 70_000, 1, 2

        def __init__(self, largest):
            self.largest = largest

        def pieces(self, ids):
            return ["a"]

        def encode(self, text, bos=False, eos=False):
            return [0]

        def encode_batch(self, texts, bos=False, eos=False):
            return [[self.largest] * len(text) for text in texts]

    assert Encoder(Large(69_999)).documents(["aaa"]).tokens.tolist() == [69_999] * 3
    assert Encoder(Large(9)).documents(["aaa"]).tokens.dtype == np.uint16
