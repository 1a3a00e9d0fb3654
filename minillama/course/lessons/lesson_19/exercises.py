"""The checks of lesson 19's exercises."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import examples
from minillama.course.complaint import Complaint, Known
from minillama.model import Llama

CONFIG = ModelConfig.preset("tiny", dim=32, vocab_size=40, max_seq_len=32)
SMALL = ModelConfig.preset("tiny", dim=8, n_heads=4, n_kv_heads=2, n_layers=3)
SEVEN, EIGHT = ModelConfig.preset("llama-7b"), ModelConfig.preset("llama-3-8b")

tokens_that_fit = Check("tokens_that_fit")
# 3 layers of 2 heads with a key and a value of 2 numbers: 24 numbers, 48 bytes
examples(
    tokens_that_fit, "LLaMA's numbers, by hand",
    ((SMALL, 100), 2, "3 layers of 2 key-value heads of 2 numbers, 100 bytes free"),
    ((SMALL, 96), 2, "the same with 96 bytes free"),
    ((SMALL, 143), 2, "the same with 143 bytes free"),
    ((SMALL, 1000, 4), 10, "1,000 bytes free and 4 bytes a number"),
    ((SEVEN, 10 * 2**30), 20480, "LLaMA 7B, 10 · 2³⁰ bytes free"),
    ((EIGHT, 10 * 2**30), 81920, "Llama 3 8B, 10 · 2³⁰ bytes free"))  # fmt: skip


def counting() -> tuple[Llama, list[int]]:
    """A small model, and the list in which it notes how many tokens each forward was given."""
    model, sizes = Llama(CONFIG).eval(), list[int]()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)  # so that it does not repeat one token
    forward = model.forward

    def note(tokens: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        sizes.append(tokens.shape[1])
        return forward(tokens, *args, **kwargs)

    vars(model)["forward"] = note
    return model, sizes


@torch.inference_mode()
def follows(model: Llama, prompt: list[int], n: int) -> list[int]:
    """What is right, without any cache."""
    text = list(prompt)
    for _ in range(n):
        text.append(int(model(torch.tensor([text]))[0, -1].argmax()))
    return text[len(prompt) :]


def as_numbers(got: Any) -> Any:
    """Token ids as plain numbers, whether they came as a list, as tensors or as one tensor."""
    if isinstance(got, Tensor):
        got = got.flatten().tolist()
    if not isinstance(got, list | tuple):
        raise Complaint(f"gives a {type(got).__name__}, and a list of token ids is right")
    if any(isinstance(x, Tensor) and x.ndim for x in got):
        raise Known("tables-for-ids")
    return [x.item() if isinstance(x, Tensor) and x.numel() == 1 else x for x in got]


write_greedily = Check("write_greedily")


@write_greedily.probe("the tokens are those of a model that reads everything again")
def written_tokens(f: Any) -> Iterator[Case]:
    for prompt, n in [([3, 1, 4], 1), ([3, 1, 4], 5), ([7], 3), ([2, 7, 1, 8, 2], 8)]:
        (model, sizes), example = counting(), f"the prompt {prompt} and n = {n}"
        got, read = as_numbers(call(f, model, list(prompt), n)), list(sizes)
        right = follows(model, prompt, n)
        if got == right:  # and every token was read once, the prompt in one piece
            words = f"{example}, for how many tokens each forward was given"
            yield Case(read, [len(prompt), *[1] * (n - 1)], words)
        yield Case(got, right, example)


keep_beginning = Check("keep_beginning")


@keep_beginning.probe("what both begin with stays, the rest is read")
def kept(f: Any) -> Iterator[Case]:
    for old, new, shared in [
        ([5, 6, 7, 8], [5, 6, 9, 8], 2), ([5, 6], [5, 6, 7, 8], 2), ([5, 6, 7], [5, 6, 7], 2),
        ([5, 6, 7, 8], [5, 6], 1), ([5, 6], [7, 6, 1], 0), ([5], [5], 0),
        ([4, 5, 6, 4, 5, 6], [4, 5, 6, 4, 7, 6], 4),
    ]:  # fmt: skip
        cache, example = KVCache(CONFIG, 1), f"old = {old} and new = {new}"
        cache.position = len(old)
        got = as_numbers(call(f, cache, list(old), list(new)))
        yield Case(cache.position, shared, f"{example}, for the position")
        yield Case(got, new[shared:], f"{example}, for what must be read")
