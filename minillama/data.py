"""Documents of token ids, and two ways to make batches of them.

A batch is a function of its step number alone. A run that is resumed at step 1,000 therefore sees
what it would have seen anyway, without going through the batches before.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Int64, Integer
from torch import Tensor

from minillama.attention import attention_mask
from minillama.system.npz import read_arrays
from minillama.tokenizer import Tokenizer

PADDING = -1  # the document of a place that holds no token
IGNORED = -100  # the target of such a place: what cross_entropy leaves out of the loss


class Documents:
    """Texts as token ids, one after another in a flat array.

    Document i is `tokens[offsets[i] : offsets[i + 1]]`, from bos to eos, and also `documents[i]`.
    `tokens` is uint16 if all ids fit, else uint32; `offsets` has one entry more than there are
    documents.
    """

    def __init__(
        self, tokens: Integer[np.ndarray, " tokens"], offsets: Integer[np.ndarray, " bounds"]
    ) -> None:
        """Raises ValueError unless the offsets rise from 0 to the number of tokens."""
        ends = offsets[[0, -1]].tolist() if len(offsets) else None
        if ends != [0, len(tokens)] or (offsets[1:] < offsets[:-1]).any():
            raise ValueError("offsets must rise from 0 to the number of tokens")
        self.tokens, self.offsets = tokens, offsets.astype(np.int64)

    @classmethod
    def from_ids(cls, ids: Iterable[Sequence[int] | np.ndarray]) -> "Documents":
        """Lay sequences of ids end to end, each one document."""
        arrays = [np.asarray(document, dtype=np.uint32) for document in ids]
        tokens = np.concatenate([np.empty(0, dtype=np.uint32), *arrays])
        if tokens.max(initial=0) <= np.iinfo(np.uint16).max:
            tokens = tokens.astype(np.uint16)
        return cls(tokens, np.cumsum([0, *map(len, arrays)]))

    @property
    def lengths(self) -> Int64[np.ndarray, " documents"]:
        """How many tokens each document has, bos and eos included."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int | np.integer) -> Integer[np.ndarray, " length"]:
        if not 0 <= i < len(self):
            raise IndexError(f"there is no document {i} among {len(self)}")
        return self.tokens[self.offsets[i] : self.offsets[i + 1]]

    def save(self, path: str | Path) -> None:
        """Write the two arrays to an npz file."""
        with Path(path).open("wb") as file:  # given a name, savez may put ".npz" after it
            np.savez(file, tokens=self.tokens, offsets=self.offsets)

    @classmethod
    def load(cls, path: str | Path) -> "Documents":
        """Read what `save` wrote; raises FileNotFoundError, or ValueError for any other file."""
        arrays = read_arrays(Path(path), "tokens", "offsets")
        if any(array.dtype.kind not in "iu" for array in arrays.values()):
            raise ValueError(f"{path} is damaged: token ids are whole numbers")
        try:
            return cls(**arrays)
        except ValueError as error:
            raise ValueError(f"{path} is damaged: {error}") from None


def documents_from_texts(texts: Iterable[str], tokenizer: Tokenizer) -> Documents:
    """Encode texts, each as one document from bos to eos."""
    texts = iter(texts)
    batches = iter(lambda: list(islice(texts, 1024)), [])
    return Documents.from_ids(
        ids for batch in batches for ids in tokenizer.encode_batch(batch, bos=True, eos=True)
    )


@dataclass(frozen=True)
class Batch:
    """Rows of tokens, and what to predict at each.

    `targets[b, t]` is the token that follows `tokens[b, t]` in its document, or IGNORED.
    `documents[b, t]` is the number of that document, or PADDING, for attention to stay inside it;
    None in place of the whole says that every row is one stretch of text.
    """

    tokens: Int64[Tensor, "batch time"]
    targets: Int64[Tensor, "batch time"]
    documents: Int64[Tensor, "batch time"] | None

    @property
    def mask(self) -> Bool[Tensor, "batch 1 time time"] | None:
        """Which places each place may attend to, for a model's `mask`; None means all before."""
        if self.documents is None:
            return None
        return attention_mask(self.documents.shape[1], self.documents)


