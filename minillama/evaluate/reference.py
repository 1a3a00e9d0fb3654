"""What counting alone can predict: references for the loss on a text whose floor nobody knows.

An n-gram model predicts a token from the few tokens before it, by how often they occurred together
in the training text. Whatever a LLaMA predicts better than that, it owes to more than counting.
"""

import lzma
import math
import zlib

import numpy as np
from jaxtyping import Float64, Integer, UInt64

from minillama.data import Documents

LONGEST = 8  # tokens of an n-gram
COUNTED = 1_000_000  # tokens, the last of the training text: they take a few seconds
BASE = 0x9E3779B97F4A7C15  # of the hashes of n-grams; odd, so that no factor of it loses bits


def best_ngram(
    training: Integer[np.ndarray, " tokens"], validation: Documents, vocab_size: int
) -> tuple[int, float]:
    """The n whose n-gram model predicts the validation documents best, and its nats per token.

    n grows as long as that helps. The probabilities are those of Kneser and Ney, interpolated: a
    discount from each count is passed on to what the shorter n-gram predicts.
    Source: Chen and Goodman 1999, doi:10.1006/csla.1999.0128, section 3.
    """
    learned, asked = (tokens.astype(np.uint64) + np.uint64(1) for tokens in
                      (training[-COUNTED:], validation.tokens))  # fmt: skip
    targets = np.ones(len(asked), dtype=bool)
    targets[validation.offsets[:-1][validation.lengths > 0]] = False  # bos is given
    best_n, best = 0, math.inf
    shorter = np.full(len(asked), 1 / vocab_size)
    grams, asked_grams = learned, asked
    contexts, asked_contexts = np.zeros_like(learned), np.zeros_like(asked)
    for n in range(1, LONGEST + 1):
        seen, here = (grams, contexts), (asked_grams, asked_contexts)
        loss = -float(np.log(_interpolate(*seen, *here, shorter)[targets]).mean())
        if loss >= best:
            break
        best_n, best = n, loss
        longer, asked_longer = _longer(learned, grams, n), _longer(asked, asked_grams, n)
        # As the shorter part of a longer n-gram, one counts once for each token before it.
        once = np.unique(longer, return_index=True)[1]
        shorter = _interpolate(grams[once], contexts[once], *here, shorter)
        contexts, asked_contexts = _previous(grams), _previous(asked_grams)
        grams, asked_grams = longer, asked_longer
    return best_n, best


def _interpolate(
    grams: UInt64[np.ndarray, " seen"],
    contexts: UInt64[np.ndarray, " seen"],
    asked_grams: UInt64[np.ndarray, " asked"],
    asked_contexts: UInt64[np.ndarray, " asked"],
    shorter: Float64[np.ndarray, " asked"],
) -> Float64[np.ndarray, " asked"]:
    """The probability of each n-gram asked for, given its context, by the n-grams seen.

    shorter: what the shorter n-gram says.
    """
    kinds, first, counts = np.unique(grams, return_index=True, return_counts=True)
    groups, group = np.unique(contexts[first], return_inverse=True)
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    discount = once / (once + 2 * twice) if once else 0.5
    taken = np.maximum(counts - discount, 0.0)
    total = np.bincount(group, counts)
    passed_on = discount * np.bincount(group) / total
    place, known = _find(groups, asked_contexts)
    own, counted = _find(kinds, asked_grams)
    probability = counted * taken[own] / total[place] + passed_on[place] * shorter
    return np.where(known, probability, shorter)


def _find(
    among: UInt64[np.ndarray, " kinds"], asked: UInt64[np.ndarray, " asked"]
) -> tuple[np.ndarray, np.ndarray]:
    """Where each is among sorted hashes, and whether it is there at all."""
    place = np.searchsorted(among, asked).clip(max=len(among) - 1)
    return place, among[place] == asked


def _longer(
    tokens: UInt64[np.ndarray, " tokens"], grams: UInt64[np.ndarray, " tokens"], n: int
) -> UInt64[np.ndarray, " tokens"]:
    """The hashes of the n-grams that end at each token, made longer by one token before them."""
    factor = np.uint64(pow(BASE, n, 2**64))
    longer = grams.copy()
    longer[n:] += tokens[:-n] * factor
    return longer


def _previous(grams: UInt64[np.ndarray, " tokens"]) -> UInt64[np.ndarray, " tokens"]:
    """The n-gram that ends before each token, which is the context of the longer one."""
    return np.concatenate([np.zeros(1, np.uint64), grams[:-1]])


def compressed_bits(training: bytes, held_out: bytes) -> tuple[float, float]:
    """Bits per byte that gzip and lzma (xz) take for a text after they have seen another one.

    gzip looks back only 32 KiB; lzma looks back over everything that it is given.
    """
    gzip = zlib.compressobj(9, wbits=-15, zdict=training[-(2**15) :])
    zipped = len(gzip.compress(held_out)) + len(gzip.flush())
    both = len(lzma.compress(training + held_out)) - len(lzma.compress(training))
    return 8 * zipped / len(held_out), 8 * both / len(held_out)
