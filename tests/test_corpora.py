"""What a run learns from: stories, windows of a file, documents, kept in the run's folder."""

import gzip
import json
import math
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import minillama
from minillama import generate
from minillama.config import ModelConfig
from minillama.data import PackedBatches
from minillama.model import Llama
from minillama.runs import read_log
from minillama.system import npz
from minillama.tokenizer import Tokenizer
from minillama.training import own_text, setup, sources, spool, texts, vocabulary
from minillama.training.config import TrainConfig, draft
from minillama.training.corpus import Corpus
from minillama.training.events import Finished, Noted
from minillama.training.loop import resume, train
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
    [
        (b"", "empty"),
        (b"a\0b" * 99, "not a text file"),
        (b"\xff\xfe" * 99, "UTF-16 text, not UTF-8"),
        (b"\xff\xff" * 99, "not UTF-8"),
    ],
)
def test_files_that_are_no_text_are_told(tmp_path, content, says):
    plan = file_plan(tmp_path / "text.txt", LINE)
    (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(ValueError, match=says):
        open_corpus(plan)


def test_a_text_too_short_for_a_row_is_told(tmp_path):
    with pytest.raises(ValueError, match="too short: nine tenths of it are 16 tokens"):
        open_corpus(file_plan(tmp_path / "text.txt", "abcdefghijklmnopqr"))


# Documents

TALES = [
    f"{LINE.strip()} Then {name} has {n} of them." for name in ("Leo", "小安") for n in range(30)
]


def tales_plan(path, **changes):
    return file_plan(path, "\n\n---\n\n".join(TALES), **{"separator": "---"} | changes)


def test_documents_are_learned_from_begin_to_end_and_whole_ones_are_held_out(tmp_path):
    plan = tales_plan(tmp_path / "text.txt", seq_len=64)
    corpus, _ = open_corpus(plan)
    bos, eos, decode = corpus.tokenizer.bos_id, corpus.tokenizer.eos_id, corpus.tokenizer.decode
    told = {}
    for name in ("training", "validation"):
        told[name] = [decode(document.tolist()) for document in getattr(corpus, name)]
        for document in getattr(corpus, name):
            assert document[0] == bos and document[-1] == eos
    assert sorted(told["training"] + told["validation"]) == sorted(TALES)
    assert 0.05 * len(TALES) < len(told["validation"]) <= 0.1 * len(TALES)
    assert corpus.scores.characters.tolist() == [len(text) for text in told["validation"]]
    assert corpus.scores.n_bytes.tolist() == [len(text.encode()) for text in told["validation"]]
    assert corpus.floor is None and corpus.has_documents


def test_batches_of_documents_are_packed_and_kept_apart(tmp_path):
    plan = tales_plan(tmp_path / "text.txt", seq_len=128, batch_size=2)
    corpus, _ = open_corpus(plan)
    batches = find_source(plan.corpus).batches(corpus, plan)
    assert isinstance(batches, PackedBatches)
    ends, n = 0, batches.steps_per_epoch
    for step in range(n):
        batch = batches.batch(step)
        ends += int((batch.targets == corpus.tokenizer.eos_id).sum())
        assert batch.mask is not None
    assert ends == len(corpus.training)  # it learns to stop, once a document


def test_documents_longer_than_a_row_are_cut_and_lose_nothing(tmp_path):
    plan = tales_plan(tmp_path / "text.txt", seq_len=16)
    corpus, _ = open_corpus(plan)
    whole, _ = open_corpus(replace(plan, seq_len=256))
    assert corpus.validation.lengths.max() == 17
    for name in ("characters", "n_bytes"):
        assert getattr(corpus.scores, name).sum() == getattr(whole.scores, name).sum()
    targets, expected = ((c.validation.lengths - 1).sum() for c in (corpus, whole))
    assert targets == expected
    assert all(prompt[0] == corpus.tokenizer.bos_id for prompt in corpus.prompts)
    assert find_source(plan.corpus).context(corpus, plan, 512) == 16


def test_a_model_trained_on_documents_learns_to_stop(tmp_path):
    path = tales_plan(tmp_path / "text.txt").corpus
    asked = TrainConfig(
        corpus=path, separator="---", tokenizer="char", preset="tiny", seq_len=64, batch_size=8,
        steps=120, lr=5e-3, threads=1, dtype="float32",
    )  # fmt: skip
    assert isinstance([*train(asked, tmp_path / "run")][-1], Finished)
    model, tokenizer = minillama.load(tmp_path / "run")
    for seed in range(3):
        tokens = generate(model, [tokenizer.bos_id], max_new_tokens=63, temperature=0.5, seed=seed,
                          stop={tokenizer.eos_id})  # fmt: skip
        tokens = [*tokens]
        assert len(tokens) < 63
        assert tokenizer.decode(tokens).endswith(".")


def test_lines_and_folders_are_the_same_documents(tmp_path):
    lines = "".join(json.dumps({"story": tale}) + "\n" for tale in TALES).encode()
    (tmp_path / "tales.jsonl.gz").write_bytes(gzip.compress(lines))
    (tmp_path / "tales").mkdir()
    for n, tale in enumerate(TALES):
        (tmp_path / "tales" / f"{n:03}.txt").write_text(tale, encoding="utf-8")
    plan = tales_plan(tmp_path / "text.txt")
    expected, _ = open_corpus(plan)
    for name, field in [("tales.jsonl.gz", "story"), ("tales", None)]:
        others = replace(plan, corpus=str(tmp_path / name), separator=None, field=field)
        found, _ = open_corpus(others)
        np.testing.assert_array_equal(found.training.tokens, expected.training.tokens)
        np.testing.assert_array_equal(found.validation.offsets, expected.validation.offsets)


def test_a_run_on_documents_needs_them_no_more_once_it_has_begun(tmp_path):
    (tmp_path / "tales").mkdir()
    for n, tale in enumerate(TALES):
        (tmp_path / "tales" / f"{n:03}.txt").write_text(tale, encoding="utf-8")
    config = TrainConfig(
        corpus=str(tmp_path / "tales"), tokenizer="char", preset="tiny", steps=4, batch_size=2,
        seq_len=32, every=2, threads=1, dtype="float32",
    )  # fmt: skip
    runs = []
    for name in ("whole", "resumed"):
        events = train(config, tmp_path / name)
        if name == "resumed":
            while not (tmp_path / name / "checkpoints" / "latest").exists():
                next(events)
            events.close()
            for path in (tmp_path / "tales").iterdir():
                path.unlink()
            (tmp_path / "tales").rmdir()
            events = resume(tmp_path / name)
        runs.append([*events][-1])
        assert isinstance(runs[-1], Finished)
    assert runs[0].validation.loss == runs[1].validation.loss


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"separator": "<|end|>"},
            r"only one document between separators '<\|end\|>' in .*text\.txt",
        ),
        ({"field": "text", "separator": None}, "line 1 of .* is not a JSON object"),
        ({"field": "text"}, "not both"),
        ({"separator": ""}, "must not be empty"),
    ],
)
def test_documents_that_are_none_are_told(tmp_path, changes, says):
    with pytest.raises(ValueError, match=says):
        open_corpus(tales_plan(tmp_path / "text.txt", **changes))


