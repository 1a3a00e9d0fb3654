"""What a run learns from: stories with their floor, windows of a file, kept in the run's folder."""

import math
from dataclasses import replace

import numpy as np
import pytest

from minillama.tokenizer import Tokenizer
from minillama.training import sources
from minillama.training.config import TrainConfig, draft
from minillama.training.corpus import Corpus
from minillama.training.sources import find_source, write_corpus

LINE = "Mia and 小安 fly a kite. "


@pytest.fixture
def few_stories(monkeypatch):
    monkeypatch.setattr(sources, "TOKENIZER_STORIES", 40)
    monkeypatch.setattr(sources, "VALIDATION_DOCUMENTS", 10)


def open_corpus(plan):
    return find_source(plan.corpus).open(plan)


def toytown(**changes):
    return draft(TrainConfig(tokenizer="char", preset="tiny", **changes))


def file_plan(path, text, **changes):
    path.write_text(text, encoding="utf-8")
    options = dict(corpus=str(path), tokenizer="char", preset="tiny", seq_len=16) | changes
    return draft(TrainConfig(**options))


def test_validation_stories_alternate_in_language_and_carry_their_probability(few_stories):
    from minillama.toytown import story

    corpus, _ = open_corpus(toytown())
    expected = [story(i, "en" if i % 2 == 0 else "zh", "valid") for i in range(10)]
    assert len(corpus.validation) == 10
    for i, document in enumerate(corpus.validation):
        assert document[0] == corpus.tokenizer.bos_id and document[-1] == corpus.tokenizer.eos_id
        assert corpus.tokenizer.decode(document.tolist()) == expected[i].text
        # the log-probability is given the language, which a reader has to tell first
        assert corpus.scores.source_nats[i] == pytest.approx(math.log(2) - expected[i].log_prob)
        assert corpus.scores.characters[i] == len(expected[i].text)
        assert corpus.scores.n_bytes[i] == len(expected[i].text.encode())


def test_the_floor_is_a_mean_over_tokens(few_stories):
    corpus, _ = open_corpus(toytown())
    targets = sum(len(document) - 1 for document in corpus.validation)
    assert corpus.floor == pytest.approx(sum(corpus.scores.source_nats) / targets)


def test_about_as_many_stories_are_written_as_the_run_sees(few_stories, tmp_path):
    plan = toytown(steps=5, batch_size=8)
    corpus, seconds = open_corpus(plan)
    assert seconds > 0
    progress = list(write_corpus(corpus, plan, tmp_path / "data"))
    written = Corpus.load(tmp_path / "data")
    n_tokens = 5 * 8 * plan.seq_len
    assert 0.8 * n_tokens < len(written.training.tokens) < 1.3 * n_tokens
    assert progress[0] == (0, len(written.training))
    valid = {document.tobytes() for document in written.validation}
    assert not valid & {document.tobytes() for document in written.training}


def test_there_is_a_most(few_stories, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MOST_STORIES", 7)
    plan = toytown(steps=1_000_000)
    corpus, _ = open_corpus(plan)
    list(write_corpus(corpus, plan, tmp_path / "data"))
    assert len(Corpus.load(tmp_path / "data").training) == 7


def test_the_run_folder_gives_back_what_was_written(tmp_path):
    plan = file_plan(tmp_path / "text.txt", LINE * 50)
    corpus, seconds = open_corpus(plan)
    assert seconds == 0
    assert list(write_corpus(corpus, plan, tmp_path / "data")) == []
    (tmp_path / "text.txt").unlink()  # no longer needed
    again = Corpus.load(tmp_path / "data")
    np.testing.assert_array_equal(again.training.tokens, corpus.training.tokens)
    np.testing.assert_array_equal(again.validation.offsets, corpus.validation.offsets)
    for name, values in vars(corpus.scores).items():
        np.testing.assert_array_equal(getattr(again.scores, name), values)
    assert again.tokenizer.encode(LINE) == corpus.tokenizer.encode(LINE)


def test_the_last_tenth_of_a_file_is_held_out_in_windows(tmp_path):
    text = "".join(chr(97 + i % 26) for i in range(900)) + "The end, which nobody trains on. " * 3
    plan = file_plan(tmp_path / "text.txt", text)
    corpus, _ = open_corpus(plan)
    tokenizer, cut = corpus.tokenizer, len(text) * 9 // 10
    assert tokenizer.decode(corpus.training.tokens.tolist()) == text[:cut]
    windows = [tokenizer.decode(document.tolist()) for document in corpus.validation]
    assert sorted(windows) == sorted(text[i : i + 16] for i in range(cut, len(text), 16))
    assert all(document[0] == tokenizer.bos_id for document in corpus.validation)
    # one target a character
    assert (corpus.validation.lengths - 1).sum() == corpus.scores.characters.sum()
    assert corpus.floor is None


def test_windows_open_with_bos_and_keep_their_targets(tmp_path):
    plan = file_plan(tmp_path / "text.txt", LINE * 50, batch_size=4)
    corpus, _ = open_corpus(plan)
    batches = find_source(plan.corpus).batches(corpus, plan)
    batch = batches.batch(3)
    assert (batch.tokens[:, 0] == corpus.tokenizer.bos_id).all()
    assert (batch.tokens[:, 1:] == batch.targets[:, :-1]).all()
    assert (batches.batch(3).tokens == batch.tokens).all()
    assert all(corpus.tokenizer.decode(row.tolist()) in LINE * 50 for row in batch.targets)


def test_prompts_are_beginnings_never_trained_on(tmp_path):
    plan = file_plan(tmp_path / "text.txt", LINE * 50)
    corpus, _ = open_corpus(plan)
    for prompt, document in zip(corpus.prompts, corpus.validation, strict=False):
        assert prompt == document[: len(prompt)].tolist() and len(prompt) > 1


def test_a_tokenizer_can_be_given_by_its_path(tmp_path):
    Tokenizer.train([LINE + "~"], kind="char").save(tmp_path / "given.model")
    plan = file_plan(tmp_path / "text.txt", LINE * 50, tokenizer=str(tmp_path / "given.model"))
    corpus, _ = open_corpus(plan)
    assert corpus.tokenizer.vocab_size == Tokenizer.load(tmp_path / "given.model").vocab_size


def test_a_vocabulary_can_be_asked_for(tmp_path):
    plan = file_plan(tmp_path / "text.txt", LINE * 50, tokenizer="bpe", vocab_size=290)
    assert open_corpus(plan)[0].tokenizer.vocab_size == 290
    with pytest.raises(ValueError, match="vocab_size 5000"):
        open_corpus(replace(plan, vocab_size=5000))


@pytest.mark.parametrize(
    "content, says",
    [(b"", "empty"), (b"a\0b" * 99, "not a text file"), (b"\xff\xfe" * 99, "not UTF-8")],
)
def test_files_that_are_no_text_are_told(tmp_path, content, says):
    plan = file_plan(tmp_path / "text.txt", LINE)
    (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(ValueError, match=says):
        open_corpus(plan)


def test_a_text_too_short_for_a_row_is_told(tmp_path):
    with pytest.raises(ValueError, match="too short: nine tenths of it are 16 tokens"):
        open_corpus(file_plan(tmp_path / "text.txt", "abcdefghijklmnopqr"))
