"""Solutions of lesson 04, attention."""

import torch

from minillama.attention import attend, causal_mask


def attention_entropy(weights):
    """Entropy in nats of each row: (..., time, keys) to (..., time)."""
    return torch.special.entr(weights).sum(dim=-1)


def prefix_mask(time, prefix):
    """True where a query may look, (time, time): not later, or both in the prefix."""
    in_prefix = torch.arange(time) < prefix
    return causal_mask(time, time) | (in_prefix[:, None] & in_prefix)


def sliding_window_mask(time, keys, window):
    """True where a query may look, (time, keys): at itself and the window - 1 keys before it."""
    position = torch.arange(keys)
    back = position[keys - time :, None] - position  # how far back each key is
    return (back >= 0) & (back < window)


def attend_in_chunks(q, k, v, size):
    """Causal attention of T queries over T keys, `size` queries at a time."""
    chunks = []
    for start in range(0, q.shape[-2], size):
        end = min(start + size, q.shape[-2])
        chunks.append(attend(q[..., start:end, :], k[..., :end, :], v[..., :end, :]))
    return torch.cat(chunks, dim=-2)
