"""The check of RoPE's tables, angle by angle in float64."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from minillama.config import ModelConfig, RopeScaling
from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint
from minillama.course.lessons.lesson_05.rope_frequencies import LLAMA3, placed, shape

rope_tables = Check("rope_tables", "rope")


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
