"""The check of lesson 04's attention in chunks: its results, and what it looks at to get them."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call
from minillama.course.watching import Tables

MODULE = "course.exercises.lesson_04"
PIECE = "attend(q[..., start:end, :], k[..., :end, :], v[..., :end, :])"

attend_in_chunks = Check(
    "attend_in_chunks",
    MODULE,
    hints={"attend_in_chunks": "attend(queries of the chunk, keys up to its end), put together."},
    mistakes=(
        Mistake(
            "rest-dropped",
            "The last chunk is lost where `size` does not divide the length.",
            {"range(0, q.shape[-2], size)":
             "range(0, q.shape[-2] - size + 1, size) if q.shape[-2] >= size else [0]"},
        ),
        Mistake(
            "own-chunk-only",
            "Each chunk sees only its own keys: what came before it is forgotten.",
            {"k[..., :end, :], v[..., :end, :]": "k[..., start:end, :], v[..., start:end, :]"},
        ),
        Mistake(
            "all-keys",
            "Each chunk gets all keys. `attend` takes the queries for the last positions, so the "
            "first chunk then sees the future.",
            {"k[..., :end, :], v[..., :end, :]": "k, v"},
        ),
        Mistake(
            "without-itself",
            "The keys end where the chunk begins: its queries do not see their own chunk.",
            {"k[..., :end, :], v[..., :end, :]":
             "k[..., : max(start, end - start), :], v[..., : max(start, end - start), :]"},
        ),
        Mistake(
            "backwards",
            "The chunks are put together in the wrong order.",
            {"torch.cat(chunks, dim=-2)": "torch.cat(chunks[::-1], dim=-2)"},
        ),
        Mistake(
            "wrong-axis",
            "The chunks are put side by side along the features. They follow one another in time, "
            "the last axis but one.",
            {"torch.cat(chunks, dim=-2)": "torch.cat(chunks, dim=-1)"},
        ),
        Mistake(
            "no-chunks",
            "This is attention in one piece. In chunks, no table of scores is larger than `size` "
            "queries by the keys, and that is what saves memory.",
            {"return torch.cat(chunks, dim=-2)": "return attend(q, k, v)"},
        ),
        Mistake(
            "size-not-used",
            "`size` plays no part: it says how many queries a chunk has.",
            {"chunks = []": "chunks, size = [], 1"},
        ),
        Mistake(
            "all-keys-and-a-mask",
            "Each chunk gets all keys, and a mask hides the later ones. The numbers are right, and "
            "half of the work is for nothing: give a chunk only the keys that some of its queries "
            "may see, those up to its end.",
            {PIECE: "attend(q[..., start:end, :], k, v, "
             "causal_mask(q.shape[-2], q.shape[-2])[start:end])"},
        ),
        Mistake(
            "return-inside-the-loop",
            "Only the first chunk comes out: the `return` stands inside the loop, which it ends "
            "in the first round. Move it to the left.",
            {"return torch": "    return torch"},
        ),
        Mistake(
            "only-the-last",
            "Only the last chunk comes out: each round throws away what the one before has made. "
            "Collect them in a list.",
            {f"chunks.append({PIECE})": f"chunks = [{PIECE}]"},
        ),
    ),
)  # fmt: skip


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
