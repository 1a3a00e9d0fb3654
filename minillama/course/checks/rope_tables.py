"""The check of RoPE's tables, angle by angle in float64."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from minillama.config import ModelConfig, RopeScaling
from minillama.course import oracles
from minillama.course.checking import Check, Mistake
from minillama.course.checks.rope_frequencies import LLAMA3, placed, shape
from minillama.course.checks.rope_frequencies_mistakes import (
    DEVICE_FORGOTTEN,
    EXPONENT_WITHOUT_2,
    SCALING_IGNORED,
    THETA_IGNORED,
)
from minillama.course.probing import Case, Complaint, call

rope_tables = Check(
    "rope_tables",
    "rope",
    hints={
        "rope_tables": "The angle of a position and a pair is their product (torch.outer of "
        "positions, from 0, and rope_frequencies). Give the cosines and the sines, in float32.",
    },
    mistakes=(
        Mistake(
            "starts-at-1",
            "Positions are counted from 1. The first position is 0 and turns nothing; one table "
            "row too far, and a cache that counts from 0 no longer fits.",
            {"torch.arange(config.max_seq_len,": "torch.arange(1, config.max_seq_len + 1,"},
        ),
        Mistake(
            "swapped",
            "The sines come first. Whoever unpacks `cos, sin` gets them exchanged, and position 0 "
            "is turned by a quarter.",
            {"return angles.cos(), angles.sin()": "return angles.sin(), angles.cos()"},
        ),
        Mistake(
            "backwards",
            "The angles are negative, so everything turns backwards: a key before the query looks "
            "like one after it.",
            {"torch.outer(positions": "torch.outer(-positions"},
        ),
        *(
            Mistake(
                "doubled",
                "The tables have a column for each of head_dim numbers. The two numbers of a pair "
                "share one angle, so head_dim / 2 columns are right.",
                {"torch.outer(positions, rope_frequencies(config, device))":
                 f"torch.outer(positions, rope_frequencies(config, device).{twice})"},
            )
            for twice in ("repeat(2)", "repeat_interleave(2)")
        ),
        Mistake(
            "transposed",
            "The tables have a row for each pair. Rows are positions and columns are pairs, so "
            "that cos[start:end] are the positions of some tokens.",
            {"torch.outer(positions, rope_frequencies(config, device))":
             "torch.outer(rope_frequencies(config, device), positions)"},
        ),
        Mistake(
            "one-short",
            "The last position is missing: max_seq_len positions are 0 to max_seq_len - 1.",
            {"torch.arange(config.max_seq_len,": "torch.arange(config.max_seq_len - 1,"},
        ),
        Mistake(
            "positions-as-shares",
            "Positions are divided by max_seq_len. An angle counts whole positions: the same "
            "distance must be the same angle in every context.",
            {"rope_frequencies(config, device))":
             "rope_frequencies(config, device)) / config.max_seq_len"},
        ),
        Mistake(
            "degrees",
            "The angles are taken for degrees. Frequencies are radians, and so is what cos and "
            "sin want.",
            {"torch.outer(positions, rope_frequencies(config, device))":
             "torch.outer(positions, rope_frequencies(config, device)).deg2rad()"},
        ),
        *(
            Mistake("device-forgotten", DEVICE_FORGOTTEN, edits)
            for edits in (
                {"dtype=torch.float32, device=device)": "dtype=torch.float32)",
                 "rope_frequencies(config, device)": "rope_frequencies(config)"},
                {"rope_frequencies(config, device)": "rope_frequencies(config)"},
            )
        ),
        Mistake("theta-ignored", THETA_IGNORED,
                {"rope_frequencies(config, device)":
                 "rope_frequencies(type(config)(**vars(config) | {'rope_theta': 1e4}), device)"}),
        Mistake("exponent-without-2", EXPONENT_WITHOUT_2,
                {"rope_frequencies(config, device)":
                 "config.rope_theta ** -(torch.arange(config.head_dim // 2, device=device) "
                 "/ config.head_dim)"}),
        Mistake("scaling-ignored", SCALING_IGNORED,
                {"rope_frequencies(config, device)":
                 "config.rope_theta ** -(torch.arange(0, config.head_dim, 2, device=device) "
                 "/ config.head_dim)"}),
        Mistake(
            "half-precision",
            "The angles are computed in bfloat16, which has 8 bits: from 256 on it cannot even "
            "count by one. Positions and angles need float32.",
            {"dtype=torch.float32": "dtype=torch.bfloat16",
             "rope_frequencies(config, device))": "rope_frequencies(config, device).bfloat16())",
             "return angles.cos(), angles.sin()":
             "return angles.cos().float(), angles.sin().float()"},
        ),
    ),
)  # fmt: skip


def two(answer: Any, *args: Any) -> tuple[Any, Any]:
    """Cosine and sine, if there are two."""
    got = call(answer, *args)
    if (isinstance(got, Tensor) and len(got) != 2) or not isinstance(got, tuple | list | Tensor):
        raise Complaint(f"gives one {type(got).__name__}, and two tensors are right: cos, sin.")
    if len(got) != 2:
        raise Complaint(f"gives {len(got)} things, and two are right: cos, sin.")
    return got[0], got[1]


def table_cases(rope_tables: Any, config: ModelConfig, example: str) -> Iterator[Case]:
    cos, sin = two(rope_tables, config)
    angles = oracles.angles(config, config.max_seq_len)
    axes, near = "max_seq_len half", 3e-5
    yield Case(cos, angles.cos().float(), f"{example}, for cos", axes, atol=near)
    yield Case(sin, angles.sin().float(), f"{example}, for sin", axes, atol=near)


@rope_tables.probe("three positions of two pairs, by hand")
def three_positions(rope_tables: Any) -> Iterator[Case]:
    example = "max_seq_len = 3, head_dim = 4 and rope_theta = 10000 (so angles 0 0, 1 0.01, 2 0.02)"
    yield from table_cases(rope_tables, shape(4, max_seq_len=3), example)


@rope_tables.probe("every position and pair has its own angle")
def all_positions(rope_tables: Any) -> Iterator[Case]:
    config = shape(16, max_seq_len=60)
    yield from table_cases(rope_tables, config, "max_seq_len = 60 and head_dim = 16")
    yield placed(rope_tables, config)


@rope_tables.probe("rope_theta and rope_scaling of the config count")
def tables_of_config(rope_tables: Any) -> Iterator[Case]:
    config = shape(8, max_seq_len=40, rope_theta=500.0)
    yield from table_cases(rope_tables, config, "rope_theta = 500")
    for scaling in (RopeScaling("linear", 4.0), RopeScaling("ntk", 5.0), LLAMA3):
        config = shape(16, max_seq_len=40, rope_scaling=scaling)
        yield from table_cases(rope_tables, config, f"scaling of the kind {scaling.kind}")
