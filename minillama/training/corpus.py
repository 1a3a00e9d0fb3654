"""What a run learns from: ToyTown or any text file, made into token ids once and kept in the run.

A run's folder `data` holds `tokenizer.model`, `train.npz` and `valid.npz` (documents), `scores.npz`
(what is known of each validation document). A resumed run reads those and nothing else.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Integer

from minillama.data import Batch, Documents, PackedBatches, WindowBatches
from minillama.system.assets import asset_path
from minillama.system.files import read_text, write_atomically
from minillama.system.npz import read_arrays
from minillama.tokenizer import Tokenizer
from minillama.training.config import Plan
from minillama.weights import find_model

TOYTOWN = "toytown"
VALIDATION_DOCUMENTS = 512  # scored when a run ends; along the way the first QUICK of them
QUICK_DOCUMENTS = 128
MOST_STORIES = 200_000
TOKENIZER_STORIES = 4000
PROMPT_TOKENS = 3


@dataclass(frozen=True)
class Scores:
    """What is known of each validation document, to set its loss in proportion.

    source_nats: the nats that whoever knows ToyTown by heart needs for the document, nan for a
    file; characters, n_bytes: the length of its text.
    """

    source_nats: Float64[np.ndarray, " documents"]
    characters: Float64[np.ndarray, " documents"]
    n_bytes: Float64[np.ndarray, " documents"]


@dataclass(frozen=True)
class Corpus:
    """A corpus ready to train on; `batches.batch(step)` is a pure function of the step.

    Of ToyTown a document is a story, `[bos, ..., eos]`; of a file it is a window of seq_len tokens
    after a bos, cut from the last tenth of the text, which is never trained on.
    """

    tokenizer: Tokenizer
    training: Documents
    validation: Documents
    scores: Scores

    @property
    def floor(self) -> float | None:
        """The least loss any model can reach on the validation set, in nats per token."""
        nats = self.scores.source_nats.sum() / (self.validation.lengths - 1).sum()
        return None if np.isnan(nats) else float(nats)

    @property
    def prompts(self) -> list[list[int]]:
        """The beginnings of the first two validation documents: of ToyTown one English, one not."""
        documents = [self.validation[i] for i in range(min(2, len(self.validation)))]
        return [document[: 1 + PROMPT_TOKENS].tolist() for document in documents]

    def batches(self, plan: Plan) -> "PackedBatches | OpenedWindows":
        """The training batches: whole stories packed into rows, or random windows of a file."""
        sizes = (plan.seq_len, plan.batch_size, plan.seed)
        if plan.corpus == TOYTOWN:
            return PackedBatches(self.training, *sizes)
        return OpenedWindows(self.tokenizer.bos_id, self.training.tokens, *sizes)


class OpenedWindows(WindowBatches):
    """Windows whose first token is replaced by bos, so that a model learns to start from it."""

    def __init__(
        self,
        bos_id: int,
        tokens: Integer[np.ndarray, " tokens"],
        seq_len: int,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__(tokens, seq_len, batch_size, seed)
        self.bos_id = bos_id

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        batch = super().batch(step)
        batch.tokens[:, 0] = self.bos_id
        return batch


def open_corpus(plan: Plan) -> tuple[Corpus, float]:
    """The corpus that the plan names, and how many seconds a training token takes to make.

    ToyTown's training stories are still to be written (by `write_corpus`, when it is known how
    many); its validation stories stand in for them.
    Raises ValueError or an OSError for a file or tokenizer that cannot be used.
    """
    if plan.corpus == TOYTOWN:
        tokenizer = _tokenizer(plan, (story.text for story in _stories("train", TOKENIZER_STORIES)))
        start = time.perf_counter()
        stories = list(_stories("valid", VALIDATION_DOCUMENTS))
        documents = Documents.from_ids(_encoded((story.text for story in stories), tokenizer))
        seconds = (time.perf_counter() - start) / len(documents.tokens)
        # ln 2: a model must also tell which of the two languages the story will be in
        nats = [np.log(2) - story.log_prob for story in stories]
        scores = _scores([story.text for story in stories], nats)
        return Corpus(tokenizer, documents, documents, scores), seconds

    text = read_text(plan.corpus)
    cut = len(text) * 9 // 10
    # In one piece: lines apart would be learnt with a space before each, which they never have.
    tokenizer = _tokenizer(plan, [text[:cut]])
    training, ids = tokenizer.encode(text[:cut]), tokenizer.encode(text[cut:])
    if len(training) <= plan.seq_len:
        raise ValueError(
            f"{plan.corpus} is too short: nine tenths of it are {len(training)} tokens, and a "
            f"row takes {plan.seq_len + 1}; give a longer text"
        )
    windows = [ids[i : i + plan.seq_len] for i in range(0, len(ids), plan.seq_len)]
    chosen = np.random.default_rng(0).permutation(len(windows))[:VALIDATION_DOCUMENTS]
    windows = [windows[i] for i in chosen]
    documents = Documents.from_ids([[tokenizer.bos_id, *window] for window in windows])
    scores = _scores([tokenizer.decode(window) for window in windows], [np.nan] * len(windows))
    return Corpus(tokenizer, Documents.from_ids([training]), documents, scores), 0.0


def write_corpus(corpus: Corpus, plan: Plan, folder: Path) -> Iterator[tuple[int, int]]:
    """Write a corpus from `open_corpus` to `folder`; yields how many of how many stories are done.

    Of ToyTown, so many stories are written that the run sees each about once.
    """
    training = corpus.training
    if plan.corpus == TOYTOWN:
        needed = plan.steps * plan.accumulate * plan.batch_size * plan.seq_len
        n_stories = min(MOST_STORIES, 1 + needed // int(training.lengths.mean()))
        texts = (story.text for story in _stories("train", n_stories))
        ids: list[np.ndarray] = []
        for document in _encoded(texts, corpus.tokenizer):
            if len(ids) % 1000 == 0:
                yield len(ids), n_stories
            ids.append(document)
        training = Documents.from_ids(ids)

    def write(partial: Path) -> None:
        partial.mkdir()
        corpus.tokenizer.save(partial)
        training.save(partial / "train.npz")
        corpus.validation.save(partial / "valid.npz")
        with (partial / "scores.npz").open("wb") as file:
            np.savez(file, **vars(corpus.scores))

    write_atomically(folder, write)


def read_corpus(folder: Path) -> Corpus:
    """Read what `write_corpus` wrote. Raises FileNotFoundError, or ValueError for other files."""
    tokenizer = Tokenizer.load(folder)
    training, validation = (Documents.load(folder / f"{name}.npz") for name in ("train", "valid"))
    names = [field.name for field in fields(Scores)]
    scores = read_arrays(folder / "scores.npz", *names)
    lengths = {len(array) for array in scores.values()}
    ids = np.concatenate([training.tokens, validation.tokens])
    strange = ids.min(initial=0) < 0 or ids.max(initial=0) >= tokenizer.vocab_size
    if lengths != {len(validation)} or strange or not len(validation):
        raise ValueError(f"{folder} is damaged: its files do not belong together")
    return Corpus(tokenizer, training, validation, Scores(**scores))


def _stories(split: str, count: int) -> Iterator[Any]:
    from minillama.toytown import story  # as many lines as the rest of minillama together

    return (story(i, "en" if i % 2 == 0 else "zh", split) for i in range(count))


def _tokenizer(plan: Plan, texts: Iterable[str]) -> Tokenizer:
    """The tokenizer that the plan names: a model's, read from a path, shipped, or now trained."""
    if plan.init_from is not None:
        tokenizer = Tokenizer.load(find_model(plan.init_from))
    elif plan.tokenizer not in ("bpe", "char"):
        tokenizer = Tokenizer.load(plan.tokenizer)
    elif (plan.corpus, plan.tokenizer, plan.vocab_size) == (TOYTOWN, "bpe", None):
        try:
            tokenizer = Tokenizer.load(asset_path("tokenizers/toytown"))
        except FileNotFoundError:
            tokenizer = Tokenizer.train(texts)
    else:
        tokenizer = Tokenizer.train(texts, plan.vocab_size or 2048, plan.tokenizer)
    if min(tokenizer.bos_id, tokenizer.eos_id) < 0:
        raise ValueError(f"the tokenizer {plan.tokenizer} has no begin and end of text")
    return tokenizer


def _encoded(texts: Iterable[str], tokenizer: Tokenizer) -> Iterator[np.ndarray]:
    for text in texts:
        yield np.array(tokenizer.encode(text, bos=True, eos=True), dtype=np.uint32)


def _scores(texts: list[str], source_nats: list[float]) -> Scores:
    lengths = [[len(text), len(text.encode())] for text in texts]
    return Scores(np.array(source_nats, dtype=float), *np.array(lengths, dtype=float).T)
