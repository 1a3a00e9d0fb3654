"""A small training in one call, for an experiment that needs a model which has learned a little."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from minillama.data import IGNORED, Documents, PackedBatches
from minillama.model import Llama


def train_briefly(
    model: Llama,
    documents: Documents,
    *,
    steps: int,
    lr: float = 1e-2,
    batch_size: int = 2,
    seq_len: int = 128,
    seed: int = 0,
) -> Float[Tensor, " steps"]:
    """Train a model on documents with AdamW at a constant learning rate; returns all losses.

    A loss is in nats per token, of its batch and before the step. Each batch holds `batch_size`
    rows of whole documents, side by side in at most `seq_len` places.
    """
    batches = PackedBatches(documents, seq_len, batch_size, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, fused=True)
    losses = []
    for step in range(steps):
        batch = batches.batch(step)
        logits = model(batch.tokens, mask=batch.mask)
        loss = F.cross_entropy(logits.mT, batch.targets, ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses)
