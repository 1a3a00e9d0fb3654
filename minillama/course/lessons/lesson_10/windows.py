"""The check of batches of windows cut out of one long text."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint

NOT_INT64 = "Tokens and targets are torch.int64: that is what embeddings and cross_entropy take."

window_batches = Check("WindowBatches", "data")


def windows(WindowBatches: Any, length: int, seq_len: int, batch_size: int, seed: int = 0) -> Any:
    """An answer's batches of a text in which every token is its own position."""
    return call(WindowBatches, np.arange(length, dtype=np.uint16), seq_len, batch_size, seed)


def fields(batch: Any) -> tuple[Tensor, Tensor, Any]:
    """The tokens, targets and documents of a batch that an answer made."""
    for name in ("tokens", "targets"):
        field = getattr(batch, name, None)
        if not isinstance(field, Tensor):
            raise Complaint(f"gives a {type(batch).__name__}. A Batch of tensors is right.")
        if field.dtype != torch.int64:
            raise Complaint(f"gives {name} as {field.dtype}. {NOT_INT64}", "not-int64")
    return batch.tokens, batch.targets, batch.documents


@window_batches.probe("each target is the token that follows")
def following(WindowBatches: Any) -> Iterator[Case]:
    batches = windows(WindowBatches, 100, 3, 2)
    tokens, targets, documents = fields(call(batches.batch, 0))
    example = "the text 0, 1, 2 ... 99, seq_len 3 and batch_size 2, as"
    steps = torch.arange(3).expand(2, 3)
    apart = tokens - tokens[:, :1]
    yield Case(apart, steps, f"{example} tokens less the first of their row", "batch time")
    ahead = targets - tokens
    yield Case(ahead, torch.ones_like(steps), f"{example} targets less tokens", "batch time")
    yield Case(documents, None, f"{example} documents")


@window_batches.probe("each row of a batch starts at a place of its own")
def own_places(WindowBatches: Any) -> Iterator[Case]:
    rows = call(windows(WindowBatches, 10_000, 4, 30).batch, 0).tokens[:, 0].double()
    example = "30 windows of a text of 10,000 tokens, as whether"
    yield Case(len(rows.unique()) > 20, True, f"{example} more than 20 differ")
    far = (rows.diff().abs() > 50).double().mean().item() > 0.5
    yield Case(far, True, f"{example} most start far from the row before")


def starts(batches: Any, steps: Any) -> list[list[int]]:
    """Where the windows of some steps start; not by `call`, which would reset the randomness."""
    return [batches.batch(step).tokens[:, 0].tolist() for step in steps]


@window_batches.probe("a batch depends on the seed and the step, and on nothing else")
def reproducible(WindowBatches: Any) -> Iterator[Case]:
    forward = starts(windows(WindowBatches, 1000, 8, 4), range(4))
    asked = [3, 1, 1, 0]
    again = starts(windows(WindowBatches, 1000, 8, 4), asked)
    changed = [s for s, now in zip(asked, again, strict=True) if now != forward[s]]
    yield Case(changed, [], f"the steps {asked} once more, as those with another batch than before")
    yield Case(len({tuple(row) for row in forward}), 4, "4 steps, as how many batches differ")
    other = starts(windows(WindowBatches, 1000, 8, 4, seed=1), range(4))
    both = [step for step in range(4) if other[step] in forward]
    yield Case(both, [], "the seeds 0 and 1, as the steps of one with a batch of the other")


@window_batches.probe("windows start anywhere, up to the last place that leaves a target")
def anywhere(WindowBatches: Any) -> Iterator[Case]:
    batches = windows(WindowBatches, 9, 4, 40)
    places = sorted({start for row in starts(batches, range(40)) for start in row})
    yield Case(places, [0, 1, 2, 3, 4], "a text of 9 tokens and seq_len 4, as where windows start")
