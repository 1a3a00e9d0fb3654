"""Solutions of lesson 19, the KV cache."""

import torch

from minillama.cache import KVCache


def tokens_that_fit(config, free, bytes_per_number=2):
    """How many tokens' keys and values fit into `free` bytes: a whole number."""
    numbers = 2 * config.n_layers * config.n_kv_heads * config.head_dim
    return free // (numbers * bytes_per_number)


def write_greedily(model, prompt, n):
    """The `n` token ids (1 or more) that follow `prompt`, a list of ids; likeliest first."""
    cache = KVCache(model.config, batch_size=1)
    piece, written = torch.tensor([prompt]), list[int]()
    while len(written) < n:
        with torch.inference_mode():
            logits = model(piece, cache)
        piece = logits[:, -1:].argmax(-1)
        written.append(piece.item())
    return written


def keep_beginning(cache, old, new):
    """Forget what `new` does not share with `old`; return the ids of `new` still to be read."""
    shared = 0
    while shared < min(len(old), len(new) - 1) and old[shared] == new[shared]:
        shared += 1
    cache.position = shared
    return new[shared:]
