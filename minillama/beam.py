"""Beam search: of all texts that could follow, look for the most probable ones."""

from collections.abc import Collection, Sequence

import torch

from minillama.cache import KVCache
from minillama.model import Llama
from minillama.sampling import check_prompts, checked_logits


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

    A score is the log-probability divided by the number of tokens, the stop token too, to the power
    of `length_penalty`. Raises ValueError for a prompt or an option that does not fit.
    Source: Wu et al. 2016, arXiv:1609.08144, section 7, with transformers' length penalty.
    """
    check_prompts([tokens], model.config, max_new_tokens)
    if n_beams < 1 or not -10 <= length_penalty <= 10:
        wanted = "give n_beams >= 1 and a length_penalty from -10 to 10"
        raise ValueError(f"{wanted}, not {n_beams} and {length_penalty}")
    longest = min(max_new_tokens, model.config.max_seq_len - len(tokens))
    cache = KVCache(model.config, 1, len(tokens) + longest, device=model.norm.weight.device)
    rows, log_probs = torch.tensor([tokens], device=cache.keys.device), torch.zeros(1)
    beginnings, ended = [list[int]()], list[tuple[list[int], float]]()
    for length in range(1, longest + 1):
        logits = checked_logits(model(rows, cache)[:, -1])
        totals = (log_probs[:, None] + logits.log_softmax(-1)).flatten()
        # So many that n_beams can go on, even if every beginning takes every stop token.
        best, places = totals.topk(min(n_beams * (1 + len(set(stop))), len(totals)))
        going = []
        for rank, (total, place) in enumerate(zip(best.tolist(), places.tolist(), strict=True)):
            parent, token = divmod(place, model.config.vocab_size)
            if token not in stop and length < longest:
                going.append((parent, [*beginnings[parent], token], total))
            elif rank < n_beams:
                ended.append(([*beginnings[parent], token], total / length**length_penalty))
        ended, going = sorted(ended, key=lambda found: -found[1])[:n_beams], going[:n_beams]
        least = (longest if length_penalty > 0 else length + 1) ** length_penalty
        if not going or (len(ended) == n_beams and going[0][2] / least <= ended[-1][1]):
            break
        parents, beginnings = [parent for parent, _, _ in going], [text for _, text, _ in going]
        # Each row of the cache becomes that of the beginning which the row goes on from.
        cache.keys, cache.values = cache.keys[:, parents], cache.values[:, parents]
        rows = torch.tensor([text[-1:] for text in beginnings], device=cache.keys.device)
        log_probs = torch.tensor([total for _, _, total in going], dtype=torch.float64)
    return ended or [([], 0.0)]
