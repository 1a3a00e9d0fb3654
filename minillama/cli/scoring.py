"""What `minillama eval` measures: the loss of a model on documents, with a bar."""

from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from minillama.data import Documents
    from minillama.model import Llama
    from minillama.tokenizer import Tokenizer

TOGETHER = 32  # documents that are scored side by side, as in a training's validation
MEASURED = 100_000  # tokens; fewer are scored sooner than it takes to choose the threads
NATS = "the model's surprise: -ln of the probability that it gave to what came"


def load(name: str) -> tuple["Llama", "Tokenizer"]:
    """A model that can be measured, and its tokenizer; raises ValueError for one that cannot."""
    import torch

    import minillama
    from minillama.system.machine import keep_memory
    from minillama.training.vocabulary import check_tokenizer

    model, tokenizer = minillama.load(name, dtype=torch.float32)
    check_tokenizer(tokenizer, f"of {name}")
    known = model.config.vocab_size
    if tokenizer.vocab_size > known:
        raise ValueError(
            f"the model {name} knows {known} tokens and its tokenizer {tokenizer.vocab_size}: "
            "they do not belong together"
        )
    keep_memory()  # as a training does, for the logits of each batch
    return model, tokenizer


def losses(model: "Llama", documents: "Documents", threads: int | None = None) -> list[float]:
    """The loss of each document in nats, with a bar of how many tokens are scored.

    threads: None lets it measure how many are fastest, if there is much to score.
    """
    import torch

    from minillama.data import Documents
    from minillama.evaluate.losses import document_losses
    from minillama.system.machine import fastest, using_threads

    # Documents of like length go together, so that little is computed for padding.
    order = documents.lengths.argsort(kind="stable").tolist()
    nats = [0.0] * len(order)
    total = int((documents.lengths - 1).sum())
    with tqdm(total=total, desc="scoring", unit="token", leave=False, disable=None) as bar:
        if threads is None and total > MEASURED:  # as a training measures which number is fastest
            few = Documents.from_ids(documents[i] for i in order[-4:])
            threads, _ = fastest(lambda dtype: document_losses(model, few), dtype="float32")
        for start in range(0, len(order), TOGETHER):
            chosen = order[start : start + TOGETHER]
            batch = Documents.from_ids(documents[i] for i in chosen)
            with using_threads(threads or torch.get_num_threads()):
                scored = document_losses(model, batch).tolist()
            for i, loss in zip(chosen, scored, strict=True):
                nats[i] = loss
            bar.update(int((batch.lengths - 1).sum()))
    return nats
