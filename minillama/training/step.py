"""One step of learning: the loss of a batch, its gradient, and the change of the weights."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from minillama.data import IGNORED, Batch
from minillama.model import Llama
from minillama.optim import adamw, learning_rate, muon
from minillama.system.machine import precision
from minillama.training.config import Plan


class Diverged(ValueError):
    """A loss, a gradient or a weight has become NaN or infinite."""


@dataclass
class Training:
    """Everything that changes during a run, which is what a checkpoint has to hold."""

    model: Llama
    optimizers: list[torch.optim.Optimizer]
    step: int = 0  # steps taken
    tokens: int = 0  # targets learnt from
    seconds: float = 0.0  # spent training
    lr: float = 0.0  # of the last step


def take_step(training: Training, batches: list[Batch], plan: Plan) -> tuple[float, float]:
    """Learn once from all the batches; returns the loss in nats per token and the gradient's norm.

    However the targets are spread over the batches, the result is that of one large batch, since
    each token's loss is divided by the total number of targets.
    Raises Diverged, before any weight is changed, if the loss or the gradient is NaN or infinite.
    """
    model = training.model
    n_targets = sum(int((batch.targets != IGNORED).sum()) for batch in batches)
    loss = 0.0
    for batch in batches:
        with precision(plan.dtype):
            logits = model(batch.tokens, mask=batch.mask)
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
    """Raise Diverged if a weight is NaN or infinite, since no training can continue from that."""
    for name, parameter in training.model.named_parameters():
        if not parameter.isfinite().all():
            raise Diverged(f"training diverged at step {training.step}: {name} is not finite")


def new_training(model: Llama, plan: Plan) -> Training:
    """A model that has learned nothing yet, with the optimizers that the plan names."""
    if plan.optimizer == "muon":
        return Training(model, muon(model, lr=plan.lr, weight_decay=plan.weight_decay))
    return Training(model, [adamw(model, lr=plan.lr, weight_decay=plan.weight_decay)])
