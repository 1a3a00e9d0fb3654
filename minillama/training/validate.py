"""Two ways to see what a training has learned: the loss on unseen text, and samples."""

import math

from minillama.data import Documents
from minillama.evaluate.losses import bits_per_byte, document_losses
from minillama.inference.engine import continuations
from minillama.training.corpus import QUICK_DOCUMENTS, Corpus
from minillama.training.events import Validated
from minillama.training.step import Diverged, Training

SAMPLE_TOKENS = 256  # room for any story of the usual length
FEW_TOKENS = 64  # of the one sample at the start of a run


def validate(training: Training, corpus: Corpus, final: bool = False) -> Validated:
    """The loss on documents never trained on: a fixed few along the way, all at the end.

    The floor is that of the very same documents, so the luck of the draw cancels in the difference.
    Raises Diverged if the loss is NaN or infinite.
    """
    n = len(corpus.validation) if final else min(QUICK_DOCUMENTS, len(corpus.validation))
    offsets = corpus.validation.offsets[: n + 1]
    documents = Documents(corpus.validation.tokens[: offsets[-1]], offsets)
    nats = float(document_losses(training.model, documents).sum())
    n_targets = int((documents.lengths - 1).sum())
    if not math.isfinite(nats):
        raise Diverged(f"training diverged by step {training.step}: the validation loss is {nats}")
    floor = float(corpus.scores.source_nats[:n].sum())
    known = not math.isnan(floor)
    return Validated(
        step=training.step,
        tokens=training.tokens,
        seconds=training.seconds,
        documents=n,
        loss=nats / n_targets,
        floor=floor / n_targets if known else None,
        nats_per_document=nats / n,
        floor_per_document=floor / n if known else None,
        excess=(nats - floor) / n if known else None,
        ratio=nats / floor if known else None,
        nats_per_character=nats / float(corpus.scores.characters[:n].sum()),
        bits_per_byte=bits_per_byte(nats, int(corpus.scores.n_bytes[:n].sum())),
    )


def write_samples(
    training: Training, corpus: Corpus, steps: int | None = None
) -> list[tuple[str, str]]:
    """How the model continues the corpus's prompts: pairs of prompt and whole text.

    steps: of the run; in the first third of them, where a model writes little that is worth
    reading, there is only the first prompt, and what follows it is short.
    """
    first = steps is not None and training.step < steps / 3
    prompts = corpus.prompts[: 1 if first else None]
    added = continuations(
        training.model,
        prompts,
        max_new_tokens=FEW_TOKENS if first else SAMPLE_TOKENS,
        temperature=0.8,
        stop=corpus.tokenizer.eos_ids,
        seed=training.step,
    )
    decode = corpus.tokenizer.decode
    return [
        (decode(prompt), decode([*prompt, *more]))
        for prompt, more in zip(prompts, added, strict=True)
    ]
