"""Texts, documents and batches, beyond what the course's checks hold (see test_checks.py)."""

import gzip

import numpy as np
import pytest
import torch
from clock import seconds
from hypothesis import given
from hypothesis import strategies as st

from minillama.data import (
    PADDING,
    Documents,
    PackedBatches,
    WindowBatches,
    documents_from_texts,
    pack,
)
from minillama.system.files import read_text
from minillama.tokenizer import Tokenizer


def random_documents(lengths, vocab_size=2000) -> Documents:
    rng = np.random.default_rng(0)
    return Documents.from_ids([rng.integers(3, vocab_size, n).tolist() for n in lengths])


def numbered_documents(lengths) -> Documents:
    """Documents in which every token is its own position, so that it tells where it is from."""
    offsets = np.cumsum([0, *lengths])
    return Documents(np.arange(offsets[-1]), offsets)


# read_text


def test_read_text_reads_what_any_system_wrote(tmp_path):
    path = tmp_path / "story.txt"
    path.write_bytes("\ufeff小红 and Tom\r\nmet.\n".encode())
    assert read_text(path) == read_text(str(path)) == "小红 and Tom\nmet.\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\x89PNG\0\0", "is not a text file"),
        ("Café".encode("latin-1"), "is not UTF-8 text, as its byte 3 shows"),
        ("小安 ran".encode("utf-16"), "is UTF-16 text, not UTF-8: .* iconv -f UTF-16 -t UTF-8"),
        ("Mia ran.".encode("utf-16-be"), "is UTF-16 text, not UTF-8"),
        ("Mia ran, 小安 slept.\n".encode("utf-16-le"), "is UTF-16 text, not UTF-8"),
        ("Mia ran.".encode("utf-32"), "is UTF-32 text, not UTF-8"),
        (gzip.compress(b"Mia ran." * 99)[:-9], "is damaged: it starts like a gzip file"),
        (gzip.compress(b"Mia ran.")[:5], "is damaged"),
        (b"\x1f\x8bMia ran.", "is damaged"),
        (gzip.compress(b" "), "is empty"),
        (gzip.compress(b"\x89PNG\0\0"), "is not a text file"),
    ],
)
def test_read_text_refuses_what_is_no_text(tmp_path, content, complaint):
    path = tmp_path / "story.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"story\.txt {complaint}"):
        read_text(path)


def test_read_text_unpacks_what_gzip_packed(tmp_path):
    path = tmp_path / "story.txt"
    path.write_bytes(gzip.compress("\ufeff小红\r\n".encode()) + gzip.compress(b"met Tom."))
    assert read_text(path) == "小红\nmet Tom."


