"""Configs, tokenizers and texts that nobody wrote: an answer or one clear sentence, at once."""

import gzip

import pytest
from clock import assert_in_proportion
from damaging import assert_a_sentence, damages, odd_values
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.config import ModelConfig
from minillama.tokenizer import Tokenizer
from minillama.toytown import judge, parse, prefix_log_prob, story
from minillama.toytown.reader import LONGEST_SENTENCE, fitting, patterns
from minillama.toytown.slots import LANGUAGES, template
from minillama.training.config import Plan, TrainConfig
from minillama.training.texts import HeldOut, read_documents

# Configs


@given(
    st.dictionaries(
        st.sampled_from([*TrainConfig.__dataclass_fields__, "other"]), odd_values, max_size=6
    ),
    st.sampled_from([TrainConfig, Plan]),
)
def test_a_config_of_anything_is_right_or_told(values, cls):
    complete = TrainConfig(
        steps=1, batch_size=1, seq_len=8, lr=1.0, warmup=0, every=1, threads=1, dtype="float32"
    )
    try:
        config = cls.from_dict(complete.to_dict() | values)
    except ValueError as error:
        assert_a_sentence(error)
    else:
        assert cls.from_dict(config.to_dict()) == config


@given(st.dictionaries(st.text(max_size=4), odd_values, max_size=4))
def test_a_model_config_of_anything_is_told(values):
    with pytest.raises(ValueError) as caught:
        ModelConfig.from_dict(values)
    assert_a_sentence(caught.value)


# Tokenizers

TOKENIZER = Tokenizer.train(["a cat sat on a mat, 小安 hat"] * 20, vocab_size=285)


@settings(max_examples=300)
@given(damage=damages(), text=st.text(max_size=20))
def test_a_damaged_tokenizer_is_refused_or_works(damage, text):
    content = damage(TOKENIZER.serialized)
    if content is None:
        return
    try:
        tokenizer = Tokenizer(content)
        ids = tokenizer.encode(text)
    except ValueError as error:
        assert_a_sentence(error)
    else:
        assert tokenizer.decode(ids) == "".join(tokenizer.stream(ids))
        tokenizer.decode(range(tokenizer.vocab_size))


@given(st.lists(st.integers()))
def test_any_ids_are_text_or_told(ids):
    try:
        text = TOKENIZER.decode(ids)
    except ValueError as error:
        assert_a_sentence(error)
        assert not all(0 <= i < TOKENIZER.vocab_size for i in ids)
    else:
        assert text == "".join(TOKENIZER.stream(iter(ids)))