class PackedBatches:
    """Batches of whole documents, side by side in rows of `seq_len` places.

    A document of n tokens takes n - 1 places: a token stands in each, and its target is the next
    one. In an epoch every document comes exactly once, and each epoch has the rows in an order of
    its own. A document too long for a row is cut into parts, and no target is lost by that.

    Which documents share a row is decided only once. They do not see each other, and RoPE cannot
    tell where in the row they are, so nothing would be learnt from packing them anew.
    """

    def __init__(self, documents: Documents, seq_len: int, batch_size: int, seed: int) -> None:
        """Raises ValueError if a size is not positive, or no document has anything to predict."""
        _check(seq_len, batch_size, seed)
        self.seq_len, self.batch_size, self.seed = seq_len, batch_size, seed
        self._tokens = documents.tokens

        # A part is (document, first token, places); a document that fits a row is one part.
        parts = [
            (document, begin, min(seq_len, end - 1 - begin))
            for document, (start, end) in enumerate(pairwise(documents.offsets.tolist()))
            for begin in range(start, end - 1, seq_len)
        ]
        if not parts:
            raise ValueError("there is nothing to learn from: no document has two tokens")
        parts = [parts[i] for i in np.random.default_rng(seed).permutation(len(parts))]
        rows = pack([size for _, _, size in parts], seq_len)
        self._rows = [[parts[i] for i in row] for row in rows]

    @property
    def steps_per_epoch(self) -> int:
        """How many batches it takes to see every document once."""
        return -(-len(self._rows) // self.batch_size)

    @property
    def efficiency(self) -> float:
        """The share of the rows' places that hold a token."""
        filled = sum(size for row in self._rows for _, _, size in row)
        return filled / (len(self._rows) * self.seq_len)

    def batch(self, step: int) -> Batch:
        """The batch of a step; steps count from 0."""
        epoch, step = divmod(step, self.steps_per_epoch)
        # Empty rows fill up the last batch. Shuffled with the others, they spread out.
        n_rows = self.steps_per_epoch * self.batch_size
        order = np.random.default_rng([self.seed, epoch]).permutation(n_rows)
        chosen = order[step * self.batch_size : (step + 1) * self.batch_size]

        shape = (self.batch_size, self.seq_len)
        tokens, targets = np.zeros(shape, np.int64), np.full(shape, IGNORED)
        documents = np.full(shape, PADDING)
        for b, row in enumerate(chosen):
            t = 0
            for document, start, size in self._rows[row] if row < len(self._rows) else []:
                tokens[b, t : t + size] = self._tokens[start : start + size]
                targets[b, t : t + size] = self._tokens[start + 1 : start + 1 + size]
                documents[b, t : t + size] = document
                t += size
        return Batch(*map(torch.from_numpy, (tokens, targets, documents)))


def pack(sizes: Sequence[int], capacity: int) -> list[list[int]]:
    """Put items into rows by best fit: each into the fullest row that has room for it.

    Returns the items of each row, as positions in `sizes`; none may be larger than `capacity`.
    Source: Johnson et al. 1974 (doi:10.1137/0203025), who show that best fit needs at most
    17/10 of the rows that the best packing needs; on stories it comes within a few percent.
    """
    rows: list[list[int]] = []
    rows_by_room: dict[int, list[int]] = defaultdict(list)
    rooms: list[int] = []  # for which there are rows, in ascending order
    for item, size in enumerate(sizes):
        i = bisect_left(rooms, size)
        if i == len(rooms):
            row, room = len(rows), capacity
            rows.append([])
        else:
            room = rooms[i]
            row = rows_by_room[room].pop()
            if not rows_by_room[room]:
                rooms.pop(i)
        rows[row].append(item)
        room -= size
        if room > 0:
            if not rows_by_room[room]:
                insort(rooms, room)
            rows_by_room[room].append(row)
    return rows


class WindowBatches:
    """Batches of windows of `seq_len` tokens, cut out of one long text at random."""

    def __init__(
        self, tokens: Integer[np.ndarray, " tokens"], seq_len: int, batch_size: int, seed: int
    ) -> None:
        """Raises ValueError if a size is not positive, or the text too short for one window."""
        _check(seq_len, batch_size, seed)
        if len(tokens) <= seq_len:
            raise ValueError(
                f"the text has {len(tokens)} tokens, too few for a window of {seq_len} and the "
                "target of its last token: take a longer text or a smaller seq_len"
            )
        self.tokens, self.seq_len, self.batch_size, self.seed = tokens, seq_len, batch_size, seed

    def batch(self, step: int) -> Batch:
        """The batch of a step; steps count from 0."""
        rng = np.random.default_rng([self.seed, step])
        starts = rng.integers(len(self.tokens) - self.seq_len, size=(self.batch_size, 1))
        windows = self.tokens[starts + np.arange(self.seq_len + 1)]
        windows = torch.from_numpy(windows.astype(np.int64))
        return Batch(windows[:, :-1], windows[:, 1:], documents=None)


def _check(seq_len: int, batch_size: int, seed: int) -> None:
    if seq_len < 1 or batch_size < 1 or seed < 0:
        raise ValueError(
            "seq_len and batch_size must be at least 1 and seed at least 0, "
            f"but they are {seq_len}, {batch_size} and {seed}"
        )
