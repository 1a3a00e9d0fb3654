"""The checks of lesson 09's exercises in counting: weights, and FLOPs."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from minillama.config import ModelConfig
from minillama.course import oracles
from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call

MODULE = "course.exercises.lesson_09"

# Counted from the published checkpoints.
PUBLISHED = {
    "llama-7b": 6_738_415_616,
    "llama-13b": 13_015_864_320,
    "llama-33b": 32_528_943_616,
    "llama-65b": 65_285_660_672,
    "llama-2-70b": 68_976_648_192,
    "llama-3-8b": 8_030_261_248,
    "llama-3-70b": 70_553_706_496,
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.2-3b": 3_212_749_824,
}
KV = "2 * config.dim * config.head_dim * (config.n_heads + config.n_kv_heads)"
FF = "3 * config.dim * config.hidden_dim"

count_weights = Check(
    "count_weights",
    MODULE,
    hints={"count_weights": "Embedding, layers, last norm, and the output unless it is tied."},
    mistakes=(
        Mistake(
            "output-forgotten",
            "The output matrix is missing: it is as large as the embedding, and weights of its own "
            "unless they are tied.",
            {" + (0 if config.tie_embeddings else table)": ""},
        ),
        Mistake(
            "tied-twice",
            "A tied output is counted a second time. It is the embedding itself.",
            {"(0 if config.tie_embeddings else table)": "table"},
        ),
        Mistake(
            "tied-the-other-way",
            "The output is counted where it is tied, and not where it has weights of its own.",
            {"(0 if config.tie_embeddings else table)": "(table if config.tie_embeddings else 0)"},
        ),
        Mistake(
            "all-heads-have-keys",
            "wk and wv are counted as large as wq. They have n_kv_heads heads only.",
            {KV: "4 * config.dim * config.n_heads * config.head_dim"},
        ),
        Mistake(
            "no-wo",
            "wo is missing: attention has four matrices, wq, wk, wv and wo.",
            {KV: "config.dim * config.head_dim * (config.n_heads + 2 * config.n_kv_heads)"},
        ),
        Mistake(
            "two-matrices",
            "The feed-forward layer has three matrices: w_gate, w_up and w_down.",
            {FF: "2 * config.dim * config.hidden_dim"},
        ),
        Mistake(
            "four-times-dim",
            "The feed-forward layer is taken to be 4 · dim wide. The config says how wide it is.",
            {FF: "3 * config.dim * 4 * config.dim"},
        ),
        Mistake(
            "norms-forgotten",
            "The norms are missing. They are small, but two in each layer and one at the end.",
            {" + 2 * config.dim": "", " + config.dim +": " +"},
        ),
        Mistake(
            "one-norm-a-layer",
            "Each layer has two norms, one before attention and one before the feed-forward.",
            {" + 2 * config.dim": " + config.dim"},
        ),
        Mistake(
            "no-final-norm",
            "The norm after the last block is missing.",
            {" + config.dim +": " +"},
        ),
        Mistake(
            "one-layer",
            "Only one layer is counted.",
            {"config.n_layers * (": "("},
        ),
        Mistake(
            "biases",
            "Biases are counted. LLaMA's matrices have none.",
            {FF: FF + " + 2 * config.hidden_dim + config.dim"},
        ),
    ),
)  # fmt: skip


@count_weights.probe("a small model, matrix by matrix")
def counted_small(f: Any) -> Iterator[Case]:
    for fields in (
        dict(tie_embeddings=False), dict(tie_embeddings=True), dict(n_kv_heads=1, n_layers=3)
    ):  # fmt: skip
        config = ModelConfig.preset("tiny", n_heads=4, **fields)
        right = sum(math.prod(shape) for shape in oracles.llama_shapes(config).values())
        named = ", ".join(f"{name} = {value}" for name, value in fields.items())
        yield Case(whole(call(f, config)), right, f'the config "tiny" with n_heads = 4, {named}')


@count_weights.probe("the published totals")
def counted_published(f: Any) -> Iterator[Case]:
    for name, right in PUBLISHED.items():
        yield Case(whole(call(f, ModelConfig.preset(name))), right, f'the config "{name}"')


def whole(got: Any) -> Any:
    """A count as an int, also where it came as 7.0 or as a tensor."""
    if isinstance(got, torch.Tensor) and got.numel() == 1:
        got = got.item()
    return int(got) if isinstance(got, float) and got.is_integer() else got


def training(*edits: Mapping[str, str]) -> Iterator[Mistake]:
    """A training step's FLOPs, counted in several ways: by all weights, or without attention."""
    for these in edits:
        yield Mistake(
            "training",
            "This is a training step's: the way back costs twice as much as the forward, so 6 for "
            "each weight. Writing a token needs the forward alone: 2 for each weight that is "
            "multiplied, and attention's products.",
            these,
        )