def test_read_text_refuses_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nowhere"):
        read_text(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_text(tmp_path)


# Documents


def test_documents_from_texts_stand_between_bos_and_eos():
    texts = ["Tom met Mia.", "", "小红有一只猫。"] * 1000  # more than are encoded at a time
    tokenizer = Tokenizer.train(texts, kind="char")
    documents = documents_from_texts(iter(texts), tokenizer)
    assert len(documents) == 3000
    for i in [0, 1, 2, 2999]:
        assert documents[i].tolist() == tokenizer.encode(texts[i], bos=True, eos=True)
    assert documents.lengths.sum() == len(documents.tokens)


def test_documents_are_small_where_ids_are():
    assert Documents.from_ids([[1, 65_535], [2]]).tokens.dtype == np.uint16
    assert Documents.from_ids([[1, 65_536]]).tokens.dtype == np.uint32
    assert Documents.from_ids([[1, 65_536]])[0].tolist() == [1, 65_536]
    assert len(Documents.from_ids([])) == 0


def test_documents_are_a_sequence():
    documents = Documents.from_ids([[1, 5, 2], [1, 2], []])
    assert [document.tolist() for document in documents] == [[1, 5, 2], [1, 2], []]
    assert documents.lengths.tolist() == [3, 2, 0]
    for i in [3, -1]:
        with pytest.raises(IndexError, match=f"no document {i} among 3"):
            documents[i]


def test_documents_are_saved_and_loaded(tmp_path):
    documents = random_documents([5, 0, 300])
    path = tmp_path / "train.npz.partial"  # under the very name that is given
    documents.save(path)
    loaded = Documents.load(path)
    assert np.array_equal(loaded.tokens, documents.tokens)
    assert loaded.tokens.dtype == documents.tokens.dtype
    assert np.array_equal(loaded.offsets, documents.offsets)


def test_documents_refuse_damaged_files(tmp_path):
    path = tmp_path / "train.npz"
    with pytest.raises(FileNotFoundError, match="there is no file"):
        Documents.load(path)
    random_documents([50]).save(path)
    whole = path.read_bytes()
    with (tmp_path / "other.npz").open("wb") as file:
        np.savez(file, something=np.zeros(3))
    with (tmp_path / "array.npy").open("wb") as file:
        np.save(file, np.zeros(3))
    others = [(tmp_path / name).read_bytes() for name in ("other.npz", "array.npy")]
    for damaged in [b"", b"once upon a time", whole[:-40], whole[: len(whole) // 2], *others]:
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"train\.npz is damaged, or is not a file of doc"):
            Documents.load(path)


@pytest.mark.parametrize("offsets", [[], [0], [1, 4], [0, 3], [0, 3, 2, 4]])
def test_offsets_must_fit_the_tokens(offsets):
    with pytest.raises(ValueError, match="offsets must rise from 0"):
        Documents(np.zeros(4, dtype=np.uint16), np.array(offsets, dtype=np.int64))


# Batches


@given(sizes=st.lists(st.integers(1, 20), max_size=60))
def test_pack_loses_nothing_and_leaves_the_least_room_it_can(sizes):
    rooms: list[int] = []  # of the same rows, found by looking at all of them
    for size in sizes:
        fitting = [room for room in rooms if room >= size]
        if fitting:
            rooms.remove(min(fitting))
        rooms.append((min(fitting) if fitting else 20) - size)
    rows = pack(sizes, capacity=20)
    assert sorted(item for row in rows for item in row) == list(range(len(sizes)))
    assert sorted(rooms) == sorted(20 - sum(sizes[item] for item in row) for row in rows)


def test_neighbours_in_the_corpus_are_not_neighbours_in_a_row():
    batches = PackedBatches(random_documents([11] * 200), seq_len=100, batch_size=20, seed=0)
    documents = batches.batch(0).documents[:, ::10]
    assert ((documents.diff() - 1).abs() < 5).float().mean() < 0.2


def test_packing_stories_is_dense_and_quick():
    lengths = np.random.default_rng(0).normal(130, 40, 60_000).clip(20, 400).astype(int)
    documents = numbered_documents(lengths)

    def pack(documents):
        return PackedBatches(documents, seq_len=512, batch_size=32, seed=0)

    batches, tenth = pack(documents), numbered_documents(lengths[:6000])
    assert seconds(pack, documents) < 50 * seconds(pack, tenth)  # 13 is usual
    assert batches.efficiency > 0.95
    filled = [batches.batch(step).documents != PADDING for step in range(20)]
    assert torch.stack(filled).float().mean().item() == pytest.approx(batches.efficiency, abs=0.01)


def test_batches_refuse_what_makes_no_sense():
    documents = random_documents([10])
    for sizes in [(0, 1, 0), (8, 0, 0), (8, 1, -1)]:
        for make in [
            lambda sizes: PackedBatches(documents, *sizes),
            lambda sizes: WindowBatches(documents.tokens, *sizes),
        ]:
            with pytest.raises(ValueError, match="must be at least 1 and seed at least 0"):
                make(sizes)
    with pytest.raises(ValueError, match="nothing to learn from"):
        PackedBatches(random_documents([1, 0]), 8, 1, 0)
    with pytest.raises(ValueError, match="10 tokens, too few for a window of 10"):
        WindowBatches(documents.tokens, 10, 1, 0)
