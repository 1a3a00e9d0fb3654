"""From logits to the next token: penalties, temperature, top-k, top-p, min-p, and the draw.

`next_token_probabilities` applies them in the order of Hugging Face's transformers: repetition
penalty, no repeated n-grams, temperature, top-k, top-p, min-p.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from minillama.config import Sampling


def apply_repetition_penalty(
    logits: Float[Tensor, "batch vocab_size"],
    seen: Bool[Tensor, "batch vocab_size"],
    penalty: float | int,
) -> Float[Tensor, "batch vocab_size"]:
    """Make tokens that are already in the text less likely (penalty above 1) or more (below 1).

    Positive logits are divided by the penalty and negative ones are multiplied by it, so that a
    penalty above 1 lowers both.
    Source: Keskar et al. 2019 (CTRL), arXiv:1909.05858, section 4.1.
    """
    penalized = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(seen, penalized, logits)


def apply_no_repeat_ngram(
    logits: Float[Tensor, "batch vocab_size"], texts: Sequence[Sequence[int]], size: int
) -> Float[Tensor, "batch vocab_size"]:
    """Ban each token that would complete an n-gram of `size` tokens that its text already has.

    texts: the tokens of each row so far. If every token of a row is banned, none of them is.
    Source: Paulus et al. 2017, arXiv:1705.04304, section 2.5.
    """
    banned = torch.zeros_like(logits, dtype=torch.bool)
    for row, text in enumerate(texts):
        latest = text[len(text) - size + 1 :]
        for start in range(len(text) - size + 1):
            *before, token = text[start : start + size]
            banned[row, token] |= before == list(latest)
    banned &= ~banned.all(-1, keepdim=True)
    return logits.masked_fill(banned, -torch.inf)


def apply_temperature(
    logits: Float[Tensor, "batch vocab_size"], temperature: float | int
) -> Float[Tensor, "batch vocab_size"]:
    """Divide the logits: a temperature below 1 favors likely tokens, one above 1 unlikely ones.

    Source: Ackley, Hinton and Sejnowski 1985, doi:10.1207/s15516709cog0901_7.
    """
    return logits / temperature


def apply_top_k(
    logits: Float[Tensor, "batch vocab_size"], top_k: int
) -> Float[Tensor, "batch vocab_size"]:
    """Keep the `top_k` largest logits and any that tie with the last; the rest become -inf.

    Source: Fan et al. 2018, arXiv:1805.04833, section 5.4.
    """
    smallest_kept = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(logits < smallest_kept, -torch.inf)


def apply_top_p(
    logits: Float[Tensor, "batch vocab_size"], top_p: float | int
) -> Float[Tensor, "batch vocab_size"]:
    """Keep the fewest tokens whose probabilities sum to `top_p` or more; the rest become -inf.

    The token that crosses the threshold stays, so at least one token is left. Among equally
    probable tokens, lower ids come first.
    Source: Holtzman et al. 2020, arXiv:1904.09751, section 3.1.
    """
    ordered, ids = logits.sort(descending=True, stable=True)
    probabilities = ordered.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    dropped = torch.zeros_like(logits, dtype=torch.bool).scatter(1, ids, before >= top_p)
    return logits.masked_fill(dropped, -torch.inf)


def apply_min_p(
    logits: Float[Tensor, "batch vocab_size"], min_p: float | int
) -> Float[Tensor, "batch vocab_size"]:
    """Keep the tokens at least `min_p` times as probable as the top one; the rest become -inf.

    Source: Nguyen et al. 2024, arXiv:2407.01082, section 3.
    """
    probabilities = logits.softmax(-1)
    smallest_kept = min_p * probabilities.amax(-1, keepdim=True)
    return logits.masked_fill(probabilities < smallest_kept, -torch.inf)


def next_token_probabilities(
    logits: Float[Tensor, "batch vocab_size"], texts: Sequence[Sequence[int]], sampling: Sampling
) -> Float[Tensor, "batch vocab_size"]:
    """The distribution to draw the next token from; `texts` holds the tokens of each row so far.

    Temperature 0 is greedy: the largest logit gets all the probability (if several tie, the one
    with the lowest id).
    """
    if sampling.repetition_penalty != 1:
        seen = torch.zeros_like(logits, dtype=torch.bool)
        for row, text in enumerate(texts):
            seen[row, list(text)] = True
        logits = apply_repetition_penalty(logits, seen, sampling.repetition_penalty)
    if sampling.no_repeat_ngram > 0:
        logits = apply_no_repeat_ngram(logits, texts, sampling.no_repeat_ngram)
    if sampling.temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits)
    if sampling.temperature != 1:
        logits = apply_temperature(logits, sampling.temperature)
    if sampling.top_k > 0:
        logits = apply_top_k(logits, sampling.top_k)
    if sampling.top_p < 1:
        logits = apply_top_p(logits, sampling.top_p)
    if sampling.min_p > 0:
        logits = apply_min_p(logits, sampling.min_p)
    return logits.softmax(-1)


def draw(
    probabilities: Float[Tensor, "batch vocab_size"], generators: Sequence[torch.Generator]
) -> Int[Tensor, " batch"]:
    """Draw a token from each row, with the row's own random generator.

    The probabilities, laid end to end, cover the line from 0 to 1. A uniform random point falls on
    the segment of the token that is drawn. So each row uses one random number per token, and its
    draws do not depend on the other rows.
    """
    points = torch.cat([torch.rand(1, generator=g, dtype=torch.float64) for g in generators])
    ends = probabilities.double().cumsum(-1)
    # The last end is 1 only up to rounding, so the points are scaled by it. A token of probability
    # 0 is never drawn: right=True finds the first end *beyond* the point, and its segment is empty.
    return torch.searchsorted(ends, points[:, None] * ends[:, -1:], right=True).squeeze(1)
