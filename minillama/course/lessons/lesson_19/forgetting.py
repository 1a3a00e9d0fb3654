"""The checks of lesson 19's exercises in forgetting: back to a common beginning, and a window."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.cache import KVCache
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint
from minillama.course.lessons.lesson_19.exercises import CONFIG, as_numbers

keep_beginning = Check("keep_beginning")


@keep_beginning.probe("what both begin with stays, the rest is read")
def kept(f: Any) -> Iterator[Case]:
    texts = [
        ([5, 6, 7, 8], [5, 6, 9, 8], 2),
        ([5, 6], [5, 6, 7, 8], 2),
        ([5, 6, 7], [5, 6, 7], 2),
        ([5, 6, 7, 8], [5, 6], 1),
        ([5, 6], [7, 6, 1], 0),
        ([5], [5], 0),
        ([4, 5, 6, 4, 5, 6], [4, 5, 6, 4, 7, 6], 4),
    ]
    for old, new, shared in texts:
        cache = KVCache(CONFIG, 1)
        cache.position = len(old)
        got = as_numbers(call(f, cache, list(old), list(new)))
        example = f"old = {old} and new = {new}"
        yield Case(cache.position, shared, f"{example}, for the position")
        yield Case(got, new[shared:], f"{example}, for what must be read")


AXES = "batch heads keys head_dim"
slide = Check("slide")


def sliding_case(f: Any, old: int, new: int, window: int) -> Iterator[Case]:
    keys, values = torch.randn(2, 2, 3, old, 6)
    k, v = torch.randn(2, 2, 3, new, 6)
    got = call(f, keys, values, k, v, window)
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise Complaint(f"gives a {type(got).__name__}, and keys and values are right")
    example = f"{old} old tokens, {new} new and a window of {window}"
    for name, theirs, before, after in (("keys", got[0], keys, k), ("values", got[1], values, v)):
        every = [*before.unbind(2), *after.unbind(2)]
        right = torch.stack(every[max(len(every) - window, 0) :], dim=2)
        yield Case(theirs, right, f"{example}, for the {name}", AXES)


@slide.probe("the last `window` tokens are kept")
def slides(f: Any) -> Iterator[Case]:
    for old, new, window in [(3, 1, 3), (5, 1, 4), (1, 1, 4), (4, 3, 5), (2, 5, 3), (0, 2, 2)]:
        yield from sliding_case(f, old, new, window)


@slide.probe("attention over them is attention with a window")
def slides_like_a_window(f: Any) -> Iterator[Case]:
    q, k, v = torch.randn(3, 1, 1, 9, 4)
    keys, values = torch.zeros(2, 1, 1, 0, 4)
    for t in range(9):
        keys, values = call(f, keys, values, k[:, :, t : t + 1], v[:, :, t : t + 1], 4)
        weights = (q[:, :, t] * k[:, :, max(t - 3, 0) : t + 1]).sum(-1).softmax(-1)
        right = (weights[..., None] * v[:, :, max(t - 3, 0) : t + 1]).sum(2)
        got = ((q[:, :, t] * keys).sum(-1).softmax(-1)[..., None] * values).sum(2)
        yield Case(got, right, f"a window of 4, after {t + 1} tokens")
