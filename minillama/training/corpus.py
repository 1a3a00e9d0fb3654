"""A corpus ready to train on, and its files in the run folder.

The folder `data` of a run holds the tokenizer in the files that it came in (`tokenizer.model`, or
`tokenizer.json`), `train.npz` and `valid.npz` (documents) and `scores.npz` (what is known about
each validation document). A resumed run reads those and nothing else. Where there are many tokens,
they stay in `train.npz`, and the system reads what a batch asks for. How the files are made from
stories or from text of your own is in minillama.training.sources.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from minillama.data import Documents
from minillama.system.files import write_atomically
from minillama.system.npz import held_bytes, read_arrays
from minillama.tokenizer import Tokenizer
from minillama.weights.tokenizers import load_tokenizer, save_tokenizer

VALIDATION_DOCUMENTS = 512  # at most
QUICK_DOCUMENTS = 128  # of those for validation, scored along the way; all of them at the end
PROMPT_TOKENS = 3
PACKED = 600  # bytes that it takes to remember in which row a document is


@dataclass(frozen=True)
class Scores:
    """What is known about each validation document, to put its loss into proportion.

    source_nats: the nats that someone who knows the source by heart needs for the document, nan
    where nobody knows; characters, n_bytes: the length of its text.
    """

    source_nats: Float64[np.ndarray, " documents"]
    characters: Float64[np.ndarray, " documents"]
    n_bytes: Float64[np.ndarray, " documents"]

    @classmethod
    def of(cls, texts: list[str], source_nats: list[float]) -> "Scores":
        """The scores of documents with these texts."""
        lengths = [[len(text), len(text.encode())] for text in texts]
        return cls(np.array(source_nats, dtype=float), *np.array(lengths, dtype=float).T)


@dataclass(frozen=True)
class Corpus:
    """Documents to learn from and to validate on, as token ids, and the tokenizer that made them.

    What one document is depends on the source: see there. notes: what was decided on the way that
    its user should know, each a sentence; they are not kept in the folder.
    """

    tokenizer: Tokenizer
    training: Documents
    validation: Documents
    scores: Scores
    notes: tuple[str, ...] = ()

    @property
    def floor(self) -> float | None:
        """The lowest loss any model can reach on the validation set, in nats per token."""
        nats = self.scores.source_nats.sum() / (self.validation.lengths - 1).sum()
        return None if np.isnan(nats) else float(nats)

    @property
    def prompts(self) -> list[list[int]]:
        """The beginnings of the first two validation documents, or of parts of them, after bos."""
        documents = [self.validation[i] for i in range(min(2, len(self.validation)))]
        bos = self.tokenizer.bos_id
        return [[bos, *document[1 : 1 + PROMPT_TOKENS].tolist()] for document in documents]

    @property
    def n_bytes(self) -> int:
        """The memory that the documents take, packed into rows; tokens in a file take none."""
        both = (self.training, self.validation)
        held = sum(held_bytes(documents.tokens, documents.offsets) for documents in both)
        return held + PACKED * len(self.training)

    @property
    def has_documents(self) -> bool:
        """Whether the training text is documents, from bos to eos, and not one text without."""
        return self.training.tokens[:1].tolist() == [self.tokenizer.bos_id]

    def save(self, folder: Path) -> None:
        """Write the corpus as a folder, which does not exist yet."""

        def write(partial: Path) -> None:
            partial.mkdir()
            save_tokenizer(self.tokenizer, partial)
            self.training.save(partial / "train.npz")
            self.validation.save(partial / "valid.npz")
            with (partial / "scores.npz").open("wb") as file:
                np.savez(file, **vars(self.scores))

        write_atomically(folder, write)

    @classmethod
    def load(cls, folder: Path) -> "Corpus":
        """Read what `save` wrote. Raises FileNotFoundError, or ValueError for other files."""
        tokenizer = load_tokenizer(folder)
        training, validation = (
            Documents.load(folder / f"{name}.npz") for name in ("train", "valid")
        )
        scores = read_arrays(folder / "scores.npz", *[field.name for field in fields(Scores)])
        lengths = {len(array) for array in scores.values()}
        strange = any(
            ids.min(initial=0) < 0 or ids.max(initial=0) >= tokenizer.vocab_size
            for ids in (training.tokens, validation.tokens)
        )
        if lengths != {len(validation)} or strange or not len(validation):
            raise ValueError(f"{folder} is damaged: its files do not belong together")
        return cls(tokenizer, training, validation, Scores(**scores))
