"""The check of the causal mask, against a rule that asks every query about every key."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course import oracles
from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call
from minillama.course.watching import Elsewhere

HIDES_ITSELF = (
    "The diagonal is hidden: a position does not see itself, and the first one sees nothing at "
    "all. A query sees the keys that are not later than itself, its own among them."
)
ONE_FUTURE = (
    "Every position sees the one after it, which is the token that it is to predict. Training "
    "would then look wonderful, and writing would fail."
)
INVERTED = (
    "The mask is inverted. Here True means that the query may look; PyTorch's MultiheadAttention "
    "has it the other way round."
)
TAKEN_FOR_FIRST = (
    "The queries are taken for the first positions. They are the last ones: with a cache, one new "
    "query stands after all the keys and sees every one of them."
)
BACKWARDS = (
    "The mask is the wrong triangle: a query sees itself and what comes later. Causal means that "
    "it sees itself and what came before."
)
ALL_KEYS = "keys - time :"
TRIANGLE = "position <= position[keys - time :, None]"
TRIL = "torch.ones(time, keys, dtype=torch.bool).tril"
TRIU = "torch.ones(time, keys, dtype=torch.bool).triu"

causal_mask = Check(
    "causal_mask",
    "attention",
    hints={
        "causal_mask": "The queries stand at positions keys - time to keys - 1. Compare each key's "
        "position with each query's, as a column: True where the key is not later.",
    },
    mistakes=(
        Mistake("hides-itself", HIDES_ITSELF, {"position <= position[": "position < position["}),
        Mistake("one-future", ONE_FUTURE, {"position <= position[": "position <= 1 + position["}),
        Mistake("inverted", INVERTED, {"position <= position[": "position > position["}),
        Mistake(
            "backwards",
            BACKWARDS,
            {"position <= position[": "position >= position["},
        ),
        Mistake(
            "queries-taken-for-first", TAKEN_FOR_FIRST, {f"position[{ALL_KEYS}": "position[:time"}
        ),
        Mistake(
            "everything",
            "Nothing is hidden. A language model that sees the token it is to predict learns to "
            "copy it.",
            {"return position <= position[keys - time :, None]":
             "return torch.ones(time, keys, dtype=torch.bool, device=device)"},
        ),
        # Triangles of a table that is not square, where the queries are not the last ones either.
        Mistake("one-future", ONE_FUTURE, {TRIANGLE: f"{TRIL}(1)"}),
        Mistake("hides-itself", HIDES_ITSELF, {TRIANGLE: f"{TRIL}(-1)"}),
        Mistake("backwards", BACKWARDS, {TRIANGLE: f"{TRIU}()"}),
        Mistake("inverted", INVERTED, {TRIANGLE: f"{TRIU}(1)"}),
        Mistake(
            "square",
            "The mask is square. It has a row for each query and a column for each key, and with a "
            "cache there are fewer queries than keys.",
            {f"position[{ALL_KEYS}": "position[:"},
        ),
        Mistake(
            "keys-down",
            "Rows and columns are exchanged: queries go down, keys go across.",
            {"position <= position[keys - time :, None]":
             "position[:, None] <= position[keys - time :]"},
        ),
    ),
)  # fmt: skip


def mask(function: Any, *args: Any) -> Any:
    """Call an answer that makes a mask; a table of numbers is a mistake of its own."""
    got = call(function, *args)
    if isinstance(got, Tensor) and got.dtype != torch.bool:
        raise Complaint(
            f"gives a table of numbers ({got.dtype}), and a table of True and False is asked for: "
            "True where the query may look. The scores are filled with minus infinity later, "
            "where it is False.",
            "numbers",
        )
    return got


@causal_mask.probe("three queries, three keys")
def square(causal_mask: Any) -> Iterator[Case]:
    right = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]]).bool()
    yield Case(mask(causal_mask, 3, 3), right, "time = 3 and keys = 3", "time keys")


@causal_mask.probe("one position sees itself")
def alone(causal_mask: Any) -> Iterator[Case]:
    yield Case(mask(causal_mask, 1, 1), torch.tensor([[True]]), "time = 1 and keys = 1")


@causal_mask.probe("as many queries as keys, for any number of them")
def squares(causal_mask: Any) -> Iterator[Case]:
    for time in (2, 4, 5):
        right = oracles.may_look(time, [[0] * time])[0]
        yield Case(mask(causal_mask, time, time), right, f"time = keys = {time}", "time keys")


@causal_mask.probe("fewer queries than keys are the last ones")
def last_ones(causal_mask: Any) -> Iterator[Case]:
    right = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]]).bool()
    yield Case(mask(causal_mask, 2, 4), right, "time = 2 and keys = 4", "time keys")
    yield Case(mask(causal_mask, 1, 4), right[1:], "time = 1 and keys = 4", "time keys")


@causal_mask.probe("every number of queries and keys")
def every_number(causal_mask: Any) -> Iterator[Case]:
    for keys in range(1, 7):
        for time in range(1, keys + 1):
            right = oracles.may_look(time, [[0] * keys])[0]
            example = f"time = {time} and keys = {keys}"
            yield Case(mask(causal_mask, time, keys), right, example, "time keys")


ON_CPU = (
    "makes the mask on the CPU, {}. With a model on a GPU, scores and mask could not meet: give "
    "torch that device, as in torch.arange(keys, device=device)."
)


@causal_mask.probe("the mask is made on the device that is asked for")
def device(causal_mask: Any) -> Iterator[Case]:
    with Elsewhere() as gpu:
        got = mask(causal_mask, 2, 3, torch.device("cpu"))
    if not gpu.there.get(id(got), False):
        raise Complaint(ON_CPU.format("whatever `device` says"), "device-ignored")
    yield Case(got, torch.tensor([[1, 1, 0], [1, 1, 1]]).bool(), "time = 2 and keys = 3")
