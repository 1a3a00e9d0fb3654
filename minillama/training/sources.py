"""Sources of text, each a class with everything that differs: ToyTown's stories, and your own.

A new kind of source is a new class here, and a line in `find_source`.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minillama.data import Batch, Documents, PackedBatches, WindowBatches
from minillama.system.assets import asset_path
from minillama.system.files import read_text
from minillama.tokenizer import Tokenizer
from minillama.training.config import TOYTOWN, VOCAB_SIZE, Plan
from minillama.training.corpus import Corpus, Scores
from minillama.training.encoding import Encoder, in_parts
from minillama.training.texts import check_room, hold_out, is_one_text, read_documents
from minillama.weights import find_model

VALIDATION_DOCUMENTS = 512
MOST_STORIES = 200_000
TOKENIZER_STORIES = 4000


class Source(ABC):
    """A source of text; each method is given the plan of a run."""

    shipped_tokenizer: str | None = None  # the asset to take where no other tokenizer is asked for

    @abstractmethod
    def open(self, plan: Plan) -> tuple[Corpus, float]:
        """The corpus as far as it can be had at once, and the seconds to make a training token.

        Raises ValueError or an OSError for a source that cannot be used.
        """

    def training(self, corpus: Corpus, plan: Plan) -> Generator[tuple[int, int], None, Documents]:
        """All training documents; yields how many of how many are made so far."""
        yield from ()  # those of the opened corpus, where nothing is left to make
        return corpus.training

    @abstractmethod
    def batches(self, corpus: Corpus, plan: Plan) -> PackedBatches | WindowBatches:
        """The training batches; `batches.batch(step)` is a pure function of the step."""

    @abstractmethod
    def context(self, corpus: Corpus, plan: Plan, of_model: int) -> int:
        """How many positions the model gets, where the preset or a trained model has `of_model`."""


class ToyTown(Source):
    """Stories of ToyTown, English and Chinese in turn. A document is a story, from bos to eos.

    Its training stories are only written when it is known how many a run needs; until then the
    validation stories stand in for them. Batches are whole stories packed into rows.
    """

    shipped_tokenizer = "tokenizers/toytown"

    def open(self, plan: Plan) -> tuple[Corpus, float]:
        """The validation stories, each with its probability."""
        texts = (story.text for story in self.stories("train", TOKENIZER_STORIES))
        tokenizer = _tokenizer(plan, self, texts)
        start = time.perf_counter()
        stories = list(self.stories("valid", VALIDATION_DOCUMENTS))
        documents = Documents.from_ids(_encoded((story.text for story in stories), tokenizer))
        seconds = (time.perf_counter() - start) / len(documents.tokens)
        # ln 2: a model must also tell which of the two languages the story will be in
        nats = [np.log(2) - story.log_prob for story in stories]
        scores = Scores.of([story.text for story in stories], nats)
        return Corpus(tokenizer, documents, documents, scores), seconds

    def training(self, corpus: Corpus, plan: Plan) -> Generator[tuple[int, int], None, Documents]:
        """Write as many stories as it takes for the run to see each about once."""
        needed = plan.steps * plan.accumulate * plan.batch_size * plan.seq_len
        n_stories = min(MOST_STORIES, 1 + needed // int(corpus.training.lengths.mean()))
        texts = (story.text for story in self.stories("train", n_stories))
        ids: list[np.ndarray] = []
        for document in _encoded(texts, corpus.tokenizer):
            if len(ids) % 1000 == 0:
                yield len(ids), n_stories
            ids.append(document)
        return Documents.from_ids(ids)

    def batches(self, corpus: Corpus, plan: Plan) -> PackedBatches:
        """Whole stories, packed into rows."""
        return PackedBatches(corpus.training, plan.seq_len, plan.batch_size, plan.seed)

    def context(self, corpus: Corpus, plan: Plan, of_model: int) -> int:
        """Room for whole stories; only in characters are some longer than presets allow for."""
        return max(of_model, plan.seq_len, int(corpus.validation.lengths.max()))

    def stories(self, split: str, count: int) -> Iterator[Any]:
        """The first stories of a split."""
        from minillama.toytown import story  # as many lines as the rest of minillama together

        return (story(i, "en" if i % 2 == 0 else "zh", split) for i in range(count))


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
        check_room(self.path)
        if is_one_text(self.path, plan.separator, plan.field):
            return self._open_text(plan), 0.0
        return self._open_documents(plan), 0.0

    def _open_text(self, plan: Plan) -> Corpus:
        text = read_text(self.path)
        cut = len(text) * 9 // 10
        learned, held_out = text[:cut], text[cut:]
        del text  # which is as long as both
        # In one piece: separate lines would be learned with a space before each, which none has.
        tokenizer = _tokenizer(plan, self, [learned])
        encoder = Encoder(tokenizer)
        training = encoder.documents([learned], ends=False)
        if len(training.tokens) <= plan.seq_len:
            raise ValueError(
                f"{self.path} is too short: nine tenths of it are {len(training.tokens)} tokens, "
                f"and a row takes {plan.seq_len + 1}; give a longer text"
            )
        ids = encoder.documents([held_out], ends=False).tokens
        windows = [ids[i : i + plan.seq_len] for i in range(0, len(ids), plan.seq_len)]
        chosen = np.random.default_rng(0).permutation(len(windows))[:VALIDATION_DOCUMENTS]
        windows = [windows[i] for i in chosen]
        documents = Documents.from_ids([[tokenizer.bos_id, *ids.tolist()] for ids in windows])
        scores = Scores.of([tokenizer.decode(ids) for ids in windows], [np.nan] * len(windows))
        return Corpus(tokenizer, training, documents, scores)

    def _open_documents(self, plan: Plan) -> Corpus:
        texts = read_documents(self.path, plan.separator, plan.field)
        learned, held_out = hold_out(texts, VALIDATION_DOCUMENTS)
        if not learned:
            separated = "" if plan.separator is None else f" between separators {plan.separator!r}"
            raise ValueError(
                f"there is only one document{separated} in {self.path}, and it takes two that "
                "differ: one to learn from and one to validate on"
            )
        tokenizer = _tokenizer(plan, self, learned)
        encoder = Encoder(tokenizer)
        training = encoder.documents(learned)
        parts = in_parts(encoder.documents(held_out), plan.seq_len)
        chosen = np.random.default_rng(0).permutation(len(parts))[:VALIDATION_DOCUMENTS]
        parts = [parts[i] for i in chosen]
        told = ["".join(tokenizer.stream(part[1:], after=part[:1])) for part in parts]
        scores = Scores.of(told, [np.nan] * len(parts))
        return Corpus(tokenizer, training, Documents.from_ids(parts), scores)

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


def find_source(corpus: str) -> Source:
    """The source that the option `corpus` of a run names."""
    return ToyTown() if corpus == TOYTOWN else OwnText(Path(corpus))


def write_corpus(corpus: Corpus, plan: Plan, folder: Path) -> Iterator[tuple[int, int]]:
    """Make the training documents and save the corpus; yields how many of how many are made."""
    training = yield from find_source(plan.corpus).training(corpus, plan)
    replace(corpus, training=training).save(folder)


def _tokenizer(plan: Plan, source: Source, texts: Iterable[str]) -> Tokenizer:
    """The tokenizer that the plan names: a model's, one in a folder, shipped, or trained now."""
    if plan.init_from is not None:
        tokenizer = Tokenizer.load(find_model(plan.init_from))
    elif plan.tokenizer not in ("bpe", "char"):
        tokenizer = Tokenizer.load(plan.tokenizer)
    elif source.shipped_tokenizer and (plan.tokenizer, plan.vocab_size) == ("bpe", None):
        tokenizer = Tokenizer.load(asset_path(source.shipped_tokenizer))
    else:
        tokenizer = Tokenizer.train(texts, plan.vocab_size or VOCAB_SIZE, plan.tokenizer)
    check_tokenizer(tokenizer, f"of {plan.init_from}" if plan.init_from else plan.tokenizer)
    return tokenizer


def check_tokenizer(tokenizer: Tokenizer, name: str) -> None:
    """Raise ValueError for a tokenizer, of this name, that cannot begin and end documents."""
    if min(tokenizer.bos_id, tokenizer.eos_id) < 0:
        raise ValueError(
            f"the tokenizer {name} has no begin and end of text (bos and eos), which every "
            "document needs: take one that has"
        )


def _encoded(texts: Iterable[str], tokenizer: Tokenizer) -> Iterator[np.ndarray]:
    for text in texts:
        yield np.array(tokenizer.encode(text, bos=True, eos=True), dtype=np.uint32)