def test_the_same_document_again_and_again_is_told(tmp_path):
    with pytest.raises(ValueError, match="takes two that differ"):
        open_corpus(file_plan(tmp_path / "text.txt", "Mia ran.\n\n" * 9, separator="blank"))


@pytest.mark.parametrize("changes", [{"separator": "blank"}, {"field": "text"}])
def test_toytown_has_documents_of_its_own(changes):
    with pytest.raises(ValueError, match="leave out separator and field"):
        TrainConfig(**changes)


PEAK = """
import sys
from minillama.bench.memory import peak_mib
from minillama.training.config import TrainConfig, draft
from minillama.training import spool
from minillama.training.sources import find_source

spool.IN_MEMORY = 2**18  # so that a text of a few megabytes is long
path, tokenizer, separator = sys.argv[1:]
plans = [
    draft(TrainConfig(corpus=corpus, tokenizer=tokenizer, separator=separator or None))
    for corpus in (path + ".small", path)
]
find_source(plans[0].corpus).open(plans[0])
before = peak_mib()
find_source(plans[1].corpus).open(plans[1])
print(peak_mib() - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell a process's peak memory")
@pytest.mark.parametrize("separator", ["", "blank"], ids=["one text", "documents"])
def test_a_long_text_takes_little_memory(tmp_path, separator):
    """A char tokenizer is given, because to train one is SentencePiece's own matter."""
    path, tokenizer = tmp_path / "text", tmp_path / "tokenizer.model"
    Tokenizer.train(TALES, kind="char").save(tokenizer)
    n = 0
    with path.open("w", encoding="utf-8") as file:
        while n < 4e6:
            n += file.write(
                f"Then Leo has {n} of them. {LINE} And that was all there was of it.\n\n"
            )
    path.with_suffix(".small").write_bytes(path.read_bytes()[: 10**6])
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(path), str(tokenizer), separator],
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) / (path.stat().st_size / 2**20) < 2.5  # it was 4.6, and 31 at first


