"""The sources of text: ToyTown's stories, and text of your own (minillama.training.own_text).

A new kind of source is a new class, and a line in `find_source`.
"""

import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from minillama.data import Documents, PackedBatches
from minillama.tokenizer import Tokenizer
from minillama.training.config import BOTH, TOYTOWN, Plan, language_of
from minillama.training.corpus import VALIDATION_DOCUMENTS, Corpus, Scores
from minillama.training.own_text import OwnText
from minillama.training.source import Source
from minillama.training.vocabulary import given_tokenizer, train_tokenizer

MOST_STORIES = 200_000
TOKENIZER_STORIES = 4000
SHIPPED_TOKENIZER = "tokenizers/toytown"  # the asset to take where no other one is asked for


class ToyTown(Source):
    """Stories of ToyTown, in one language or both in turn. A document is a story, from bos to eos.

    Its training stories are only written when it is known how many a run needs; until then the
    validation stories stand in for them. Batches are whole stories packed into rows.
    """

    def open(self, plan: Plan) -> tuple[Corpus, float]:
        """The validation stories, each with its probability."""
        tokenizer = given_tokenizer(plan, SHIPPED_TOKENIZER)
        if tokenizer is None:
            learned = self.stories("train", TOKENIZER_STORIES, plan.language)
            tokenizer, _ = train_tokenizer(plan, (story.text for story in learned))
        start = time.perf_counter()
        stories = list(self.stories("valid", VALIDATION_DOCUMENTS, plan.language))
        documents = Documents.from_ids(_encoded((story.text for story in stories), tokenizer))
        seconds = (time.perf_counter() - start) / len(documents.tokens)
        # ln 2: a model must also tell which of two languages the story will be in
        choice = np.log(2) if plan.language in (None, BOTH) else 0.0
        nats = [choice - story.log_prob for story in stories]
        scores = Scores.of([story.text for story in stories], nats)
        return Corpus(tokenizer, documents, documents, scores), seconds

    def training(self, corpus: Corpus, plan: Plan) -> Generator[tuple[int, int], None, Documents]:
        """Write as many stories as it takes for the run to see each about once."""
        needed = plan.steps * plan.accumulate * plan.batch_size * plan.seq_len
        n_stories = min(MOST_STORIES, 1 + needed // int(corpus.training.lengths.mean()))
        texts = (story.text for story in self.stories("train", n_stories, plan.language))
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

    def stories(self, split: str, count: int, language: str | None) -> Iterator[Any]:
        """The first stories of a split."""
        from minillama.toytown import story  # as many lines as the rest of minillama together

        return (story(i, language_of(i, language), split) for i in range(count))


def find_source(corpus: str) -> Source:
    """The source that the option `corpus` of a run names."""
    return ToyTown() if corpus == TOYTOWN else OwnText(Path(corpus))


def write_corpus(corpus: Corpus, plan: Plan, folder: Path) -> Iterator[tuple[int, int]]:
    """Make the training documents and save the corpus; yields how many of how many are made."""
    training = yield from find_source(plan.corpus).training(corpus, plan)
    replace(corpus, training=training).save(folder)


def _encoded(texts: Iterable[str], tokenizer: Tokenizer) -> Iterator[np.ndarray]:
    for text in texts:
        yield np.array(tokenizer.encode(text, bos=True, eos=True), dtype=np.uint32)
