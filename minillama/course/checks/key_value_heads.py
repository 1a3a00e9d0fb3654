"""The checks of lesson 06's exercises on key-value heads: their cache, and more of them."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.config import ModelConfig
from minillama.course.checking import Check, Mistake
from minillama.course.checks.lesson_06 import MODULE
from minillama.course.probing import Case, call

PER_LAYER = "2 * config.n_kv_heads * config.head_dim"

cache_bytes = Check(
    "cache_bytes",
    MODULE,
    hints={"cache_bytes": "For each token and layer: a key and a value for each key-value head."},
    mistakes=(
        Mistake(
            "keys-only",
            "Only the keys are counted, or only the values. Both are kept: twice as much.",
            {PER_LAYER: "config.n_kv_heads * config.head_dim"},
        ),
        Mistake(
            "query-heads",
            "The query heads are counted. Queries are used once and forgotten; what is kept are "
            "keys and values, for n_kv_heads.",
            {"n_kv_heads": "n_heads"},
        ),
        Mistake(
            "one-layer",
            "This is one layer's. Each layer has keys and values of its own.",
            {" * config.n_layers": ""},
        ),
        Mistake(
            "numbers-not-bytes",
            "This is how many numbers there are. Each takes bytes_per_number bytes.",
            {" * bytes_per_number": ""},
        ),
        Mistake(
            "always-two-bytes",
            "bytes_per_number is not used: it is 2 in bfloat16, but 4 in float32.",
            {"* bytes_per_number": "* 2"},
        ),
        Mistake(
            "full-context",
            "The whole context is counted, max_seq_len. Asked for are so many `tokens`.",
            {"* tokens": "* config.max_seq_len"},
        ),
        Mistake(
            "one-token",
            "This is for one token. Every token leaves its keys and values.",
            {" * tokens": ""},
        ),
        Mistake(
            "dim-for-each-head",
            "Each head is counted as wide as the model. It has head_dim numbers.",
            {"config.head_dim": "config.dim"},
        ),
        Mistake(
            "head-width-forgotten",
            "A key is counted as one number. It has head_dim of them.",
            {" * config.head_dim": ""},
        ),
    ),
)  # fmt: skip


def cache_case(f: Any, config: ModelConfig, tokens: int, size: int, example: str) -> Case:
    # Counted one by one, so that nothing depends on a formula.
    places = sum(2 for _ in range(config.n_layers) for _ in range(config.n_kv_heads))
    right = sum([places * (config.dim // config.n_heads)] * tokens) * size
    args = (config, tokens) if size == 2 else (config, tokens, size)
    return Case(call(f, *args), right, example, rtol=1e-9, atol=0.1)


@cache_bytes.probe("one token of a small model")
def cache_small(f: Any) -> Iterator[Case]:
    config = ModelConfig.preset("tiny")
    example = "the preset tiny (2 layers, 2 key-value heads of 16 numbers) and 1 token"
    yield cache_case(f, config, 1, 2, example)


@cache_bytes.probe("other models, lengths and kinds of number")
def cache_others(f: Any) -> Iterator[Case]:
    for name, tokens, size in (("llama-2-70b", 100, 2), ("llama-7b", 3, 2), ("tiny", 10, 4)):
        config = ModelConfig.preset(name)
        kind = "" if size == 2 else f" and bytes_per_number = {size}"
        yield cache_case(f, config, tokens, size, f"the preset {name}, {tokens} tokens{kind}")


REPEATED = "heads.repeat_interleave(n_heads // len(heads), dim=0).flatten(0, 1)"

more_heads = Check(
    "more_heads",
    MODULE,
    hints={"more_heads": "Cut the rows into heads, repeat whole heads, and join the rows again."},
    mistakes=(
        Mistake(
            "tiled-heads",
            "The heads come as 0 1 0 1. Query heads that are neighbours share one, so each has to "
            "stand several times in a row: 0 0 1 1.",
            {REPEATED: "heads.repeat(n_heads // len(heads), 1, 1).flatten(0, 1)"},
        ),
        Mistake(
            "rows-repeated",
            "Single rows are repeated, so a head has each number several times and the rest of its "
            "numbers go to the next head. Cut the rows into heads, and repeat those.",
            {REPEATED: "weight.repeat_interleave(n_heads // len(heads), dim=0)"},
        ),
        Mistake(
            "n-heads-of-each",
            "Every head is repeated n_heads times. There are to be n_heads in all.",
            {"n_heads // len(heads)": "n_heads"},
        ),
        Mistake(
            "not-repeated",
            "Nothing is repeated: there are as many heads as before.",
            {REPEATED: "heads.flatten(0, 1)"},
        ),
        Mistake(
            "columns-repeated",
            "The columns are repeated, which stand for the numbers of x. Heads are groups of rows.",
            {REPEATED: "weight.repeat_interleave(n_heads // len(heads), dim=1)"},
        ),
        Mistake(
            "not-joined",
            "The heads are an axis of their own. A weight has two axes: join the rows again.",
            {".flatten(0, 1)": ""},
        ),
    ),
)  # fmt: skip


def wider(weight: torch.Tensor, head_dim: int, n_heads: int) -> torch.Tensor:
    """Row by row: which row of the old weight each row of the new one is."""
    group = n_heads // (len(weight) // head_dim)
    rows = [
        head // group * head_dim + place for head in range(n_heads) for place in range(head_dim)
    ]
    return weight[rows]


@more_heads.probe("two heads of two rows become four")
def more_by_hand(f: Any) -> Iterator[Case]:
    weight = torch.tensor([[11.0], [12], [21], [22]])
    right = torch.tensor([[11.0], [12], [11], [12], [21], [22], [21], [22]])
    example = "weight = [[11], [12], [21], [22]], head_dim = 2 and n_heads = 4"
    yield Case(call(f, weight, 2, 4), right, example, "rows dim")


@more_heads.probe("any numbers of them")
def more_sizes(f: Any) -> Iterator[Case]:
    for kv_heads, n_heads, head_dim in ((2, 6, 4), (3, 6, 2), (1, 4, 3), (4, 4, 2)):
        weight = torch.randn(kv_heads * head_dim, 5)
        right = wider(weight, head_dim, n_heads)
        example = f"{kv_heads} heads of {head_dim} rows and n_heads = {n_heads}"
        yield Case(call(f, weight, head_dim, n_heads), right, example, "rows dim")
