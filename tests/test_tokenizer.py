import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import sentencepiece
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from minillama.tokenizer import MARKERS, N_RESERVED, Tokenizer

ENGLISH = "Mia has 12 red balls. She gives 3 of them to Tom!\n\tTom says: thank you, Mia.\n"
CHINESE = "小红有三只猫。她把一只猫送给小明。小明很高兴，说：“谢谢你！”\n"
TEXTS = [ENGLISH, CHINESE] * 10


@pytest.fixture(scope="module")
def bpe() -> Tokenizer:
    return Tokenizer.train(TEXTS, vocab_size=400)


@pytest.fixture(scope="module")
def char() -> Tokenizer:
    return Tokenizer.train(TEXTS, kind="char")


@pytest.fixture(scope="module", params=["bpe", "char"])
def tokenizer(request, bpe, char) -> Tokenizer:
    return {"bpe": bpe, "char": char}[request.param]


any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁"))
tricky_text = st.lists(
    st.sampled_from([*MARKERS, "<s>", "<0x41>", " ", "  ", "\n", "\t", "\r", "\0", "7", "Mia"])
    | st.sampled_from("猫😀👩\u200d👧é\u0301\ufeff\u2585\u2028\U0010ffff⁇")
).map("".join)


@given(text=any_text | tricky_text)
@example("")
@example(" \n  leading, trailing and   repeated \t\n ")
def test_every_text_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode(tokenizer.encode(text, bos=True, eos=True)) == text


def test_what_cannot_be_carried(tokenizer):
    assert tokenizer.decode(tokenizer.encode("a▁b")) == "a b"
    with pytest.raises(ValueError, match=r"character 1 .* U\+D83D, half of a surrogate pair"):
        tokenizer.encode("a\ud83d")
    with pytest.raises(ValueError, match="surrogate"):
        Tokenizer.train(["\udc00"])


def test_first_ids_are_reserved(tokenizer):
    assert (tokenizer.bos_id, tokenizer.eos_id) == (1, 2)
    assert tokenizer.marker_ids == dict(zip(MARKERS, (3, 4, 5, 6), strict=True))
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    assert tokenizer.pieces(range(N_RESERVED)) == ["<unk>", "<s>", "</s>", *MARKERS, *bytes_]


@given(text=tricky_text)
def test_no_text_encodes_to_a_special_id(tokenizer, text):
    assert all(i > max(tokenizer.marker_ids.values()) for i in tokenizer.encode(text))


def test_bos_and_eos_stand_around_the_text(tokenizer):
    ids = tokenizer.encode("Mia")
    assert tokenizer.encode("Mia", bos=True) == [1, *ids]
    assert tokenizer.encode("Mia", eos=True) == [*ids, 2]
    for bos, eos in [(False, False), (True, False), (False, True), (True, True)]:
        expected = [tokenizer.encode(text, bos, eos) for text in ["Mia", ""]]
        assert tokenizer.encode_batch(["Mia", ""], bos, eos) == expected


def test_bpe_is_configured_as_llama_configures_it(bpe):
    assert bpe.vocab_size == 400
    assert bpe.pieces(bpe.encode("Tom")) == ["▁Tom"]  # as after a space
    assert bpe.pieces(bpe.encode("gives 1212")) == ["▁gives", "▁", "1", "2", "1", "2"]
    assert bpe.pieces(bpe.encode("龙")) == ["▁", "<0xE9>", "<0xBE>", "<0x99>"]
    assert bpe.encode("ﬁ Å") != bpe.encode("fi Å")  # nothing is normalized


def test_char_makes_one_token_of_every_character(char):
    assert char.vocab_size == N_RESERVED + len(set(ENGLISH + CHINESE))
    for text in [ENGLISH, CHINESE, " \n\n\t", "unseen ASCII: #$%&"]:
        assert len(char.encode(text)) == len(text)
    assert char.pieces(char.encode("猫 \n")) == ["猫", "▁", "\n"]
    assert len(char.encode("龙")) == len("龙".encode())


