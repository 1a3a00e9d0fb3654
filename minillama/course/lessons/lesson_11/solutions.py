"""Solutions of lesson 11, training."""

import torch
import torch.nn.functional as F

from minillama.data import IGNORED


def cross_entropy_gradient(logits, targets):
    """The gradient, (time, vocab_size), of the mean loss of targets (time,) by the logits."""
    gradient = logits.softmax(dim=-1)
    gradient[torch.arange(len(targets)), targets] -= 1
    return gradient / len(targets)


def accumulate(model, batches):
    """Put the gradient of the mean loss over all targets of the batches into `model`, from
    scratch, with one forward pass a batch; return that loss as a float.
    """
    model.zero_grad()
    n_targets = sum(int((batch.targets != IGNORED).sum()) for batch in batches)
    total = 0.0
    for batch in batches:
        logits = model(batch.tokens, mask=batch.mask).flatten(0, 1)
        loss = F.cross_entropy(
            logits, batch.targets.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        (loss / n_targets).backward()  # adds to the gradients that are there
        total += loss.item() / n_targets
    return total


def clip_by_global_norm(gradients, largest):
    """The tensors, all scaled by one factor so that their norm together is `largest` at most."""
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    factor = min(1.0, largest / float(norm)) if norm > 0 else 1.0
    return [gradient * factor for gradient in gradients]
