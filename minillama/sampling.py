"""Sampling: from a model's logits to tokens, one at a time.

The order in which the logits are transformed is that of Hugging Face's transformers: repetition
penalty, temperature, top-k, top-p.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.machine import threads_for, using_threads
from minillama.model import Llama


def apply_repetition_penalty(
    logits: Float[Tensor, "batch vocab_size"],
    seen: Bool[Tensor, "batch vocab_size"],
    penalty: float | int,
) -> Float[Tensor, "batch vocab_size"]:
    """Make the tokens that were seen less likely (penalty above 1) or more likely (below 1).

    Positive logits are divided by the penalty and negative ones multiplied, so that both fall.
    Source: Keskar et al. 2019 (CTRL), arXiv:1909.05858, section 4.1.
    """
    penalized = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(seen, penalized, logits)


def apply_temperature(
    logits: Float[Tensor, "batch vocab_size"], temperature: float | int
) -> Float[Tensor, "batch vocab_size"]:
    """Divide by the temperature: below 1 the likely tokens gain, above 1 the unlikely ones.

    Source: Ackley, Hinton and Sejnowski 1985, doi:10.1207/s15516709cog0901_7.
    """
    return logits / temperature


def apply_top_k(
    logits: Float[Tensor, "batch vocab_size"], top_k: int
) -> Float[Tensor, "batch vocab_size"]:
    """Keep the `top_k` largest logits, and those equal to the last of them; the rest become -inf.

    Source: Fan et al. 2018, arXiv:1805.04833, section 5.4.
    """
    smallest_kept = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(logits < smallest_kept, -torch.inf)


def apply_top_p(
    logits: Float[Tensor, "batch vocab_size"], top_p: float | int
) -> Float[Tensor, "batch vocab_size"]:
    """Keep the fewest tokens whose probabilities reach `top_p` together; the rest become -inf.

    The token that crosses the line stays, so there is always one. Of equals, the lower ids come
    first. Source: Holtzman et al. 2020, arXiv:1904.09751, section 3.1.
    """
    ordered, ids = logits.sort(descending=True, stable=True)
    probabilities = ordered.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    dropped = torch.zeros_like(logits, dtype=torch.bool).scatter(1, ids, before >= top_p)
    return logits.masked_fill(dropped, -torch.inf)


def next_token_probabilities(
    logits: Float[Tensor, "batch vocab_size"],
    seen: Bool[Tensor, "batch vocab_size"],
    *,
    temperature: float | int = 1.0,
    top_k: int = 0,
    top_p: float | int = 1.0,
    repetition_penalty: float | int = 1.0,
) -> Float[Tensor, "batch vocab_size"]:
    """The distribution to draw the next token from; `seen` marks the tokens of the text so far.

    Temperature 0 is greedy: all probability is on the largest logit (the lowest id of equals).
    """
    if repetition_penalty != 1:
        logits = apply_repetition_penalty(logits, seen, repetition_penalty)
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits)
    if temperature != 1:
        logits = apply_temperature(logits, temperature)
    if top_k > 0:
        logits = apply_top_k(logits, top_k)
    if top_p < 1:
        logits = apply_top_p(logits, top_p)
    return logits.softmax(-1)


def draw(
    probabilities: Float[Tensor, "batch vocab_size"], generators: Sequence[torch.Generator]
) -> Int[Tensor, " batch"]:
    """Draw a token from each row, with the row's own source of randomness.

    The probabilities, laid end to end, cover the line from 0 to 1; the token is the one on whose
    stretch a uniform random point falls. So a row uses one random number a token, and its draws do
    not depend on its neighbours.
    """
    points = torch.cat([torch.rand(1, generator=g, dtype=torch.float64) for g in generators])
    ends = probabilities.double().cumsum(-1)
    # Rounding leaves the last end near 1, not at it. A token of probability 0 is never hit, since
    # the first end beyond the point is sought, and ends do not move where there is no probability.
    return torch.searchsorted(ends, points[:, None] * ends[:, -1:], right=True).squeeze(1)


def generate(
    model: Llama,
    tokens: Sequence[int],
    *,
    max_new_tokens: int = 256,
    temperature: float | int = 1.0,
    top_k: int = 0,
    top_p: float | int = 1.0,
    repetition_penalty: float | int = 1.0,
    stop: Collection[int] = (),
    seed: int | None = None,
) -> Iterator[int]:
    """Continue a prompt, yielding each new token as it is drawn.

    temperature: 0 takes the likeliest token each time, 1 draws from the model's own distribution.
    top_k: draw from that many of the likeliest tokens only; 0 means all.
    top_p: draw from the likeliest tokens that together have this probability; 1 means all.
    repetition_penalty: above 1, tokens already in the text become less likely.
    stop: tokens that end the text; they are not yielded.
    seed: the same seed gives the same text; None draws anew each time.

    Ends after max_new_tokens, or when the text is as long as the model's context. Raises
    ValueError, at once, for a prompt that is empty, longer than the context or not of this
    vocabulary, and for an option outside its range.
    """
    rows = generate_batch(
        model,
        [tokens],
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        repetition_penalty=repetition_penalty,
        stop=stop,
        seed=seed,
    )
    return (token for [token] in rows if token is not None)


def generate_batch(
    model: Llama,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int = 256,
    temperature: float | int = 1.0,
    top_k: int = 0,
    top_p: float | int = 1.0,
    repetition_penalty: float | int = 1.0,
    stop: Collection[int] = (),
    seed: int | None = None,
) -> Iterator[list[int | None]]:
    """Continue several prompts side by side, yielding a list of their next tokens each time.

    A text that has come to a stop token has None from there on; when all have, that is the end.
    Prompts may differ in length. With a seed, row i draws what `generate` would draw for its
    prompt with seed + i; only the context ends for all rows together, with the longest.
    Otherwise like `generate`.
    """
    for name, value, allowed, range_ in (
        ("max_new_tokens", max_new_tokens, max_new_tokens >= 0, "0 or more"),
        ("temperature", temperature, 0 <= temperature < math.inf, "0 (greedy) or more"),
        ("top_k", top_k, top_k >= 0, "0 (all tokens) or more"),
        ("top_p", top_p, 0 < top_p <= 1, "above 0 and at most 1 (all tokens)"),
        ("repetition_penalty", repetition_penalty, 0 < repetition_penalty < math.inf, "above 0"),
    ):
        if not allowed:
            raise ValueError(f"{name} must be {range_}, not {value}")
    _check_prompts(prompts, model.config)
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    options["repetition_penalty"] = repetition_penalty
    # A generator of its own, so that bad input is refused now and not when a token is asked for.
    return _generate(model, prompts, max_new_tokens, frozenset(stop), seed, options)


@torch.inference_mode()
def _generate(
    model: Llama,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    stop: frozenset[int],
    seed: int | None,
    options: dict[str, Any],
) -> Iterator[list[int | None]]:
    weight = model.tok_embeddings.weight
    tokens, documents = _left_pad(prompts, weight.device)
    rows, length = tokens.shape
    max_seq_len = min(length + max_new_tokens, model.config.max_seq_len)
    # Rounded up to a power of two, for compiled decoding: it makes a program for each size.
    room = min(1 << (max_seq_len - 1).bit_length(), model.config.max_seq_len)
    cache = KVCache(model.config, rows, room, weight.dtype, weight.device)
    generators = [torch.Generator() for _ in prompts]
    seen = torch.zeros(rows, model.config.vocab_size, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        generators[row].seed() if seed is None else generators[row].manual_seed(seed + row)
        seen[row, list(prompt)] = True
    latest: list[int | None] = [0] * rows  # None where the row has stopped
    n_parameters = model.n_parameters  # counting them takes a third as long as a small forward

    for _ in range(max_seq_len - length):
        with using_threads(threads_for(tokens.numel(), n_parameters)):
            logits = model(tokens, cache, documents)[:, -1]
        # On the CPU and in float64 whatever the model uses, so that a seed means the same anywhere.
        logits = logits.cpu().double()
        if not logits.isfinite().all():
            raise ValueError("the model computes no numbers: its weights are damaged or diverged")
        chosen = draw(next_token_probabilities(logits, seen, **options), generators)
        latest = [
            None if before is None or token in stop else token
            for before, token in zip(latest, chosen.tolist(), strict=True)
        ]
        if latest == [None] * rows:
            return
        yield latest
        seen[torch.arange(rows), chosen] = True
        tokens, documents = chosen[:, None].to(weight.device), None


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


def _check_prompts(prompts: Sequence[Sequence[int]], config: ModelConfig) -> None:
    if not prompts or any(len(prompt) == 0 for prompt in prompts):
        raise ValueError("the prompt is empty: give at least one token, such as bos")
    for prompt in prompts:
        if len(prompt) > config.max_seq_len:
            raise ValueError(
                f"the prompt has {len(prompt)} tokens, but this model's context ends at "
                f"{config.max_seq_len}: shorten it"
            )
        if not 0 <= min(prompt) <= max(prompt) < config.vocab_size:
            raise ValueError(
                f"the prompt has token ids from {min(prompt)} to {max(prompt)}, but this model's "
                f"run from 0 to {config.vocab_size - 1}: is the tokenizer another model's?"
            )
