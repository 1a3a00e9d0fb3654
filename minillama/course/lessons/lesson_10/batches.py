"""The checks of windows cut out of one long text, of packing, and of packed documents."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import agrees, examples
from minillama.course.complaint import Complaint
from minillama.data import IGNORED, PADDING, Documents


def fields(batch: Any) -> tuple[Tensor, Tensor, Any]:
    """The tokens, targets and documents of a batch that an answer made."""
    for name in ("tokens", "targets"):
        field = getattr(batch, name, None)
        if not isinstance(field, Tensor):
            cause = (
                "Make a tensor of each array with torch.from_numpy, and put all three into a Batch."
            )
            gives = f"gives a {type(batch).__name__}. A Batch of tensors is right."
            raise Complaint(gives, cause=cause)
        if field.dtype != torch.int64:
            raise Complaint(f"gives {name} that are not torch.int64, as embeddings need them.")
    return batch.tokens, batch.targets, batch.documents


def starts(batches: Any, steps: Sequence[int]) -> list[list[int]]:
    """The first token of each row, by step; not by `call`, which would reset the randomness."""
    return [fields(batches.batch(step))[0][:, 0].tolist() for step in steps]


def reproducible(check: Check, make: Callable[[Any, int], Any]) -> None:
    """The probe of batches that `make` makes of an answer and a seed."""

    @check.probe("a batch depends on the seed and the step, and on nothing else")
    def probe(answer: Any) -> Iterator[Case]:
        forward, asked = starts(make(answer, 0), range(20)), [13, 1, 1, 0]
        again = starts(make(answer, 0), asked)
        changed = [s for s, now in zip(asked, again, strict=True) if now != forward[s]]
        example = f"the steps {asked} once more, as those with another batch than before"
        yield Case(changed, [], example)
        yield Case(len({*map(tuple, forward)}), 20, "20 steps, as how many batches differ")
        other = starts(make(answer, 1), range(20))
        both = [step for step in range(20) if other[step] in forward]
        yield Case(both, [], "the seeds 0 and 1, as the steps of one with a batch of the other")


window_batches = Check("WindowBatches", "data")


def windows(WindowBatches: Any, length: int, seq_len: int, batch_size: int, seed: int = 0) -> Any:
    """An answer's batches of a text in which every token is its own position."""
    return call(WindowBatches, np.arange(length, dtype=np.uint16), seq_len, batch_size, seed)


@window_batches.probe("each target is the token that follows")
def following(WindowBatches: Any) -> Iterator[Case]:
    tokens, targets, documents = fields(call(windows(WindowBatches, 100, 3, 2).batch, 0))
    example, steps = "the text 0, 1, 2 ... 99, seq_len 3 and batch_size 2", torch.arange(3)
    apart, ahead = tokens - tokens[:, :1], targets - tokens
    yield Case(apart, steps.expand(2, 3), f"{example}, as tokens less the first of their row")
    yield Case(ahead, torch.ones(2, 3).long(), f"{example}, as targets less tokens", "batch time")
    yield Case(documents, None, f"{example}, as documents")


@window_batches.probe("each row of a batch starts at a place of its own")
def own_places(WindowBatches: Any) -> Iterator[Case]:
    rows = torch.tensor(starts(windows(WindowBatches, 10_000, 4, 30), [0])[0]).double()
    example = "30 windows of a text of 10,000 tokens, as whether"
    yield Case(len(rows.unique()) > 20, True, f"{example} more than 20 differ")
    far = (rows.diff().abs() > 50).double().mean().item() > 0.5
    yield Case(far, True, f"{example} most start far from the row before")


reproducible(window_batches, lambda answer, seed: windows(answer, 1000, 8, 4, seed))


@window_batches.probe("windows start anywhere, up to the last place that leaves a target")
def anywhere(WindowBatches: Any) -> Iterator[Case]:
    batches = starts(windows(WindowBatches, 9, 4, 40), range(40))
    places = sorted({place for batch in batches for place in batch})
    yield Case(places, [0, 1, 2, 3, 4], "a text of 9 tokens and seq_len 4, as where windows start")


pack = Check("pack", "data")


def packed(pack: Any, sizes: list[int], capacity: int) -> list[list[int]]:
    """The rows that an answer makes, each sorted: their order does not matter, nor that in them."""
    given = list(sizes)
    rows = call(pack, given, capacity)
    if given != sizes:
        words = "Anyone else who holds that list then sees other numbers: work on a copy."
        raise Complaint(f"changes the list of sizes that it was given. {words}", "in-place")
    try:
        return sorted(sorted(int(item) for item in row) for row in rows)
    except TypeError:
        raise Complaint("gives no list of rows, each a list of positions in `sizes`.") from None


def best_fit(sizes: list[int], capacity: int) -> list[int]:
    """How full the rows of the best fit are, found by looking at every row for every item."""
    rows: list[int] = []
    for size in sizes:
        fitting = [filled for filled in rows if filled + size <= capacity]
        if fitting:
            rows.remove(max(fitting))
        rows.append(max(fitting, default=0) + size)
    return sorted(rows)


def sums(rows: list[list[int]], sizes: list[int]) -> list[int]:
    """How full rows are."""
    return sorted(sum(sizes[item] for item in row if item < len(sizes)) for row in rows)


