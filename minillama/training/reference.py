"""The reference of a run on a text of its own: an n-gram model and compressors on the same text."""

import numpy as np

from minillama.evaluate.losses import bits_per_byte
from minillama.evaluate.reference import best_ngram, compressed_bits
from minillama.runs.reference import Reference
from minillama.training.corpus import Corpus

SHOWN = 400_000  # tokens of the training text that the compressors see: one to two megabytes


def measure_reference(corpus: Corpus) -> Reference:
    """How well others predict the whole validation set; takes seconds, however long the text is."""
    n, loss = best_ngram(corpus.training.tokens, corpus.validation, corpus.tokenizer.vocab_size)
    n_targets = int((corpus.validation.lengths - 1).sum())
    held_out = [corpus.validation[i][1:] for i in range(len(corpus.validation))]
    gzip, lzma = compressed_bits(
        _text(corpus, corpus.training.tokens[-SHOWN:]), _text(corpus, np.concatenate(held_out))
    )
    bits = bits_per_byte(loss * n_targets, int(corpus.scores.n_bytes.sum()))
    return Reference(n, loss, bits, gzip, lzma)


def _text(corpus: Corpus, ids: np.ndarray) -> bytes:
    return corpus.tokenizer.decode(ids.tolist()).encode()
