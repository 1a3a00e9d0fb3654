"""The checks of lesson 19's exercises on the cache's memory, and on writing with it."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from minillama.config import ModelConfig
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint, Known
from minillama.model import Llama

MODULE = "course.lessons.lesson_19.solutions"
CONFIG = ModelConfig.preset("tiny", dim=32, vocab_size=40, max_seq_len=32)

tokens_that_fit = Check("tokens_that_fit")


@tokens_that_fit.probe("LLaMA's numbers, by hand")
def fit_by_hand(f: Any) -> Iterator[Case]:
    small = ModelConfig.preset("tiny", dim=8, n_heads=4, n_kv_heads=2, n_layers=3)
    # 3 layers of 2 heads with a key and a value of 2 numbers: 24 numbers, 48 bytes
    yield Case(call(f, small, 100), 2, "3 layers of 2 key-value heads of 2 numbers, 100 bytes free")
    yield Case(call(f, small, 96), 2, "the same with 96 bytes free")
    yield Case(call(f, small, 143), 2, "the same with 143 bytes free")
    yield Case(call(f, small, 1000, 4), 10, "1,000 bytes free and 4 bytes a number")
    seven = ModelConfig.preset("llama-7b")
    yield Case(call(f, seven, 10 * 2**30), 20480, "LLaMA 7B, 10 · 2³⁰ bytes free")
    shared = ModelConfig.preset("llama-3-8b")
    yield Case(call(f, shared, 10 * 2**30), 81920, "Llama 3 8B, 10 · 2³⁰ bytes free")


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


write_greedily = Check("write_greedily")


@write_greedily.probe("the tokens are those of a model that reads everything again")
def written_tokens(f: Any) -> Iterator[Case]:
    for prompt, n in [([3, 1, 4], 1), ([3, 1, 4], 5), ([7], 3), ([2, 7, 1, 8, 2], 8)]:
        model, sizes = counting()
        got, read = as_numbers(call(f, model, list(prompt), n)), list(sizes)
        right = follows(model, prompt, n)
        if got == right:
            yield from forwards(read, prompt, n)
        yield Case(got, right, f"the prompt {prompt} and n = {n}")


def forwards(sizes: list[int], prompt: list[int], n: int) -> Iterator[Case]:
    """The text is right; was every token read once, and the prompt at once?"""
    fine = [len(prompt), *[1] * (n - 1)]
    example = f"the prompt {prompt} and n = {n}, for how many tokens each forward was given"
    yield Case(sizes, fine, example)


def as_numbers(got: Any) -> Any:
    """Token ids as plain numbers, whether they came as a list, as tensors or as one tensor."""
    if isinstance(got, Tensor):
        got = got.flatten().tolist()
    if not isinstance(got, list | tuple):
        raise Complaint(f"gives a {type(got).__name__}, and a list of token ids is right")
    if any(isinstance(x, Tensor) and x.ndim for x in got):
        raise Known("tables-for-ids")
    return [x.item() if isinstance(x, Tensor) and x.numel() == 1 else x for x in got]