def test_char_learns_newlines_from_the_ends_of_lines():
    tokenizer = Tokenizer.train(["one\n", "two\n"], kind="char")
    assert tokenizer.pieces(tokenizer.encode("\n")) == ["\n"]


def test_char_takes_more_characters_than_the_default_vocabulary_has():
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 3000)))
    assert len(Tokenizer.train([text], kind="char").encode(text)) == 3000


def test_rare_characters_stay_bytes_where_bpe_has_no_room():
    text = CHINESE * 10 + "".join(map(chr, range(0x5000, 0x5000 + 1000)))
    tokenizer = Tokenizer.train([text], vocab_size=N_RESERVED + 80)
    assert tokenizer.vocab_size == N_RESERVED + 80
    assert "<0x" not in "".join(tokenizer.pieces(tokenizer.encode("小红有三只猫。")))
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_reserved_characters_and_markers_in_training_texts_do_no_harm():
    texts = ["▅ zero \0 and ▁ <|user|> <s> <0x41> " * 5]
    for kind in ["bpe", "char"]:
        tokenizer = Tokenizer.train(texts, vocab_size=275, kind=kind)
        assert tokenizer.decode(tokenizer.encode("▅<|user|>\0zero")) == "▅<|user|>\0zero"
        assert tokenizer.marker_ids["<|user|>"] not in tokenizer.encode("<|user|>")


def test_too_large_a_vocabulary_is_refused_with_the_largest_possible():
    with pytest.raises(ValueError, match="vocab_size 5000 is too large") as error:
        Tokenizer.train(TEXTS, vocab_size=5000)
    largest = int(re.search(r"it supports (\d+) at most", str(error.value))[1])
    assert Tokenizer.train(TEXTS, vocab_size=largest).vocab_size == largest
    with pytest.raises(ValueError, match="is too large"):
        Tokenizer.train(TEXTS, vocab_size=largest + 1)


def test_other_bad_input_to_training():
    assert Tokenizer.train(TEXTS, vocab_size=N_RESERVED + 1).vocab_size == N_RESERVED + 1
    with pytest.raises(ValueError, match="vocab_size 263 is too small"):
        Tokenizer.train(TEXTS, vocab_size=N_RESERVED)
    for nothing in [[], [""]]:
        with pytest.raises(ValueError, match="no text to train a tokenizer on"):
            Tokenizer.train(nothing)
    with pytest.raises(ValueError, match='but not "word"'):
        Tokenizer.train(TEXTS, kind="word")


def test_training_is_the_same_in_every_process_and_needs_no_torch():
    program = (
        "import sys; from minillama.tokenizer import Tokenizer; "
        f"model = Tokenizer.train({TEXTS!r}, vocab_size=400).serialized; "
        "assert 'torch' not in sys.modules; print(model.hex())"
    )
    for hash_seed, threads in [("1", "1"), ("2", "3")]:
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": threads}
        output = subprocess.check_output([sys.executable, "-c", program], env=environment)
        assert bytes.fromhex(output.decode()) == Tokenizer.train(iter(TEXTS), 400).serialized


def test_training_and_failing_are_silent(capfd, tmp_path):
    Tokenizer.train(TEXTS, vocab_size=300)
    (tmp_path / "tokenizer.model").write_bytes(b"damaged")
    for attempt in [lambda: Tokenizer.train(TEXTS, 9999), lambda: Tokenizer.load(tmp_path)]:
        with pytest.raises(ValueError):
            attempt()
    assert capfd.readouterr() == ("", "")


