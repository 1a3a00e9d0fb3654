"""The check of batches of windows cut out of one long text."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call

NOT_INT64 = "Tokens and targets are torch.int64: that is what embeddings and cross_entropy take."

window_batches = Check(
    "WindowBatches",
    "data",
    hints={
        "__init__": "Check the sizes, and that the text is longer than seq_len. Keep all four.",
        "batch": "A generator of random numbers made from the seed and the step alone; a start for "
        "each row, anywhere from 0 to len(tokens) - seq_len - 1; seq_len + 1 tokens from each "
        "start on. All but the last are the tokens, all but the first the targets.",
    },
    mistakes=(
        Mistake(
            "targets-not-shifted",
            "The targets are the tokens themselves. What is to be predicted at each place is the "
            "next token: a model that copies would have a loss of 0.",
            {"windows[:, 1:]": "windows[:, :-1]"},
        ),
        Mistake(
            "shifted-twice",
            "The targets are two tokens ahead. At each place it is the next token that counts.",
            {"self.seq_len + 1)": "self.seq_len + 2)", "len(self.tokens) - self.seq_len":
             "len(self.tokens) - self.seq_len - 1", "windows[:, :-1]": "windows[:, :-2]",
             "windows[:, 1:]": "windows[:, 2:]"},
        ),
        Mistake(
            "shifted-back",
            "The targets are the tokens before, and not the next ones.",
            {"windows[:, :-1], windows[:, 1:]": "windows[:, 1:], windows[:, :-1]"},
        ),
        Mistake(
            "rolled",
            "The targets are the tokens rolled by one, so that the last target of a row is its "
            "first token. It is the token that follows the window.",
            {"windows[:, 1:]": "windows[:, :-1].roll(-1, 1)"},
        ),
        Mistake(
            "too-short",
            "The rows are one token shorter than seq_len: cut seq_len + 1 tokens, since the last "
            "place needs a target too.",
            {"self.seq_len + 1)": "self.seq_len)"},
        ),
        Mistake(
            "last-window-missed",
            "The last window is never drawn, so the last token of the text is never predicted. "
            "The upper end that `integers` is given is left out already.",
            {"len(self.tokens) - self.seq_len,": "len(self.tokens) - self.seq_len - 1,"},
        ),
        Mistake(
            "first-window-missed",
            "The first window is never drawn: starts count from 0.",
            {"rng.integers(len": "rng.integers(1, len"},
        ),
        Mistake(
            "past-the-end",
            "Windows may start where the text is too short for them and their last target.",
            {"len(self.tokens) - self.seq_len,": "len(self.tokens) - self.seq_len + 1,"},
        ),
        Mistake(
            "only-whole-multiples",
            "Windows start at multiples of seq_len only. They are cut out anywhere, so that every "
            "token is met in every place of a window.",
            {"rng.integers(len(self.tokens) - self.seq_len, size=(self.batch_size, 1))":
             "self.seq_len * rng.integers((len(self.tokens) - 1) // self.seq_len, "
             "size=(self.batch_size, 1))"},
        ),
        Mistake(
            "one-window",
            "All rows of a batch are the same window: each needs a start of its own.",
            {"size=(self.batch_size, 1))":
             "size=(1, 1)) + np.zeros((self.batch_size, 1), np.int64)"},
        ),
        Mistake(
            "neighbours",
            "The rows of a batch follow each other in the text. Each needs a start of its own, "
            "anywhere in the text.",
            {"size=(self.batch_size, 1))":
             "size=(1, 1)) + np.arange(self.batch_size)[:, None]",
             "self.tokens[starts": "self.tokens[starts % (len(self.tokens) - self.seq_len)"},
        ),
        Mistake(
            "same-every-step",
            "Every step has the same batch: the step has to go into the seed.",
            {"[self.seed, step]": "[self.seed]"},
        ),
        Mistake(
            "same-every-seed",
            "Every seed gives the same batches: the seed is not used.",
            {"[self.seed, step]": "[step]"},
        ),
        Mistake(
            "seed-plus-step",
            "Seed and step are added up, so seed 1 at step 0 has the batch of seed 0 at step 1: "
            "two runs with other seeds see the same batches. Give the generator both numbers.",
            {"[self.seed, step]": "self.seed + step"},
        ),
        Mistake(
            "depends-on-calls",
            "A batch depends on how many were made before. A run that goes on at step 1,000 would "
            "see other batches than one that was never stopped: make a generator from the seed "
            "and the step each time.",
            {"rng = np.random.default_rng([self.seed, step])":
             "self._rng = rng = getattr(self, '_rng', None) or np.random.default_rng(self.seed)"},
        ),
        Mistake(
            "unseeded",
            "The random numbers have no seed, so every run sees other batches, and nothing can be "
            "repeated.",
            {"default_rng([self.seed, step])": "default_rng()"},
        ),
        Mistake(
            "not-int64",
            NOT_INT64,
            {"windows.astype(np.int64)": "windows"},
        ),
        Mistake(
            "documents-given",
            "The batch has documents. A window has none that are known: None says that a row is "
            "one stretch of text, and lets attention take its fast way.",
            {"documents=None": "documents=torch.zeros_like(windows[:, 1:])"},
        ),
    ),
)  # fmt: skip


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
