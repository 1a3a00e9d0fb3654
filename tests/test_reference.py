"""What counting predicts: the n-gram model against one that is written out, and compressors."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from minillama.data import Documents
from minillama.evaluate import reference
from minillama.evaluate.reference import best_ngram, compressed_bits
from minillama.runs.reference import Reference, read_reference, write_reference


def by_dictionaries(training, documents, vocab_size, n):
    """The loss of the interpolated Kneser-Ney model of order n, one n-gram after the other."""
    padded = [-1] * 20 + training  # what is before the text counts as a token of its own
    grams = {
        k: Counter(tuple(padded[i - k + 1 : i + 1]) for i in range(20, len(padded)))
        for k in range(1, n + 1)
    }
    counts = {n: grams[n]}
    for k in range(1, n):
        counts[k] = Counter(gram[1:] for gram in grams[k + 1])

    def probability(gram):
        if not gram:
            return 1 / vocab_size
        seen, k = counts[len(gram)], len(gram)
        total, kinds = totals[k][gram[:-1]]
        shorter = probability(gram[1:])
        if not total:
            return shorter
        return (max(seen[gram] - discount[k], 0) + discount[k] * kinds * shorter) / total

    totals, discount = {}, {}
    for k, seen in counts.items():
        totals[k] = defaultdict(lambda: (0, 0))
        for gram, count in seen.items():
            total, kinds = totals[k][gram[:-1]]
            totals[k][gram[:-1]] = (total + count, kinds + 1)
        once, twice = (sum(c == m for c in seen.values()) for m in (1, 2))
        discount[k] = once / (once + 2 * twice) if once else 0.5
    nats, all_tokens = [], [-1] * 20
    for document in documents:
        for i, token in enumerate(document):
            all_tokens.append(token)
            if i:
                nats.append(-math.log(probability(tuple(all_tokens[-n:]))))
    return sum(nats) / len(nats)


@pytest.fixture
def texts():
    """Tokens in which each depends on the two before, and documents of the same kind."""
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.full(7, 0.2), size=(7, 7))

    def draw(length):
        tokens = [0, 1]
        for _ in range(length):
            tokens.append(int(rng.choice(7, p=table[tokens[-2], tokens[-1]])))
        return tokens

    return draw(3000), [draw(60) for _ in range(8)]


def test_it_is_kneser_and_neys_model(texts, monkeypatch):
    training, documents = texts
    losses = [by_dictionaries(training, documents, 7, n) for n in (1, 2, 3, 4)]
    assert losses[0] > losses[1] > losses[2] < losses[3]  # two tokens before decide, and no more
    packed, tokens = Documents.from_ids(documents), np.array(training, dtype=np.uint16)
    for longest in (1, 2, 3):
        monkeypatch.setattr(reference, "LONGEST", longest)
        n, loss = best_ngram(tokens, packed, 7)
        assert (n, loss) == (longest, pytest.approx(losses[longest - 1], abs=1e-9))
    monkeypatch.setattr(reference, "LONGEST", 8)
    assert best_ngram(tokens, packed, 7)[0] == 3


def test_few_tokens_and_none_in_common_are_no_error():
    one = Documents.from_ids([[0, 1, 2]])
    for training in ([5], [5, 5, 5], [0, 1, 2], list(range(10))):
        n, loss = best_ngram(np.array(training, dtype=np.uint16), one, 10)
        assert n >= 1 and 0 < loss < 10


def test_compressors_know_the_training_text():
    rng = np.random.default_rng(0)
    text = bytes(rng.integers(256, size=40_000, dtype=np.uint8))  # nothing in it can be compressed
    for bits in compressed_bits(text, text[-20_000:]):
        assert bits < 0.5
    gzip, lzma = compressed_bits(text, text[:4_000])  # farther back than gzip looks
    assert lzma < 2 < 7.9 < gzip
    for bits in compressed_bits(text[:20_000], text[20_000:]):
        assert 7.9 < bits < 8.2


def test_it_is_kept_in_the_folder(tmp_path):
    assert read_reference(tmp_path) is None
    kept = Reference(3, 2.5, 1.25, 3.5, 2.5)
    write_reference(tmp_path, kept)
    assert read_reference(tmp_path) == kept
    for damaged in ("{}", "[1]", '{"n": 3, "loss": 0.0, "bits_per_byte": 1, "gzip": 1, "lzma": 1}'):
        (tmp_path / "reference.json").write_text(damaged, encoding="utf-8")
        with pytest.raises(ValueError, match=r"reference\.json"):
            read_reference(tmp_path)
