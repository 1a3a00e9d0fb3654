"""The check of lesson 04's attention in chunks: its results, and what it looks at to get them."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.spies import Tables
from minillama.course.complaint import Complaint

MODULE = "course.lessons.lesson_04.solutions"

attend_in_chunks = Check("attend_in_chunks")


@attend_in_chunks.probe("equal to attention in one piece, where the size divides the length")
def chunks_even(f: Any) -> Iterator[Case]:
    yield from chunk_cases(f, time=6, sizes=[3, 2])


@attend_in_chunks.probe("also where it does not, or is longer than the text")
def chunks_uneven(f: Any) -> Iterator[Case]:
    yield from chunk_cases(f, time=7, sizes=[3, 1, 7, 10])


def chunk_cases(f: Any, time: int, sizes: list[int]) -> Iterator[Case]:
    q, k, v = torch.randn(3, 2, 3, time, 4)
    right = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    for size in sizes:
        example = f"{time} tokens and size = {size}"
        yield Case(call(f, q, k, v, size), right, example, "batch heads time head_dim")


@attend_in_chunks.probe("`size` queries at a time")
def chunks_small(f: Any) -> Iterator[Case]:
    q, k, v = torch.randn(3, 1, 1, 12, 2)
    right = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    largest = {}
    for size in (2, 4):
        with Tables(q) as tables:
            got = call(f, q, k, v, size)
        largest[size] = tables.largest
        yield Case(got, right, f"12 tokens and size = {size}", "batch heads time head_dim")
        if largest[size] >= 12 * 12:
            raise Complaint(
                f"given 12 tokens and size = {size}, it makes a table of all 12 queries and all "
                f"12 keys, and {size} queries at a time are right."
            )
    if largest[2] == largest[4]:
        raise Complaint("given 12 tokens, its tables are as large with size = 2 as with size = 4.")


@attend_in_chunks.probe("a chunk looks at no keys or values after its end")
def chunks_unseen(f: Any) -> Iterator[Case]:
    q, k, v = torch.randn(3, 1, 2, 6, 4)
    right = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    # 0 times infinity is nan: even a share of 0 of that value is seen.
    v[..., -1, :] = torch.inf
    example = "6 tokens of which the last value is infinite, for the first 4 with size = 2"
    got = call(f, q, k, v, 2)
    yield Case(got[..., :4, :], right[..., :4, :], example, "batch heads time head_dim")