def there_and_back(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@pytest.mark.parametrize("part", ["a", "a cat ", "\U0001f600", " ", "小"])
def test_long_text_takes_time_in_proportion(part):
    assert_in_proportion(there_and_back, part * 30_000)


# Texts of one's own

PARTS = [
    b"Mia ran.",
    "小安".encode(),
    b"\n",
    b"\n\n",
    b"\r\n",
    b" ",
    b"\0",
    b"\xff\xfe",
    b"\x1f\x8b",
]
JSON = [b'{"text": "a"}', b'{"text": 1}', b'{"n": "\\ud800"}', b"{", b'"', b"[[", b"NaN", b"1e999"]
contents = st.lists(st.sampled_from(PARTS + JSON) | st.binary(max_size=4), max_size=8)


@settings(max_examples=300)
@given(
    content=contents.map(b"".join),
    packed=st.booleans(),
    cut=st.integers(0, 60),
    separator=st.sampled_from([None, "blank", "a", ""]),
    field=st.sampled_from([None, "text", "n", ""]),
    name=st.sampled_from(["a.txt", "a.jsonl", "a"]),
)
def test_a_file_of_anything_is_documents_or_told(
    tmp_path_factory, content, packed, cut, separator, field, name
):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(gzip.compress(content)[: cut or None] if packed else content)
    try:
        documents = read_documents(path, separator, field)
    except ValueError as error:
        assert_a_sentence(error)
    else:
        assert documents and all(text.strip() == text != "" for text in documents)
        held_out = HeldOut(documents, 2)
        learned = [*held_out.others(documents)]
        assert set(learned) | set(held_out.texts) == set(documents)
        assert 1 <= len(held_out.texts) <= 2


# ToyTown


@st.composite
def mutated_stories(draw):
    """Stories with sentences repeated, exchanged or lost, and characters put in."""
    language = draw(st.sampled_from(["en", "zh"]))
    space = LANGUAGES[language].SPACE
    told = [
        sentence
        for seed in draw(st.lists(st.integers(0, 30), min_size=1, max_size=2))
        for _, sentence in story(seed, language).events
    ]
    order = draw(st.lists(st.integers(0, len(told) - 1), min_size=1, max_size=20))
    kept = told[: draw(st.integers(0, len(told)))]
    text = space.join([*kept, *(told[i] for i in order)])
    for place in draw(st.lists(st.integers(0, len(text)), max_size=2)):
        text = text[:place] + draw(st.text(max_size=3)) + text[place:]
    return text * draw(st.integers(1, 3))


@settings(max_examples=150)
@given(st.text(max_size=300) | mutated_stories(), st.sampled_from(["en", "zh", None]))
def test_any_text_is_judged_and_read(text, language):
    verdict = judge(text, language)
    assert 0 <= verdict.valid_sentences <= verdict.sentences <= len(text)
    assert verdict.consistent == (verdict.first_error is None and bool(text))
    told = parse(text, language)
    probability = prefix_log_prob(text, language)
    assert probability <= 1e-9
    if told is not None:
        assert verdict.grammatical and verdict.consistent and verdict.finished
        assert probability == pytest.approx(told.log_prob)


def test_a_language_that_is_none_is_told():
    with pytest.raises(ValueError, match="ToyTown writes en and zh, not 'fr'"):
        judge("Il était une fois.", "fr")


def test_no_sentence_of_toytown_is_longer_than_it_is_said_to_be():
    longest = {
        max(len(sentence) for seed in range(60) for _, sentence in story(seed, "en").events),
        max(len(sentence) for seed in range(60) for _, sentence in story(seed, "zh").events),
    }
    assert max(longest) <= 100 < LONGEST_SENTENCE


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_sentence_that_nearly_fits_takes_no_longer(language):
    """Every wording again and again in one sentence, which no pattern may try in every way."""
    nearly = []
    for _, wording, _ in patterns(language):
        literals = [literal for literal, _ in template(wording)]
        nearly.append(literals[0] + ("x".join(literals[1:-1]) + "x") * 1000)

    def fit(length):
        for text in nearly:
            fitting(text[:length], language)

    assert_in_proportion(lambda lengths: fit(len(lengths)), [None] * LONGEST_SENTENCE)
    fit(10_000)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10**5,
        "A. " * 10**4,
        '."' * 10**4,
        "Everyone in ToyTown knew " + "Lu" * 10**4 + ".",
        "One sunny day, " * 10**4,
        "小" * 10**5,
        "。" * 10**4,
        "\ud800" * 100,
    ],
    ids=ascii,
)
def test_long_text_is_judged_at_once(text):
    verdict = judge(text)
    assert not verdict.consistent and len(verdict.first_error) < 2000
    assert parse(text) is None and prefix_log_prob(text) == float("-inf")
    assert_in_proportion(judge, text)


@pytest.mark.parametrize("seed", range(2))
def test_a_sentence_a_thousand_times(seed):
    def judge_all(times):
        for _, sentence in story(seed, "en").events:
            assert not judge(" ".join([sentence] * len(times))).finished

    assert_in_proportion(judge_all, [None] * 1000)


def test_thousands_of_readings_are_not_kept():
    """Nobody can say which of three girls each of these sentences means: 3 ** 12 ways to read it.

    The reader gives up on such texts, which ToyTown does not write; the judge follows eight ways.
    """
    text = (
        "Once there lived a patient girl called Lily. She had come to the meadow, and it was a "
        "sunny day. Then a gentle cat came along. All of a sudden Lily could not see the cat "
        "anymore. A girl named Kevuka came along and waved. She had not slept well and was tired. "
        'Soon a girl named Mami came over. She said, "I am so tired." She rested until she felt '
        "fresh again. For weeks she had been asking for an umbrella."
    )
    again = " She sat quietly and watched the sky. In a clear voice she sang a rhyme."
    assert judge(text).consistent
    judge(text + again * 20)
    assert parse(text + again * 20) is None
    assert prefix_log_prob(text + again * 20, length=100.0) == float("-inf")
    assert_in_proportion(lambda times: judge(text + again * len(times)), [None] * 20)
