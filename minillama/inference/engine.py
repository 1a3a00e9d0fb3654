"""The engine behind `minillama generate`: one forward for the next token of one text or of many.

Each row draws what the plain loop, `minillama.sampling.generate`, would draw for its prompt alone.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from minillama.attention import attention_mask
from minillama.cache import KVCache
from minillama.config import Sampling
from minillama.model import Llama
from minillama.sampling import check_prompts, checked_logits, new_generator
from minillama.system.machine import threads_for, using_threads
from minillama.transforms import draw, next_token_probabilities


def generate(model: Llama, tokens: Sequence[int], **options: Any) -> Iterator[int]:
    """Continue a prompt, yielding each new token as it is drawn.

    What it takes, draws and raises is `minillama.sampling.generate`'s. It is quicker where the
    model's steps are small (one thread) or compiled (few sizes of cache).
    """
    rows = generate_batch(model, [tokens], **options)
    return (token for [token] in rows if token is not None)


def generate_batch(
    model: Llama,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int = 256,
    stop: Collection[int] = (),
    seed: int | None = None,
    **options: Any,
) -> Iterator[list[int | None]]:
    """Continue several prompts side by side, yielding a list of their next tokens each time.

    A text that has come to a stop token has None from there on; when all have, that is the end.
    Prompts may differ in length. With a seed, row i draws what `minillama.sampling.generate` would
    draw for its prompt with seed + i; only the context ends for all rows together, with the
    longest. Otherwise like that.
    """
    check_prompts(prompts, model.config, max_new_tokens)
    sampling = Sampling(**options)
    # A generator of its own, so that bad input is refused now and not when a token is asked for.
    return _generate(model, prompts, max_new_tokens, frozenset(stop), seed, sampling)


def continuations(
    model: Llama, prompts: Sequence[Sequence[int]], **options: Any
) -> list[list[int]]:
    """What `generate_batch`, with its options, adds to each of the prompts until all have ended."""
    texts: list[list[int]] = [[] for _ in prompts]
    for tokens in generate_batch(model, prompts, **options):
        for text, token in zip(texts, tokens, strict=True):
            if token is not None:
                text.append(token)
    return texts


@torch.inference_mode()
def _generate(
    model: Llama,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    stop: frozenset[int],
    seed: int | None,
    sampling: Sampling,
) -> Iterator[list[int | None]]:
    weight = model.tok_embeddings.weight
    tokens, documents = _left_pad(prompts, weight.device)
    rows, length = tokens.shape
    longest = min(length + max_new_tokens, model.config.max_seq_len)
    # Rounded up to a power of two, for compiled decoding: it makes a program for each size.
    room = min(1 << (longest - 1).bit_length(), model.config.max_seq_len)
    cache = KVCache(model.config, rows, room, weight.dtype, weight.device)
    generators = [new_generator(None if seed is None else seed + row) for row in range(rows)]
    texts = [list(prompt) for prompt in prompts]
    latest: list[int | None] = [0] * rows  # None where the row has stopped
    n_parameters = model.n_parameters  # counting them takes a third as long as a small forward

    for _ in range(longest - length):
        mask = None if documents is None else attention_mask(tokens.shape[1], documents)
        with using_threads(threads_for(tokens.numel(), n_parameters)):
            logits = checked_logits(model(tokens, cache, mask)[:, -1])
        probabilities = next_token_probabilities(logits, texts, sampling)
        greedy = sampling.temperature == 0  # one token has it all: nothing to draw
        chosen = probabilities.argmax(-1) if greedy else draw(probabilities, generators)
        latest = [
            None if before is None or token in stop else token
            for before, token in zip(latest, chosen.tolist(), strict=True)
        ]
        if latest == [None] * rows:
            return
        yield latest
        for text, token in zip(texts, chosen.tolist(), strict=True):
            text.append(token)
        tokens = chosen[:, None].to(weight.device)
        if documents is not None:  # the new tokens belong to the texts
            documents = torch.cat((documents, documents.new_zeros(rows, 1)), dim=1)


def _left_pad(
    prompts: Sequence[Sequence[int]], device: torch.device
) -> tuple[Int[Tensor, "batch time"], Int[Tensor, "batch time"] | None]:
    """Prompts as rows that end together, and documents: 0 for text, -1 for padding before it."""
    longest = max(map(len, prompts))
    pads = [longest - len(prompt) for prompt in prompts]
    rows = [[0] * pad + list(prompt) for pad, prompt in zip(pads, prompts, strict=True)]
    tokens = torch.tensor(rows, device=device)
    if not any(pads):
        return tokens, None
    documents = [[-1] * pad + [0] * (longest - pad) for pad in pads]
    return tokens, torch.tensor(documents, device=device)
