"""The plain loop that lessons read: one token at a time. The command uses inference/engine.py.

`generate` is the plain loop. `minillama.generate`, the engine of `minillama.inference`, draws the
same tokens sooner, for one text or many.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from minillama.cache import KVCache
from minillama.config import ModelConfig, Sampling
from minillama.model import Llama
from minillama.transforms import draw, next_token_probabilities


def generate(
    model: Llama,
    tokens: Sequence[int],
    *,
    max_new_tokens: int = 256,
    stop: Collection[int] = (),
    seed: int | None = None,
    **options: Any,
) -> Iterator[int]:
    """Continue a prompt, yielding each new token as it is drawn.

    stop: tokens that end the text; they are not yielded. seed: the same seed gives the same text;
    None draws anew each time. options: of `Sampling`, such as temperature=0.8.

    Ends after max_new_tokens, or when the text is as long as the model's context. Raises
    ValueError, at once, for a prompt that is empty, longer than the context or not of this
    vocabulary, and for an option outside its range.
    """
    check_prompts([tokens], model.config, max_new_tokens)
    longest = min(len(tokens) + max_new_tokens, model.config.max_seq_len)
    return _generate(model, list(tokens), longest, stop, new_generator(seed), Sampling(**options))


@torch.inference_mode()
def _generate(
    model: Llama,
    text: list[int],
    longest: int,
    stop: Collection[int],
    generator: torch.Generator,
    sampling: Sampling,
) -> Iterator[int]:
    weight = model.tok_embeddings.weight
    cache = KVCache(model.config, 1, longest, weight.dtype, weight.device)
    unread = text  # first the whole prompt, then the token just drawn
    while len(text) < longest:
        logits = model(torch.tensor([unread], device=weight.device), cache)[:, -1]
        probabilities = next_token_probabilities(checked_logits(logits), [text], sampling)
        token = int(draw(probabilities, [generator]))
        if token in stop:
            return
        yield token
        text, unread = [*text, token], [token]


def new_generator(seed: int | None) -> torch.Generator:
    """A source of random numbers: the same for the same seed, another each time for None.

    Any whole number is a seed. PyTorch's have 64 bits, so that of a larger one the rest is dropped.
    """
    generator = torch.Generator()
    generator.seed() if seed is None else generator.manual_seed(seed % 2**64)
    return generator


def checked_logits(
    logits: Float[Tensor, "batch vocab_size"],
) -> Float[Tensor, "batch vocab_size"]:
    """Logits on the CPU and in float64 whatever the model uses, so that a seed means the same.

    Raises ValueError where they are NaN or infinite.
    """
    logits = logits.cpu().double()
    if not logits.sum().isfinite():  # in float64, finite ones cannot grow too large together
        raise ValueError("the model computes no numbers: its weights are damaged or diverged")
    return logits


def check_prompts(
    prompts: Sequence[Sequence[int]], config: ModelConfig, max_new_tokens: int = 0
) -> None:
    """Raise ValueError for no prompt, or one that is empty or that the model cannot read."""
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens must be 0 or more, not {max_new_tokens}")
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
