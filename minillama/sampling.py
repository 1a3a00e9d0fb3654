"""Sampling: let a model write, one token at a time, for one text or several side by side."""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.model import Llama
from minillama.system.machine import threads_for, using_threads
from minillama.transforms import draw, next_token_probabilities


def generate(
    model: Llama,
    tokens: Sequence[int],
    *,
    max_new_tokens: int = 256,
    temperature: float | int = 1.0,
    top_k: int = 0,
    top_p: float | int = 1.0,
    min_p: float | int = 0.0,
    repetition_penalty: float | int = 1.0,
    no_repeat_ngram: int = 0,
    stop: Collection[int] = (),
    seed: int | None = None,
) -> Iterator[int]:
    """Continue a prompt, yielding each new token as it is drawn.

    temperature: 0 takes the likeliest token each time, 1 draws from the model's own distribution.
    top_k: draw from that many of the likeliest tokens only; 0 means all.
    top_p: draw from the likeliest tokens that together have this probability; 1 means all.
    min_p: draw from the tokens at least so many times as probable as the likeliest; 0 means all.
    repetition_penalty: above 1, tokens already in the text become less likely.
    no_repeat_ngram: no sequence of so many tokens comes a second time; 0 means that any may.
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
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        no_repeat_ngram=no_repeat_ngram,
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
    min_p: float | int = 0.0,
    repetition_penalty: float | int = 1.0,
    no_repeat_ngram: int = 0,
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
        ("min_p", min_p, 0 <= min_p <= 1, "from 0 (all tokens) to 1"),
        ("repetition_penalty", repetition_penalty, 0 < repetition_penalty < math.inf, "above 0"),
        ("no_repeat_ngram", no_repeat_ngram, no_repeat_ngram >= 0, "0 (any may repeat) or more"),
    ):
        if not allowed:
            raise ValueError(f"{name} must be {range_}, not {value}")
    check_prompts(prompts, model.config)
    options = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "no_repeat_ngram": no_repeat_ngram,
    }
    # A generator of its own, so that bad input is refused now and not when a token is asked for.
    return _generate(model, prompts, max_new_tokens, frozenset(stop), seed, options)


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
    for row, generator in enumerate(generators):
        generator.seed() if seed is None else generator.manual_seed(seed + row)
    texts = [list(prompt) for prompt in prompts]
    latest: list[int | None] = [0] * rows  # None where the row has stopped
    n_parameters = model.n_parameters  # counting them takes a third as long as a small forward

    for _ in range(max_seq_len - length):
        with using_threads(threads_for(tokens.numel(), n_parameters)):
            logits = checked_logits(model(tokens, cache, documents)[:, -1])
        probabilities = next_token_probabilities(logits, texts, **options)
        greedy = options["temperature"] == 0  # one token has it all: nothing to draw
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


def checked_logits(
    logits: Float[Tensor, "batch vocab_size"],
) -> Float[Tensor, "batch vocab_size"]:
    """Logits on the CPU and in float64 whatever the model uses, so that a seed means the same.

    Raises ValueError where they are no numbers.
    """
    logits = logits.cpu().double()
    if not logits.sum().isfinite():  # in float64, finite ones cannot grow too large together
        raise ValueError("the model computes no numbers: its weights are damaged or diverged")
    return logits


def check_prompts(prompts: Sequence[Sequence[int]], config: ModelConfig) -> None:
    """Raise ValueError for no prompt, or one that is empty or that the model cannot read."""
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
