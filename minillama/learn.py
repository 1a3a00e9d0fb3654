"""One step of learning, and two ways to see what was learnt: a loss on unseen text, and samples."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from minillama.corpora import QUICK_DOCUMENTS, Corpus
from minillama.data import IGNORED, Batch, Documents
from minillama.evaluate import bits_per_byte, document_losses
from minillama.events import Validated
from minillama.machine import precision
from minillama.model import Llama
from minillama.optim import adamw, learning_rate, muon
from minillama.recipe import Plan
from minillama.sampling import continuations

SAMPLE_TOKENS = 256  # room for any story of the usual length


class Diverged(ValueError):
    """Training came to a loss, a gradient or a weight that is no number any more."""


@dataclass
class Training:
    """All that changes during a run, and so all that a checkpoint has to hold."""

    model: Llama
    optimizers: list[torch.optim.Optimizer]
    step: int = 0  # steps taken
    tokens: int = 0  # targets learnt from
    seconds: float = 0.0  # spent training
    lr: float = 0.0  # of the last step


def take_step(training: Training, batches: list[Batch], plan: Plan) -> tuple[float, float]:
    """Learn once from the batches together; the loss in nats per token, and the gradient's norm.

    However the targets are spread over the batches, the result is that of one large batch, since
    each token's loss is divided by the number of targets in all.
    Raises Diverged, before any weight is changed, where loss or gradient is no number any more.
    """
    model = training.model
    n_targets = sum(int((batch.targets != IGNORED).sum()) for batch in batches)
    loss = 0.0
    for batch in batches:
        with precision(plan.dtype):
            logits = model(batch.tokens, documents=batch.documents)
        logits, targets = logits.float().flatten(0, 1), batch.targets.flatten()
        share = F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum") / n_targets
        share.backward()  # adds to the gradients that are there
        loss += share.item()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), plan.clip).item()
    if not math.isfinite(loss + norm):
        raise Diverged(
            f"training diverged at step {training.step + 1}: the loss is {loss:.4g} and the "
            f"gradient's norm {norm:.4g}"
        )
    training.lr = learning_rate(
        training.step,
        peak=plan.lr,
        warmup=plan.warmup,
        total=plan.steps,
        floor_ratio=plan.floor_ratio,
    )
    for optimizer in training.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = training.lr
        optimizer.step()
        optimizer.zero_grad()
    training.step += 1
    training.tokens += n_targets
    return loss, norm


def check_weights(training: Training) -> None:
    """Raise Diverged if a weight is no number any more, which then is no state to go on from."""
    for name, parameter in training.model.named_parameters():
        if not parameter.isfinite().all():
            raise Diverged(f"training diverged at step {training.step}: {name} is not finite")


def new_training(model: Llama, plan: Plan) -> Training:
    """A model that has learnt nothing yet, with the optimisers that the plan names."""
    if plan.optimizer == "muon":
        return Training(model, muon(model, lr=plan.lr, weight_decay=plan.weight_decay))
    return Training(model, [adamw(model, lr=plan.lr, weight_decay=plan.weight_decay)])


def validate(training: Training, corpus: Corpus, final: bool = False) -> Validated:
    """The loss on documents never trained on: a fixed few along the way, all at the end.

    The floor is that of the very same documents, so the luck of the draw cancels in the difference.
    Raises Diverged where the loss is no number any more.
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


def write_samples(training: Training, corpus: Corpus) -> list[tuple[str, str]]:
    """What the model makes of the corpus's prompts: pairs of prompt and whole text."""
    added = continuations(
        training.model,
        corpus.prompts,
        max_new_tokens=SAMPLE_TOKENS,
        temperature=0.8,
        stop={corpus.tokenizer.eos_id},
        seed=training.step,
    )
    decode = corpus.tokenizer.decode
    return [
        (decode(prompt), decode([*prompt, *more]))
        for prompt, more in zip(corpus.prompts, added, strict=True)
    ]
