"""The checks of lesson 19's exercises on the cache's memory, and on writing with it."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from minillama.config import ModelConfig
from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call
from minillama.model import Llama

MODULE = "course.exercises.lesson_19"
CONFIG = ModelConfig.preset("tiny", dim=32, vocab_size=40, max_seq_len=32)

tokens_that_fit = Check(
    "tokens_that_fit",
    MODULE,
    hints={"tokens_that_fit": "How many numbers does a token leave in all layers, times bytes?"},
    mistakes=(
        Mistake(
            "keys-only",
            "Only keys are counted. Each token leaves a key *and* a value.",
            {"2 * config.n_layers": "config.n_layers"},
        ),
        Mistake(
            "query-heads",
            "This counts a key for each query head. Heads that share keys keep them once: "
            "n_kv_heads.",
            {"config.n_kv_heads": "config.n_heads"},
        ),
        Mistake(
            "one-layer",
            "One layer is counted. Every layer keeps keys and values of its own.",
            {"config.n_layers * ": ""},
        ),
        Mistake(
            "no-heads",
            "One head is counted. Each of the n_kv_heads keeps vectors of head_dim numbers.",
            {"config.n_kv_heads * ": ""},
        ),
        Mistake(
            "numbers-for-bytes",
            "The numbers are counted and not their bytes: each has bytes_per_number of them.",
            {"(numbers * bytes_per_number)": "numbers"},
        ),
        Mistake(
            "not-whole",
            "A part of a token does not fit: give whole tokens, rounded down (`//`).",
            {"free // ": "free / "},
        ),
        Mistake(
            "rounded-up",
            "This is rounded up, and the last token does not fit any more. Round down.",
            {"free // (numbers * bytes_per_number)": "-(-free // (numbers * bytes_per_number))"},
        ),
    ),
)  # fmt: skip


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


TABLES_FOR_IDS = (
    "The list holds tensors with axes, such as (1, 1), and no ids, so a tokenizer cannot decode "
    "it. The model wants the new token as a table, the list as a number: append `piece.item()`."
)
PIECE = "        piece = logits[:, -1:].argmax(-1)\n"
write_greedily = Check(
    "write_greedily",
    MODULE,
    hints={
        "write_greedily": "A cache for one text. First the prompt through the model, then each "
        "token that was chosen, as a tensor of the shape (1, 1)."
    },
    mistakes=(
        Mistake(
            "read-again",
            "The whole text goes through the model for every token, as without a cache.",
            {"logits = model(piece, cache)":
             "logits = model(torch.tensor([prompt + written]))"},
        ),
        Mistake(
            "added-again",
            "The whole text is given to a cache that holds it already. So it stands there twice, "
            "at later positions. Give the cache what it has not seen: the new token.",
            {"logits = model(piece, cache)":
             "logits = model(torch.tensor([prompt + written]), cache)"},
        ),
        Mistake(
            "new-cache-each-time",
            "After the prompt each token is read alone, without a cache or with a new one, so the "
            "model has forgotten the text: make one cache, before the loop.",
            {"logits = model(piece, cache)":
             "logits = model(piece, KVCache(model.config, batch_size=1))"},
        ),
        Mistake(
            "first-position",
            "The token is chosen by the logits of the first position. The last one predicts what "
            "comes next.",
            {"logits[:, -1:]": "logits[:, :1]"},
        ),
        Mistake(
            "least-likely",
            "This takes the least likely token: argmax gives the likeliest.",
            {".argmax(-1)": ".argmin(-1)"},
        ),
        Mistake(
            "one-too-many",
            "There is one token too many: count those that are written, not the forwards.",
            {"while len(written) < n": "while len(written) <= n"},
        ),
        Mistake(
            "prompt-too",
            "The prompt stands in the result. Only what follows it is asked for.",
            {"return written": "return prompt + written"},
        ),
        Mistake(
            "tables-for-ids",
            TABLES_FOR_IDS,
            {"written.append(piece.item())": "written.append(piece)"},
        ),
        Mistake(
            "reads-the-last",
            "It is the right text, but the last token is read as well: one forward more than "
            "needed, whose logits nobody uses.",
            {"    return written": "    model(piece, cache)\n    return written"},
        ),
        Mistake(
            "prompt-one-by-one",
            "The prompt is read token by token. In one piece it takes a fraction of the time, "
            "since each weight is fetched once for all of it.",
            {PIECE: PIECE, "    while len":
             "    for i in range(len(prompt) - 1):\n"
             "        with torch.inference_mode():\n"
             "            model(piece[:, i : i + 1], cache)\n"
             "    piece = piece[:, -1:]\n"
             "    while len"},
        ),
    ),
)  # fmt: skip


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
        raise Complaint(f"is not right yet. {TABLES_FOR_IDS}", "tables-for-ids")
    return [x.item() if isinstance(x, Tensor) and x.numel() == 1 else x for x in got]
