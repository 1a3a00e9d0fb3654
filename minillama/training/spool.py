"""Numbers that arrive in pieces, as one array: in memory while they are few, then in a file."""

import tempfile
from collections.abc import Collection
from itertools import chain
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Integer

from minillama.system.files import writing

IN_MEMORY = 2**26  # bytes


class Spool:
    """An array that grows. Its file has no name: it goes when nothing needs it, however that ends.

    Raises WriteError if the disk with the temporary files is full.
    """

    def __init__(self, dtype: type[np.unsignedinteger]) -> None:
        self.dtype, self._length, self._waiting = dtype, 0, 0
        self._pieces: list[np.ndarray] = []
        self._file: IO[bytes] | None = None

    def add(self, sequences: Collection[Collection[int]]) -> None:
        """Add sequences of numbers, one after another."""
        count = sum(map(len, sequences))
        piece = np.fromiter(chain.from_iterable(sequences), self.dtype, count)
        self._pieces.append(piece)
        self._length, self._waiting = self._length + count, self._waiting + piece.nbytes
        if self._waiting > IN_MEMORY:
            self._write()

    def array(self) -> Integer[np.ndarray, " numbers"]:
        """All that was added, once there is no more; from a file it is mapped, read-only."""
        if self._file is None:
            return np.concatenate([np.empty(0, self.dtype), *self._pieces])
        self._write()
        with self._file:  # which lives on as long as the array
            return np.memmap(self._file, self.dtype, "r", shape=(self._length,))

    def _write(self) -> None:
        with writing(Path(tempfile.gettempdir()) / "token ids"):
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="minillama-")  # noqa: SIM115
            for piece in self._pieces:
                self._file.write(piece.tobytes())
            self._file.flush()
        self._pieces, self._waiting = [], 0
