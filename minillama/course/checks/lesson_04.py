"""The checks of lesson 04's exercises."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call

MODULE = "course.exercises.lesson_04"
MASK_AXES = "time keys"

attention_entropy = Check(
    "attention_entropy",
    MODULE,
    hints={"attention_entropy": "torch.special.entr(p) is -p ln p, and 0 for p = 0."},
    mistakes=(
        Mistake(
            "zero-times-log-zero",
            "A weight of 0 gives 0 · ln 0, which floating point calls nan. Masked weights are "
            "exactly 0, so every causal row but the last has some.",
            {"torch.special.entr(weights)": "(-weights * weights.log())"},
        ),
        Mistake(
            "sign",
            "The sign is lost: logarithms of shares are negative, and the entropy is minus their "
            "mean.",
            {"torch.special.entr(weights)": "-torch.special.entr(weights)"},
        ),
        Mistake(
            "bits",
            "This is in bits, by the logarithm to base 2. In nats it is by the natural logarithm.",
            {"sum(dim=-1)": f"sum(dim=-1) / {math.log(2)}"},
        ),
        Mistake(
            "mean",
            "The terms are averaged over the keys. They are weighted by p already: sum them.",
            {"sum(dim=-1)": "mean(dim=-1)"},
        ),
        Mistake(
            "over-queries",
            "The sum runs over the queries. A row, one query's weights, lies along the last axis.",
            {"sum(dim=-1)": "sum(dim=-2)"},
        ),
        Mistake(
            "everything",
            "All rows are summed into one number. Each row has an entropy of its own.",
            {"sum(dim=-1)": "sum()"},
        ),
    ),
)  # fmt: skip


@attention_entropy.probe("a row by hand")
def entropy_by_hand(f: Any) -> Iterator[Case]:
    row = torch.tensor([[0.5, 0.25, 0.25]])
    yield Case(call(f, row), torch.tensor([1.5 * math.log(2)]), "the row [0.5, 0.25, 0.25]")


@attention_entropy.probe("0 for a look at one key, ln n for n keys alike")
def entropy_ends(f: Any) -> Iterator[Case]:
    yield Case(call(f, torch.tensor([[0.0, 1.0, 0.0]])), torch.zeros(1), "the row [0, 1, 0]")
    yield Case(
        call(f, torch.full((1, 4), 0.25)), torch.tensor([math.log(4)]), "the row [¼, ¼, ¼, ¼]"
    )


@attention_entropy.probe("each row of a batch of heads has its own")
def entropy_rows(f: Any) -> Iterator[Case]:
    weights = torch.rand(2, 3, 4, 5).softmax(-1)
    right = torch.distributions.Categorical(probs=weights).entropy()
    yield Case(call(f, weights), right, axes="batch heads time")


def mask_case(got: torch.Tensor, allowed: list[list[bool]], example: str) -> Case:
    return Case(got, torch.tensor(allowed), example, MASK_AXES)


prefix_mask = Check(
    "prefix_mask",
    MODULE,
    hints={"prefix_mask": "The causal mask, or a query and a key that are both in the prefix."},
    mistakes=(
        Mistake(
            "everyone-sees-the-prefix-only",
            "Looking inside the prefix is allowed, but the causal part is missing: the tokens "
            "after the prefix see nothing, and their softmax is not a number.",
            {"causal_mask(time, time) | (in_prefix[:, None] & in_prefix)":
             "in_prefix[:, None] & in_prefix"},
        ),
        Mistake(
            "causal-only",
            "This is the causal mask: inside the prefix an earlier token must also see later ones.",
            {"causal_mask(time, time) | (in_prefix[:, None] & in_prefix)":
             "causal_mask(time, time)"},
        ),
        Mistake(
            "prefix-sees-all",
            "A query in the prefix sees everything, also what comes after the prefix: the answer "
            "leaks into the question.",
            {"(in_prefix[:, None] & in_prefix)": "in_prefix[:, None]"},
        ),
        Mistake(
            "one-too-many",
            "The prefix is one token too long: positions count from 0, so the first `prefix` "
            "tokens are those below `prefix`.",
            {"torch.arange(time) < prefix": "torch.arange(time) <= prefix"},
        ),
        Mistake(
            "both-needed",
            "A key must be earlier *or* in the prefix with its query; here it must be both.",
            {"causal_mask(time, time) | (": "causal_mask(time, time) & ("},
        ),
        Mistake(
            "upside-down",
            "The mask says what is hidden, and what is allowed is asked for: True where a query "
            "may look.",
            {"return causal_mask(time, time) | (in_prefix[:, None] & in_prefix)":
             "return ~(causal_mask(time, time) | (in_prefix[:, None] & in_prefix))"},
        ),
    ),
)  # fmt: skip


@prefix_mask.probe("four tokens of which two are the prefix")
def prefix_small(f: Any) -> Iterator[Case]:
    allowed = [[t >= s or (t < 2 and s < 2) for s in range(4)] for t in range(4)]
    yield mask_case(call(f, 4, 2), allowed, "time = 4 and prefix = 2")


@prefix_mask.probe("other lengths, no prefix and nothing but prefix")
def prefix_lengths(f: Any) -> Iterator[Case]:
    for time, prefix in [(5, 3), (5, 0), (3, 3), (1, 1)]:
        allowed = [[t >= s or max(s, t) < prefix for s in range(time)] for t in range(time)]
        yield mask_case(call(f, time, prefix), allowed, f"time = {time} and prefix = {prefix}")


NOT_CAUSAL = (
    "All later keys are allowed: a window says only how far back a query looks. A later key is "
    "less than 0 back, and is hidden as in any causal mask."
)

sliding_window_mask = Check(
    "sliding_window_mask",
    MODULE,
    hints={"sliding_window_mask": "How far back is each key? From 0 to window - 1 is allowed."},
    mistakes=(
        Mistake(
            "window-plus-one",
            "The window is one key too wide: a query's own key counts as one of the `window`.",
            {"back < window": "back <= window"},
        ),
        Mistake(
            "sees-the-future",
            "Later keys within the window are allowed too. Distance has a direction here.",
            {"(back >= 0) & (back < window)": "back.abs() < window"},
        ),
        Mistake(
            "not-causal",
            NOT_CAUSAL,
            {"(back >= 0) & (back < window)": "back < window"},
        ),
        Mistake(
            "not-causal",
            NOT_CAUSAL,
            {"(back >= 0) & (back < window)": "back <= window"},
        ),
        Mistake(
            "no-window",
            "Every earlier key is allowed: the window is not used.",
            {"(back >= 0) & (back < window)": "back >= 0"},
        ),
        Mistake(
            "not-itself",
            "A query does not see its own key.",
            {"(back >= 0) & (back < window)": "(back > 0) & (back < window)"},
        ),
        Mistake(
            "first-queries",
            "The queries are taken for the first `time` positions. They are the last ones: that is "
            "how text is continued, with all the keys before.",
            {"position[keys - time :, None]": "position[:time, None]"},
        ),
        Mistake(
            "only-behind-the-window",
            "This hides what lies in the window and shows what lies before it: the comparison is "
            "the wrong way round.",
            {"back < window": "back >= window"},
        ),
    ),
)  # fmt: skip


@sliding_window_mask.probe("four tokens and a window of two")
def window_small(f: Any) -> Iterator[Case]:
    allowed = [[0 <= t - s < 2 for s in range(4)] for t in range(4)]
    yield mask_case(call(f, 4, 4, 2), allowed, "time = keys = 4 and window = 2")


@sliding_window_mask.probe("other windows, and queries that are the last of many keys")
def window_lengths(f: Any) -> Iterator[Case]:
    for time, keys, window in [(5, 5, 3), (2, 6, 3), (1, 4, 2), (3, 3, 9), (3, 3, 1)]:
        places = range(keys - time, keys)
        allowed = [[0 <= t - s < window for s in range(keys)] for t in places]
        example = f"time = {time}, keys = {keys} and window = {window}"
        yield mask_case(call(f, time, keys, window), allowed, example)