def test_save_and_load(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    tokenizer.save(tmp_path / "other.model")
    for path in [tmp_path, tmp_path / "tokenizer.model", str(tmp_path / "other.model")]:
        loaded = Tokenizer.load(path)
        assert loaded.vocab_size == tokenizer.vocab_size
        assert loaded.encode(ENGLISH + CHINESE) == tokenizer.encode(ENGLISH + CHINESE)


def test_loading_what_is_missing_or_damaged(bpe, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no tokenizer at .*tokenizer\.model"):
        Tokenizer.load(tmp_path)
    bpe.save(tmp_path)
    path = tmp_path / "tokenizer.model"
    whole = path.read_bytes()
    for damaged in [b"", whole[:-1], whole[: len(whole) // 2], b"once upon a time"]:
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"tokenizer\.model is not a SentencePiece model"):
            Tokenizer.load(path)


def test_a_vocabulary_of_somebody_else_works_too():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS), model_writer=model, vocab_size=60, bos_id=-1, minloglevel=2
    )
    tokenizer = Tokenizer(model.getvalue())
    assert tokenizer.bos_id == -1 and tokenizer.marker_ids == {}
    assert tokenizer.decode(tokenizer.encode("Tom says")) == "Tom says"


ids_lists = st.lists(st.integers(0, 299))  # which both vocabularies have


@given(ids=ids_lists)
def test_decoding_agrees_with_sentencepiece_wherever_the_bytes_are_text(tokenizer, ids):
    decoded = tokenizer.decode(ids)
    if "\ufffd" not in decoded and tokenizer.pieces(ids[:1]) != ["<0x20>"]:
        assert decoded == tokenizer._processor.decode(ids)


@given(ids=ids_lists)
def test_streaming_yields_the_decoded_text_in_whole_characters(tokenizer, ids):
    parts = list(tokenizer.stream(iter(ids)))
    assert "".join(parts) == tokenizer.decode(ids)
    assert "" not in parts


@given(text=any_text | tricky_text)
def test_streaming_never_splits_a_character(tokenizer, text):
    parts = list(tokenizer.stream(tokenizer.encode(text)))
    assert "".join(parts) == text  # a split character would show as U+FFFD


def test_streaming_holds_a_character_back_until_it_is_whole(bpe):
    ids = iter(bpe.encode("Mia 😀"))
    parts = bpe.stream(ids)
    assert next(parts) == "Mia"
    assert next(parts) == " "
    assert len(list(ids)) == 4  # nothing was taken before it was needed
    assert list(bpe.stream(bpe.encode("😀龙"))) == ["😀", "龙"]
    assert list(bpe.stream(bpe.encode("😀")[:-1])) == ["\ufffd"]


@given(text=any_text | tricky_text, cut=st.integers(0, 20))
def test_streaming_after_a_prompt_yields_the_rest(tokenizer, text, cut):
    ids = tokenizer.encode(text)
    rest = "".join(tokenizer.stream(ids[cut:], after=ids[:cut]))
    if "\ufffd" not in (before := tokenizer.decode(ids[:cut])):
        assert before + rest == text


def test_streaming_after_a_prompt_keeps_the_space_between(bpe):
    prompt, rest = bpe.encode("Mia"), bpe.encode("gives")
    assert bpe.decode(rest) == "gives"
    assert list(bpe.stream(rest, after=prompt)) == [" gives"]


def test_markers_and_unknown_have_no_place_in_text(bpe):
    ids = [1, 4, *bpe.encode("Mia"), 6, 2]
    assert bpe.decode(ids) == "Mia"
    assert bpe.pieces(ids) == ["<s>", "<|user|>", "▁Mia", "<|end|>", "</s>"]
    assert bpe.decode([0]) == "\ufffd"


def test_a_character_does_not_reach_over_the_end_of_a_document(bpe):
    first, second = (bpe._processor.piece_to_id(piece) for piece in ("<0xC2>", "<0x80>"))
    assert bpe.decode([first, second]) == "\x80"
    assert bpe.decode([first, bpe.eos_id, second]) == "\ufffd\ufffd"
    assert bpe._processor.decode([first, bpe.eos_id, second]) == "\ufffd\ufffd"


def test_ids_may_be_those_of_arrays_and_tensors(bpe):
    ids = bpe.encode("Mia 😀")
    for same in [np.array(ids, dtype=np.uint16), list(np.array(ids)), torch.tensor(ids)]:
        assert bpe.decode(same) == "Mia 😀"
        assert bpe.pieces(same) == bpe.pieces(ids)


def test_ids_that_do_not_exist_are_refused(bpe):
    for ids in [[-1], [400]]:
        for method in [bpe.decode, bpe.pieces]:
            with pytest.raises(ValueError, match=f"id {ids[0]} is not among the 400"):
                method(ids)
