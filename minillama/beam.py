"""Beam search: of all texts that could follow, look for the most probable ones."""

import math
from collections.abc import Collection, Sequence

import torch

from minillama.cache import KVCache
from minillama.model import Llama
from minillama.sampling import check_prompts, checked_logits
from minillama.system.machine import threads_for, using_threads


@torch.inference_mode()
def beam_search(
    model: Llama,
    tokens: Sequence[int],
    n_beams: int,
    *,
    max_new_tokens: int = 256,
    length_penalty: float | int = 1.0,
    stop: Collection[int] = (),
) -> list[tuple[list[int], float]]:
    """The `n_beams` best continuations of a prompt that were found, best first, with their scores.

    A continuation ends with a stop token, or is as long as allowed. Its score is the logarithm of
    its probability, divided by its number of tokens (the stop token too) to the power of
    `length_penalty`: with 0 short texts win, with 1 it is the mean logarithm of a token.

    Each step goes on from the best `n_beams` beginnings. It is over when none of them can become
    better than the `n_beams` best that have ended, not even if all else that they are allowed to
    write were certain. With one beam and no stop it writes what `generate` writes at temperature 0.
    Raises ValueError for a prompt or an option that does not fit.

    Source: Wu et al. 2016, arXiv:1609.08144, section 7, with transformers' length penalty.
    """
    check_prompts([tokens], model.config)
    if n_beams < 1 or max_new_tokens < 0 or not math.isfinite(length_penalty):
        raise ValueError(
            "n_beams must be 1 or more, max_new_tokens 0 or more, and length_penalty a number, "
            f"not {n_beams}, {max_new_tokens} and {length_penalty}"
        )
    longest = min(max_new_tokens, model.config.max_seq_len - len(tokens))
    weight, n_parameters = model.tok_embeddings.weight, model.n_parameters
    cache = KVCache(model.config, 1, len(tokens) + longest, weight.dtype, weight.device)
    rows = torch.tensor([tokens], device=weight.device)  # what the model reads next
    beginnings, log_probs = [list[int]()], torch.zeros(1, dtype=torch.float64)
    ended: list[tuple[list[int], float]] = []

    for length in range(1, longest + 1):
        with using_threads(threads_for(rows.numel(), n_parameters)):
            logits = checked_logits(model(rows, cache)[:, -1])
        # The log-probability of every beginning with every token after it.
        totals = (log_probs[:, None] + logits.log_softmax(-1)).flatten()
        # So many that n_beams can go on, even if every beginning takes every stop token.
        best, places = totals.topk(min(n_beams * (1 + len(set(stop))), len(totals)))
        going = []
        for rank, place in enumerate(places.tolist()):
            total, (parent, token) = best[rank].item(), divmod(place, model.config.vocab_size)
            text = [*beginnings[parent], token]
            if token not in stop and length < longest:
                going.append((parent, text, total))
            elif rank < n_beams:
                ended.append((text, total / length**length_penalty))
        ended = sorted(ended, key=lambda found: -found[1])[:n_beams]
        going = going[:n_beams]
        if not going:
            break
        # The best that could come of them: no further token costs anything.
        at_length = longest if length_penalty > 0 else length + 1
        hope = going[0][2] / at_length**length_penalty
        if len(ended) == n_beams and hope <= ended[-1][1]:
            break
        parents = [parent for parent, _, _ in going]
        beginnings = [text for _, text, _ in going]
        log_probs = torch.tensor([total for _, _, total in going], dtype=torch.float64)
        rows = torch.tensor([text[-1:] for text in beginnings], device=weight.device)
        # Each row of the cache becomes that of the beginning which the row goes on from.
        cache.keys, cache.values = cache.keys[:, parents], cache.values[:, parents]
        cache.batch_size = len(parents)
    return ended or [([], 0.0)]
