"""Text of your own as a source: one long text, or documents.

It is read in pieces, several times, and never held whole: once to count it, once more for a sample
where a tokenizer is trained, and once to encode it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minillama.data import Batch, Documents, PackedBatches, WindowBatches
from minillama.system.files import text_chunks
from minillama.training.config import Plan
from minillama.training.corpus import VALIDATION_DOCUMENTS, Corpus, Scores
from minillama.training.encoding import Encoder, in_parts
from minillama.training.source import Source
from minillama.training.texts import HeldOut, between, documents_in, is_one_text
from minillama.training.vocabulary import tokenizer_for


@dataclass(frozen=True)
class OwnText(Source):
    """Text in a file or a folder, as one long text or as documents (see minillama.training.texts).

    The last tenth of one long text is never trained on, but cut into documents for validation:
    windows of seq_len tokens after a bos. Batches are random windows. Of documents, which go from
    bos to eos, whole ones are held out, a tenth of the text at most. Batches are whole documents
    packed into rows; where one is longer than a row, it is cut, in validation too.
    """

    path: Path

    def open(self, plan: Plan) -> tuple[Corpus, float]:
        """The whole text, encoded."""
        if is_one_text(self.path, plan.separator, plan.field):
            return self._open_text(plan), 0.0
        return self._open_documents(plan), 0.0

    def _open_text(self, plan: Plan) -> Corpus:
        length = sum(map(len, text_chunks(self.path)))
        cut = length * 9 // 10

        def learned() -> Iterator[str]:
            return between(text_chunks(self.path), 0, cut)

        # In one piece: separate lines would be learned with a space before each.
        tokenizer, notes = tokenizer_for(plan, learned, cut, together=True)
        encoder = Encoder(tokenizer)
        training = encoder.text(learned())
        if len(training.tokens) <= plan.seq_len:
            raise ValueError(
                f"{self.path} is too short: nine tenths of it are {len(training.tokens)} tokens, "
                f"and a row takes {plan.seq_len + 1}; give a longer text"
            )
        ids = encoder.text(between(text_chunks(self.path), cut, length)).tokens
        n_windows = -(-len(ids) // plan.seq_len)
        chosen = np.random.default_rng(0).permutation(n_windows)[:VALIDATION_DOCUMENTS]
        windows = [ids[i * plan.seq_len : (i + 1) * plan.seq_len] for i in chosen]
        documents = Documents.from_ids([[tokenizer.bos_id, *ids.tolist()] for ids in windows])
        scores = Scores.of([tokenizer.decode(ids) for ids in windows], [np.nan] * len(windows))
        return Corpus(tokenizer, training, documents, scores, notes)

    def _open_documents(self, plan: Plan) -> Corpus:
        def documents() -> Iterator[str]:
            return documents_in(self.path, plan.separator, plan.field)

        held_out = HeldOut(documents(), VALIDATION_DOCUMENTS)
        if not held_out.n_learned:
            separated = "" if plan.separator is None else f" between separators {plan.separator!r}"
            raise ValueError(
                f"there is only one document{separated} in {self.path}, and it takes two that "
                "differ: one to learn from and one to validate on"
            )

        def learned() -> Iterator[str]:
            return held_out.others(documents())

        tokenizer, notes = tokenizer_for(plan, learned, held_out.n_characters)
        encoder = Encoder(tokenizer)
        training = encoder.documents(learned())
        parts = in_parts(encoder.documents(held_out.texts), plan.seq_len)
        chosen = np.random.default_rng(0).permutation(len(parts))[:VALIDATION_DOCUMENTS]
        parts = [parts[i] for i in chosen]
        told = ["".join(tokenizer.stream(part[1:], after=part[:1])) for part in parts]
        scores = Scores.of(told, [np.nan] * len(parts))
        return Corpus(tokenizer, training, Documents.from_ids(parts), scores, notes)

    def batches(self, corpus: Corpus, plan: Plan) -> "PackedBatches | OpenedWindows":
        """Documents, packed into rows, or random windows of a text that has none."""
        if corpus.has_documents:
            return PackedBatches(corpus.training, plan.seq_len, plan.batch_size, plan.seed)
        return OpenedWindows(corpus, plan)

    def context(self, corpus: Corpus, plan: Plan, of_model: int) -> int:
        """No more than a row for a new model: other positions would never be trained."""
        return plan.seq_len if plan.init_from is None else max(of_model, plan.seq_len)


class OpenedWindows(WindowBatches):
    """Windows whose first token is replaced by bos, so that a model learns to start from it."""

    def __init__(self, corpus: Corpus, plan: Plan) -> None:
        super().__init__(corpus.training.tokens, plan.seq_len, plan.batch_size, plan.seed)
        self.bos_id = corpus.tokenizer.bos_id

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        batch = super().batch(step)
        batch.tokens[:, 0] = self.bos_id
        return batch
