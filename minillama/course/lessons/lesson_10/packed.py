"""The check of batches of packed documents."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.lessons.lesson_10.windows import fields
from minillama.data import IGNORED, PADDING, Documents

packed_batches = Check("PackedBatches", "data")


def numbered(lengths: Sequence[int]) -> Documents:
    """Documents in which every token is its own position, so that it tells where it is from."""
    offsets = np.cumsum([0, *lengths])
    return Documents(np.arange(offsets[-1]), offsets)


Place = tuple[int, int, int]  # token, target, document


def rows_of(batches: Any, steps: Sequence[int] | None = None) -> list[list[Place]]:
    """The filled places of each row, for some steps or all of the first epoch.

    Not by `call`, which would give an answer the same random numbers each time.
    """
    if steps is None:
        steps = range(batches.steps_per_epoch)
    rows = []
    for step in steps:
        tensors = fields(batches.batch(step))
        for row in zip(*(tensor.tolist() for tensor in tensors), strict=True):
            places = zip(*row, strict=True)
            rows.append([place for place in places if place[1:] != (IGNORED, PADDING)])
    return rows


@packed_batches.probe("one document, by hand")
def one_document(PackedBatches: Any) -> Iterator[Case]:
    documents = Documents.from_ids([[1, 5, 6, 2]])
    batches = call(PackedBatches, documents, 5, 1, 0)
    steps = call(lambda: batches.steps_per_epoch)
    tokens, targets, documents = fields(call(batches.batch, 0))
    example = "the document [1, 5, 6, 2] and seq_len 5, as"
    right = torch.tensor([[5, 6, 2, IGNORED, IGNORED]])
    yield Case(targets, right, f"{example} targets", "batch time")
    yield Case(tokens[:, :3], torch.tensor([[1, 5, 6]]), f"{example} the first 3 tokens")
    ids = bool((tokens >= 0).all())
    yield Case(ids, True, f"{example} whether the tokens are ids, at empty places too")
    empty = documents == PADDING if isinstance(documents, Tensor) else documents
    right = torch.tensor([[False, False, False, True, True]])
    yield Case(empty, right, f"{example} where documents are PADDING")
    yield Case(steps, 1, f"{example} steps_per_epoch")
    yield Case(call(lambda: batches.efficiency), 0.6, f"{example} efficiency")


@packed_batches.probe("two documents in a row know nothing of each other")
def two_documents(PackedBatches: Any) -> Iterator[Case]:
    batches = call(PackedBatches, Documents.from_ids([[5, 6, 7], [5, 6, 7]]), 6, 1, 0)
    [row] = rows_of(batches, [0])
    example = "two documents [5, 6, 7] and seq_len 6, as"
    pairs = sorted((token, target) for token, target, _ in row)
    right = [(5, 6), (5, 6), (6, 7), (6, 7)]
    yield Case(pairs, right, f"{example} the pairs of a token and its target")
    sizes = sorted(Counter(document for *_, document in row).values())
    yield Case(sizes, [2, 2], f"{example} how many places have the same number in documents")
    yield Case(len(rows_of(batches)), 1, f"{example} the number of rows")


@packed_batches.probe("an epoch has all rows, and each document once")
def whole_epoch(PackedBatches: Any) -> Iterator[Case]:
    batches = call(PackedBatches, numbered([9] * 10), 8, 4, 0)
    example = "10 documents that fill a row each, and batch_size 4, as"
    yield Case(batches.steps_per_epoch, 3, f"{example} steps_per_epoch")
    rows = [row for row in rows_of(batches) if row]
    yield Case(len(rows), 10, f"{example} how many rows of an epoch hold something")
    different = len({row[0][0] for row in rows}) == len(rows)
    yield Case(different, True, f"{example} whether no document comes twice in an epoch")


@packed_batches.probe("a document that fits a row stands in one row")
def unbroken(PackedBatches: Any) -> Iterator[Case]:
    documents = Documents.from_ids([[1, 2, 3, 4, 5, 6]] * 4)  # of which no two fit a row
    batches = call(PackedBatches, documents, 8, 1, 0)
    rows = sorted([token for token, *_ in row] for row in rows_of(batches) if row)
    example = "4 documents [1, 2, 3, 4, 5, 6] and seq_len 8, as the rows' tokens"
    yield Case(rows, [[1, 2, 3, 4, 5]] * 4, example)


@packed_batches.probe("a document too long for a row is cut, and no target is lost")
def cut(PackedBatches: Any) -> Iterator[Case]:
    batches = call(PackedBatches, Documents.from_ids([range(8), [20, 21]]), 3, 1, 0)
    pairs = sorted((token, target) for row in rows_of(batches) for token, target, _ in row)
    words = "the documents [0, 1, 2, 3, 4, 5, 6, 7] and [20, 21] and seq_len 3"
    right = [*((i, i + 1) for i in range(7)), (20, 21)]
    yield Case(pairs, right, f"{words}, as the pairs of a token and its target")


@packed_batches.probe("every target of every document comes once in every epoch")
def every_target(PackedBatches: Any) -> Iterator[Case]:
    lengths = np.random.default_rng(0).integers(0, 40, 40).tolist()
    documents = numbered(lengths)
    ends = documents.offsets.tolist()
    pairs = [(t, t + 1) for a, b in pairwise(ends) for t in range(a, b - 1)]
    owner = np.repeat(np.arange(len(lengths)), lengths).tolist()
    batches = call(PackedBatches, documents, 30, 1, 0)
    example = "40 documents of 0 to 39 tokens and seq_len 30, as whether"
    for epoch in range(2):
        size = batches.steps_per_epoch
        rows = rows_of(batches, range(epoch * size, (epoch + 1) * size))
        came = sorted((token, target) for row in rows for token, target, _ in row)
        words = f"{example} in epoch {epoch} each pair of a token and its target comes"
        yield Case(set(came) >= set(pairs), True, words)
        yield Case(came == pairs, True, f"{words} once, and no other")
    # In each row, a number of its own for each document.
    places = [{(owner[token], document) for token, _, document in row} for row in rows]
    one_to_one = all(
        len({a for a, _ in row}) == len({b for _, b in row}) == len(row) for row in places
    )
    yield Case(
        one_to_one,
        True,
        f"{example} each document of a row has one number and no other has it",
    )


def first_tokens(batches: Any, steps: Sequence[int]) -> list[list[int]]:
    """The first token of each row, by step."""
    return [[row[0][0] for row in rows_of(batches, [step]) if row] for step in steps]


@packed_batches.probe("a batch depends on the seed and the step, and on nothing else")
def reproducible(PackedBatches: Any) -> Iterator[Case]:
    documents = numbered([9] * 40)
    forward = first_tokens(call(PackedBatches, documents, 8, 4, 0), range(20))
    asked = [13, 3, 3, 0]
    again = first_tokens(call(PackedBatches, documents, 8, 4, 0), asked)
    changed = [s for s, now in zip(asked, again, strict=True) if now != forward[s]]
    yield Case(changed, [], f"the steps {asked} once more, as those with another batch than before")
    other = first_tokens(call(PackedBatches, documents, 8, 4, 1), range(10))
    yield Case(other != forward[:10], True, "the seeds 0 and 1, as whether their epochs differ")
    differ = forward[:10] != forward[10:]
    yield Case(differ, True, "the epochs 0 and 1, as whether their orders differ")
