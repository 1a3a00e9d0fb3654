"""Do minillama and transformers reach the same loss? Only then can their speeds be compared."""

from dataclasses import dataclass, replace

import torch

from minillama.bench.peers import standard_loop, their_model
from minillama.bench.shapes import Shape
from minillama.data import IGNORED, Batch
from minillama.system.machine import using_threads
from minillama.training.checkpoint import new_model
from minillama.training.step import new_training, take_step


@dataclass(frozen=True)
class SameLoss:
    """The losses of both in float32, from the same weights and batches with the same AdamW."""

    shape: str
    ours: list[float]
    theirs: list[float]
    largest_difference: float  # relative


def same_loss(shape: Shape, batches: list[Batch], threads: int = 1) -> SameLoss:
    """Train ours and theirs in float32 from the same weights on the same batches, and compare.

    The learning rate is constant, and nothing decays, since they decay norms too. A row's last
    target is left out, as their loss does.
    """
    plan = replace(
        shape.plan(threads, "float32", "adamw"), lr=1e-3, floor_ratio=1.0, weight_decay=0.0
    )
    training = new_training(new_model(shape.config, 0), plan)
    theirs = their_model(training.model).train()
    group = training.optimizers[0].param_groups[0]
    optimizer = torch.optim.AdamW(
        theirs.parameters(), lr=plan.lr, betas=group["betas"], weight_decay=0.0
    )
    step = standard_loop(theirs, "float32", optimizer, plan.clip)
    with using_threads(threads):
        losses = []
        for batch in batches:
            targets = batch.targets.clone()
            targets[:, -1] = IGNORED
            batch = Batch(batch.tokens, targets, batch.documents)
            losses.append((take_step(training, [batch], plan)[0], step(batch)))
    ours, peers = [list(row) for row in zip(*losses, strict=True)]
    largest = max(abs(a - b) / abs(b) for a, b in losses)
    return SameLoss(shape.name, ours, peers, largest)