def some_sizes(n: int, largest: int) -> list[int]:
    return np.random.default_rng(0).integers(1, largest + 1, n).tolist()


# 6 does not fit beside 5. 4 fits beside either and fills the second row, so that 5 fits too.
four = ([5, 6, 4, 5], 10), [[0, 3], [1, 2]]
examples(pack, "four items, by hand", four, (([], 10), []), through=packed)


@pack.probe("every item is in one row, and no row holds more than its capacity")
def every_item(pack: Any) -> Iterator[Case]:
    sizes = some_sizes(30, 10)
    rows, example = packed(pack, sizes, 12), "30 sizes from 1 to 10 and capacity 12, as the"
    items = sorted(item for row in rows for item in row)
    yield Case(items, [*range(30)], f"{example} items of all rows")
    overfull = [filled for filled in sums(rows, sizes) if filled > 12]
    yield Case(overfull, [], f"{example} rows' sums above 12")


def fullness(pack: Any, sizes: list[int], capacity: int) -> list[int]:
    """How full an answer's rows are."""
    got = sums(packed(pack, sizes, capacity), sizes)
    # Taking the items in descending order is best fit as well, and packs a little better.
    better = got == best_fit(sorted(sizes, reverse=True), capacity)
    return best_fit(sizes, capacity) if better else got


some = [(some_sizes(12, 9), 10), (some_sizes(60, 20), 30)]
title = "each item goes into the fullest row that has room"
agrees(pack, title, best_fit, some, through=fullness)

packed_batches = Check("PackedBatches", "data")


def numbered(lengths: Sequence[int]) -> Documents:
    """Documents in which every token is its own position, so that it tells where it is from."""
    offsets = np.cumsum([0, *lengths])
    return Documents(np.arange(offsets[-1]), offsets)


def rows_of(batches: Any, steps: Sequence[int]) -> list[list[tuple[int, ...]]]:
    """The filled places of each row of some steps: token, target and document."""
    rows = []
    for step in steps:
        tokens, targets, documents = fields(batches.batch(step))
        if documents is None or (tokens < 0).any():
            kind = "None for the documents" if documents is None else "tokens below 0"
            raise Complaint(f"gives {kind}.")
        for row in torch.stack((tokens, targets, documents), dim=-1).tolist():
            rows.append([tuple(place) for place in row if place[1:] != [IGNORED, PADDING]])
    return rows


def epochs(title: str, lengths: list[int], seq_len: int, batch_size: int, n_rows: int) -> None:
    """A probe of two epochs of documents of these lengths, in so many rows (0: in some)."""
    owner = np.repeat(np.arange(len(lengths)), lengths).tolist()
    pairs = [(t, t + 1) for t in range(len(owner) - 1) if owner[t] == owner[t + 1]]
    fitting = {n for n, length in enumerate(lengths) if 1 < length <= seq_len + 1}
    sizes = ", ".join(map(str, lengths)) if len(lengths) < 12 else "0 to 39"
    example = f"documents of {sizes} tokens, numbered 0, 1, 2 ..., seq_len {seq_len}, "
    example += f"batch_size {batch_size}, as"

    @packed_batches.probe(title)
    def probe(PackedBatches: Any) -> Iterator[Case]:
        batches = call(PackedBatches, numbered(lengths), seq_len, batch_size, 0)
        size = call(getattr, batches, "steps_per_epoch")
        for epoch in range(2):
            rows = rows_of(batches, range(epoch * size, (epoch + 1) * size))
            came = sorted(place[:2] for row in rows for place in row)
            words = f"{example} whether in epoch {epoch} each pair of a token and its target comes"
            if len(pairs) < 12:
                yield Case(came, pairs, f"{example} the pairs of a token and its target")
            else:
                yield Case(set(came) >= set(pairs), True, words)
                yield Case(came == pairs, True, f"{words} once, and no other")
        places = [
            {(owner[token], document) for token, target, document in row if target != IGNORED}
            for row in rows
        ]
        alone = all(len(dict(row)) == len({n for _, n in row}) == len(row) for row in places)
        words = f"{example} whether each document of a row has one number and no other has it"
        yield Case(alone, True, words)
        found = Counter(document for row in places for document in dict(row))
        whole = all(found[document] == 1 for document in fitting)
        yield Case(whole, True, f"{example} whether each document that fits a row is in one row")
        if n_rows:
            yield Case(size, -(-n_rows // batch_size), f"{example} steps_per_epoch")
            share = len(pairs) / n_rows / seq_len
            yield Case(call(getattr, batches, "efficiency"), share, f"{example} efficiency")


epochs("one document, by hand", [4], 5, 1, n_rows=1)
epochs("two documents in a row know nothing of each other", [3, 3], 6, 1, n_rows=1)
epochs("an epoch has all rows, and each document once", [9] * 10, 8, 4, n_rows=10)
epochs("a document that fits a row stands in one row", [6] * 4, 8, 1, n_rows=4)
epochs("a document too long for a row is cut, and no target is lost", [8, 2], 3, 1, n_rows=3)
lengths = np.random.default_rng(0).integers(0, 40, 40).tolist()
epochs("every target of every document comes once in every epoch", lengths, 30, 1, n_rows=0)
reproducible(packed_batches, lambda answer, seed: call(answer, numbered([9] * 40), 8, 4, seed))