ATTENTION = "4 * config.n_layers * length * config.n_heads * config.head_dim"
flops_per_token = Check(
    "flops_per_token",
    MODULE,
    hints={
        "flops_per_token": "Two for each weight of each matrix, the output's too; in each layer "
        "and head a dot product with each key, and as much to add up the values."
    },
    mistakes=(
        Mistake(
            "one-per-weight",
            "Multiplications alone are counted. Each weight takes a multiplication and an "
            "addition: two.",
            {"2 * matrices": "matrices"},
        ),
        Mistake(
            "no-attention",
            "The query's products with the keys are missing, and the sum of the values: they have "
            "no weights, and grow with the text.",
            {f" + {ATTENTION}": ""},
        ),
        Mistake(
            "scores-only",
            "Only the scores are counted. Adding up the values takes as much again.",
            {"4 * config.n_layers": "2 * config.n_layers"},
        ),
        Mistake(
            "whole-text",
            "Attention is counted for a query at every position. With a cache there is one query.",
            {"length * config": "length**2 * config"},
        ),
        Mistake(
            "key-value-heads",
            "Scores are counted for the key-value heads. Every *query* head has its own.",
            {ATTENTION: ATTENTION.replace("n_heads", "n_kv_heads")},
        ),
        Mistake(
            "no-output",
            "The output matrix is missing: a logit for each token of the vocabulary. A tied one "
            "is multiplied all the same.",
            {" + config.dim * config.vocab_size": ""},
        ),
        Mistake(
            "embedding-too",
            "The embedding is counted as a product. It is only looked up: one row is copied.",
            {"+ config.dim * config.vocab_size": "+ 2 * config.dim * config.vocab_size"},
        ),
        Mistake(
            "twice-the-weights",
            "This is twice the number of weights. Not all of them are multiplied: norms are no "
            "matrices, the embedding is looked up unless it is the output too. And attention's "
            "products, of queries with keys and of shares with values, have no weights.",
            {f"2 * matrices + {ATTENTION}": "2 * count_weights(config)"},
        ),
        Mistake(
            "all-weights",
            "All weights are counted, and not all are multiplied: norms are no matrices, and the "
            "embedding is looked up unless it is the output too.",
            {"2 * matrices +": "2 * count_weights(config) +"},
        ),
        *training(
            {"2 * matrices": "6 * matrices", ATTENTION: ATTENTION.replace("4 *", "12 *")},
            {f"2 * matrices + {ATTENTION}": "6 * matrices"},
            {f"2 * matrices + {ATTENTION}": "6 * count_weights(config)"},
            {"2 * matrices": "6 * count_weights(config)",
             ATTENTION: ATTENTION.replace("4 *", "12 *")},
        ),
    ),
)  # fmt: skip


@flops_per_token.probe("a small model, counted matrix by matrix")
def flops_small(f: Any) -> Iterator[Case]:
    for fields, length in (
        (dict(tie_embeddings=True), 1), (dict(tie_embeddings=True), 50),
        (dict(tie_embeddings=False, n_kv_heads=1, n_layers=3), 7),
    ):  # fmt: skip
        config = ModelConfig.preset("tiny", n_heads=4, **fields)
        shapes = oracles.llama_shapes(config)
        inside = [s for name, s in shapes.items() if len(s) == 2 and name.startswith("layers")]
        right = sum(2 * math.prod(s) for s in inside) + 2 * config.dim * config.vocab_size
        for _ in range(config.n_layers * config.n_heads * length):
            right += 2 * config.head_dim  # a query with a key
            right += 2 * config.head_dim  # a weight times a value, added up
        named = ", ".join(f"{name} = {value}" for name, value in fields.items())
        got = whole(call(f, config, length))
        yield Case(got, right, f'the config "tiny" with n_heads = 4, {named} and length = {length}')