def test_the_corpus_counts_in_what_a_training_needs(monkeypatch):
    shape, plan = ModelConfig.preset("tiny", vocab_size=300), draft(TrainConfig(preset="tiny"))
    monkeypatch.setattr(setup, "memory_bytes", lambda: 2**30)
    setup.check_memory(shape, plan)
    with pytest.raises(ValueError, match=r"and 1\.0 GiB of text, and this machine has 1 GiB"):
        setup.check_memory(shape, plan, corpus_bytes=2**30)


def test_a_text_that_memory_cannot_hold_is_read_all_the_same(tmp_path, monkeypatch):
    plan = file_plan(tmp_path / "text.txt", LINE * 50)
    monkeypatch.setattr(texts, "memory_bytes", lambda: 1000)
    assert len(open_corpus(plan)[0].training.tokens) == len(LINE) * 45


@pytest.mark.parametrize("separator", [None, "---"])
def test_tokens_that_stay_in_their_file_give_the_same_run(tmp_path, monkeypatch, separator):
    path = tales_plan(tmp_path / "text.txt").corpus
    config = TrainConfig(
        corpus=path, separator=separator, tokenizer="char", preset="tiny", steps=3, batch_size=2,
        seq_len=16, threads=1, dtype="float32",
    )  # fmt: skip
    assert isinstance([*train(config, tmp_path / "held")][-1], Finished)
    monkeypatch.setattr(spool, "IN_MEMORY", 0)
    monkeypatch.setattr(npz, "MAPPED", 1000)
    assert isinstance([*train(config, tmp_path / "mapped")][-1], Finished)
    assert not Corpus.load(tmp_path / "mapped" / "data").training.tokens.flags.writeable
    losses = [read_log(tmp_path / name).training["loss"].tolist() for name in ("held", "mapped")]
    assert losses[0] == losses[1]
    for name in ("train.npz", "valid.npz", "scores.npz"):
        held, mapped = (tmp_path / run / "data" / name for run in ("held", "mapped"))
        assert held.read_bytes() == mapped.read_bytes()

    corpus = Corpus.load(tmp_path / "mapped" / "data")
    assert isinstance(corpus.training.tokens, np.memmap)
    monkeypatch.setattr(npz, "MAPPED", 2**26)
    in_memory = Corpus.load(tmp_path / "mapped" / "data")
    np.testing.assert_array_equal(corpus.training.tokens, in_memory.training.tokens)
    assert in_memory.n_bytes - corpus.n_bytes == corpus.training.tokens.nbytes
    monkeypatch.setattr(npz, "MAPPED", 1000)
    content = bytearray((tmp_path / "mapped" / "data" / "train.npz").read_bytes())
    del corpus
    content[1000] ^= 1  # one bit of one token
    (tmp_path / "mapped" / "data" / "train.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"train\.npz is damaged"):
        Corpus.load(tmp_path / "mapped" / "data")


@pytest.mark.parametrize("separator", [None, "blank"])
@pytest.mark.parametrize("kind", [None, "char"])
def test_a_tokenizer_is_trained_on_a_sample_of_a_long_text(tmp_path, monkeypatch, separator, kind):
    text = "\n\n".join(f"Then Mia has {n} kites and {n + 1} balls." for n in range(2000))
    plan = file_plan(
        tmp_path / "text.txt", f"小{text}安 ...", separator=separator, tokenizer=kind,
        vocab_size=None if kind else 300,
    )  # fmt: skip
    assert open_corpus(plan)[0].notes == ()
    monkeypatch.setattr(vocabulary, "SAMPLE", 7000)
    monkeypatch.setattr(vocabulary, "STRETCH", 50)
    seen = []
    learn = Tokenizer.train
    monkeypatch.setattr(
        Tokenizer, "train", lambda texts, *rest: seen.extend(texts) or learn(texts, *rest)
    )
    corpus, _ = open_corpus(plan)
    assert 6900 < sum(map(len, seen)) < 7100 + 60
    assert f"of {len(text) * 0.9 / 1e6:.0f} million" in corpus.notes[0]
    numbers = {int(n) // 100 for n in re.findall(r"has (\d+) ", " ".join(seen))}
    assert len(numbers) >= 18  # it is from everywhere
    if kind and not separator:  # every character that is learned from has a piece
        assert "小" in corpus.tokenizer.pieces(range(corpus.tokenizer.vocab_size))


def test_a_vocabulary_that_was_not_asked_for_is_fitted_to_the_text(tmp_path):
    text = LINE * 50 + "And that is all."
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    config = TrainConfig(
        corpus=str(tmp_path / "text.txt"), preset="tiny", steps=1, batch_size=1, seq_len=8,
        threads=1, dtype="float32",
    )  # fmt: skip
    events = [*train(config, tmp_path / "run")]
    noted = [event.words for event in events if isinstance(event, Noted)]
    model, tokenizer = minillama.load(tmp_path / "run")
    assert model.config.vocab_size == tokenizer.vocab_size > 270
    assert len(noted) == 1 and f"has {tokenizer.vocab_size} tokens, because" in noted[0]
    with pytest.raises(ValueError, match=f"supports {tokenizer.vocab_size} at most"):
        list(train(replace(config, vocab_size=2048), tmp_path / "other"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_stories_can_be_in_one_language(few_stories, tmp_path, language):
    from minillama.toytown import story

    asked = TrainConfig(
        language=language, preset="tiny", steps=2, batch_size=2, threads=1, dtype="float32"
    )
    assert isinstance([*train(asked, tmp_path / "run")][-1], Finished)
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["asked"]["language"] == run["plan"]["language"] == language
    corpus = Corpus.load(tmp_path / "run" / "data")
    for split, documents in [("train", corpus.training), ("valid", corpus.validation)]:
        told = [corpus.tokenizer.decode(document) for document in documents]
        assert told == [story(i, language, split).text for i in range(len(documents))]
    nats = [-story(i, language, "valid").log_prob for i in range(10)]
    assert corpus.scores.source_nats == pytest.approx(nats)
    assert draft(TrainConfig()).language == "both"


def test_documents_are_packed_once_for_all_that_is_measured(tmp_path, monkeypatch):
    asked = TrainConfig(
        corpus=tales_plan(tmp_path / "text.txt").corpus, separator="---", tokenizer="char",
        preset="tiny", seq_len=32, batch_size=4, minutes=0.001,
    )  # fmt: skip
    corpus, _, shape = setup.open_asked(asked)
    packed = []

    def pack(*arguments):
        packed.append(arguments)
        return PackedBatches(*arguments)

    monkeypatch.setattr(own_text, "PackedBatches", pack)
    setup.decide(asked, Llama(shape), corpus, 0.0, 0.0)
    assert len(packed) == 2  # for a quarter of a batch, and for a batch
