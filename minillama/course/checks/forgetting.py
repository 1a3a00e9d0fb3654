"""The checks of lesson 19's exercises in forgetting: back to a common beginning, and a window."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.cache import KVCache
from minillama.course.checking import Check, Mistake
from minillama.course.checks.lesson_19 import CONFIG, MODULE, as_numbers
from minillama.course.probing import Case, Complaint, call

keep_beginning = Check(
    "keep_beginning",
    MODULE,
    hints={
        "keep_beginning": "Count how many ids are the same from the beginning on, up to the first "
        "that differs, and never all of `new`."
    },
    mistakes=(
        Mistake(
            "nothing-left",
            "Where `new` is all in the cache, nothing is left to read, and there are no logits for "
            "the next token. Leave one.",
            {"len(new) - 1)": "len(new))"},
        ),
        Mistake(
            "position-left",
            "cache.position is not set, so the tokens that differ are still seen.",
            {"    cache.position = shared\n": ""},
        ),
        Mistake(
            "position-added",
            "advance adds to the position, so the cache forgets nothing and counts tokens that it "
            "does not hold. To go back, set it: cache.position = shared.",
            {"cache.position = shared": "cache.advance(shared)"},
        ),
        Mistake(
            "everything-again",
            "The right position is set, but all of `new` is returned: what is kept would be read a "
            "second time.",
            {"new[shared:]": "new"},
        ),
        Mistake(
            "one-kept-too-many",
            "The position is one too far: the first token that differs is kept.",
            {"cache.position = shared": "cache.position = shared + 1"},
        ),
        Mistake(
            "any-match",
            "Tokens that are equal in the same place are counted wherever they stand. After the "
            "first difference everything is new, since each key depends on all before it.",
            {"    shared = 0\n    while shared < min(len(old), len(new) - 1) "
             "and old[shared] == new[shared]:\n        shared += 1\n":
             "    shared = sum(a == b for a, b in zip(old, new[:-1]))\n"},
        ),
        Mistake(
            "forgets-all",
            "Everything is forgotten and read again. That is right, and saves nothing: keep what "
            "both begin with.",
            {"old[shared] == new[shared]": "False"},
        ),
        Mistake(
            "drops-one-always",
            "One shared token is always read again. That is needed only where `new` is all in the "
            "cache.",
            {"cache.position = shared": "shared = max(shared - 1, 0)\n    cache.position = shared"},
        ),
    ),
)  # fmt: skip


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
BOTH = "keys, values = torch.cat([keys, k], dim=2), torch.cat([values, v], dim=2)"
slide = Check(
    "slide",
    MODULE,
    hints={"slide": "torch.cat along the axis of tokens, then a slice from the end of it."},
    mistakes=(
        Mistake(
            "keeps-the-first",
            "The oldest are kept. The window is over the newest.",
            {"keys[:, :, -window:], values[:, :, -window:]":
             "keys[:, :, :window], values[:, :, :window]"},
        ),
        Mistake(
            "new-first",
            "The new ones stand before the old. They are the last of the text.",
            {"[keys, k]": "[k, keys]", "[values, v]": "[v, values]"},
        ),
        Mistake(
            "never-forgets",
            "Nothing is forgotten, so the cache grows for ever.",
            {"keys[:, :, -window:], values[:, :, -window:]": "keys, values"},
        ),
        Mistake(
            "one-too-few",
            "One token too few is kept: the window counts the newest token as well.",
            {"keys[:, :, -window:], values[:, :, -window:]":
             "keys[:, :, keys.shape[2] - min(window - 1, keys.shape[2]) :], "
             "values[:, :, values.shape[2] - min(window - 1, values.shape[2]) :]"},
        ),
        Mistake(
            "window-beside-the-new",
            "A window of old tokens is kept, and the new ones come on top: cut after adding.",
            {BOTH: "keys, values = keys[:, :, -window:], values[:, :, -window:]",
             "return keys[:, :, -window:], values[:, :, -window:]":
             "return torch.cat([keys, k], dim=2), torch.cat([values, v], dim=2)"},
        ),
        Mistake(
            "wrong-axis-cut",
            "The cut runs along head_dim, the last axis: it takes numbers out of each vector. "
            "Tokens are on the third axis.",
            {"keys[:, :, -window:], values[:, :, -window:]":
             "keys[..., -window:], values[..., -window:]"},
        ),
        Mistake(
            "values-whole",
            "Only the keys are cut. Each key has a value, and attention needs as many of both.",
            {"values[:, :, -window:]": "values"},
        ),
        Mistake(
            "values-are-keys",
            "The keys are given back twice. The values are kept beside them.",
            {", values[:, :, -window:]": ", keys[:, :, -window:]"},
        ),
    ),
)  # fmt: skip


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
