"""The checks of the masks, against a rule that asks every query about every key."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course import oracles
from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call

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
ALL_KEYS = "keys - time :"

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
            "The mask is the wrong triangle: a query sees itself and what comes later. Causal "
            "means that it sees itself and what came before.",
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
        *(
            Mistake(
                "numbers",
                "The mask holds numbers. A mask of True and False says where to look, and the "
                "scores are filled with minus infinity where it is False.",
                {"return position <= position[keys - time :, None]": f"return {numbers}"},
            )
            for numbers in (
                "(position <= position[keys - time :, None]).float()",
                "(position <= position[keys - time :, None]).long()",
                "torch.zeros(time, keys).masked_fill("
                "position > position[keys - time :, None], -math.inf)",
            )
        ),
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

SAME = "documents[:, keys - time :, None] == documents[:, None, :]"
RETURN = "(same & causal_mask(time, keys, documents.device))[:, None]"
EARLIER = "causal_mask(time, keys, documents.device)"
TRIL = "torch.ones(time, keys, dtype=torch.bool).tril"

attention_mask = Check(
    "attention_mask",
    "attention",
    hints={
        "attention_mask": "Compare the last `time` documents, as a column, with all of them, and "
        "keep only what causal_mask allows too. Put an axis of 1 where the heads will stand.",
    },
    mistakes=(
        Mistake(
            "documents-ignored",
            "The documents are not compared, so a text sees the strangers packed before it.",
            {SAME: "documents[:, :1, None] == documents[:, :1, None]"},
        ),
        Mistake(
            "future-seen",
            "Only the documents are compared. Inside a document later keys must be hidden too.",
            {f"same & {EARLIER}": "same"},
        ),
        Mistake(
            "padding-sees-nothing",
            "Padding sees nothing at all. The softmax of such a row divides 0 by 0, and the "
            "result, nan, spreads: padding (-1) is a document of its own and sees padding.",
            {SAME: f"({SAME}) & (documents[:, None, :] != -1)"},
        ),
        Mistake(
            "padding-seen",
            "Padding (-1) is seen by every document. It is a document of its own, which the others "
            "do not see.",
            {SAME: f"({SAME}) | (documents[:, None, :] == -1)"},
        ),
        Mistake(
            "earlier-documents-seen",
            "A document sees those with smaller numbers. The numbers are names: equal or not.",
            {SAME: SAME.replace("==", ">=")},
        ),
        Mistake("hides-itself", HIDES_ITSELF, {EARLIER: f"{TRIL}(keys - time - 1)"}),
        Mistake("one-future", ONE_FUTURE, {EARLIER: f"{TRIL}(keys - time + 1)"}),
        Mistake("inverted", INVERTED, {RETURN: f"~{RETURN}"}),
        Mistake("queries-taken-for-first", TAKEN_FOR_FIRST, {EARLIER: f"{TRIL}()"}),
        Mistake(
            "queries-taken-for-first",
            TAKEN_FOR_FIRST,
            {EARLIER: f"{TRIL}()",
             "documents[:, keys - time :, None]": "documents[:, :time, None]"},
        ),
        Mistake(
            "queries-taken-for-first",
            TAKEN_FOR_FIRST,
            {"documents[:, keys - time :, None]": "documents[:, :time, None]"},
        ),
        Mistake(
            "first-row-for-all",
            "The documents of the first text are used for the whole batch. Each has its own.",
            {SAME: f"({SAME})[:1].expand(len(documents), -1, -1)"},
        ),
        Mistake(
            "no-head-axis",
            "The axis of the heads is missing: (batch, time, keys) would be laid along the wrong "
            "axes of the scores. It is (batch, 1, time, keys), and the 1 fits any number of heads.",
            {RETURN: RETURN.replace("[:, None]", "")},
        ),
    ),
)  # fmt: skip


@causal_mask.probe("three queries, three keys")
def square(causal_mask: Any) -> Iterator[Case]:
    right = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]]).bool()
    yield Case(call(causal_mask, 3, 3), right, "time = 3 and keys = 3", "time keys")


@causal_mask.probe("one position sees itself")
def alone(causal_mask: Any) -> Iterator[Case]:
    yield Case(call(causal_mask, 1, 1), torch.tensor([[True]]), "time = 1 and keys = 1")


@causal_mask.probe("as many queries as keys, for any number of them")
def squares(causal_mask: Any) -> Iterator[Case]:
    for time in (2, 4, 5):
        right = oracles.may_look(time, [[0] * time])[0]
        yield Case(call(causal_mask, time, time), right, f"time = keys = {time}", "time keys")


@causal_mask.probe("fewer queries than keys are the last ones")
def last_ones(causal_mask: Any) -> Iterator[Case]:
    right = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]]).bool()
    yield Case(call(causal_mask, 2, 4), right, "time = 2 and keys = 4", "time keys")
    yield Case(call(causal_mask, 1, 4), right[1:], "time = 1 and keys = 4", "time keys")


@causal_mask.probe("every number of queries and keys")
def every_number(causal_mask: Any) -> Iterator[Case]:
    for keys in range(1, 7):
        for time in range(1, keys + 1):
            right = oracles.may_look(time, [[0] * keys])[0]
            example = f"time = {time} and keys = {keys}"
            yield Case(call(causal_mask, time, keys), right, example, "time keys")


def document_case(attention_mask: Any, time: int, documents: list[list[int]]) -> Case:
    got = call(attention_mask, time, torch.tensor(documents))
    right = oracles.may_look(time, documents)[:, None]
    example = f"time = {time} and documents = {documents}"
    return Case(got, right, example, "batch 1 time keys")


@attention_mask.probe("one document of three tokens")
def one_document(attention_mask: Any) -> Iterator[Case]:
    yield document_case(attention_mask, 3, [[0, 0, 0]])


@attention_mask.probe("a document does not see the one before it")
def two_documents(attention_mask: Any) -> Iterator[Case]:
    yield document_case(attention_mask, 3, [[0, 0, 1]])
    yield document_case(attention_mask, 3, [[5, 2, 2]])


@attention_mask.probe("padding sees padding, and nothing else does")
def padding(attention_mask: Any) -> Iterator[Case]:
    yield document_case(attention_mask, 3, [[-1, -1, 0]])
    yield document_case(attention_mask, 3, [[0, -1, -1]])


@attention_mask.probe("every text of a batch has its own documents")
def batch(attention_mask: Any) -> Iterator[Case]:
    yield document_case(attention_mask, 3, [[0, 0, 0], [-1, 0, 0]])
    yield document_case(attention_mask, 5, [[0, 0, 1, 1, 1], [-1, -1, 4, 7, 7], [3, 3, 3, 3, -1]])


@attention_mask.probe("fewer queries than keys are the last ones, in their documents")
def last_documents(attention_mask: Any) -> Iterator[Case]:
    yield document_case(attention_mask, 1, [[0, 0, 0]])
    yield document_case(attention_mask, 2, [[0, 0, 1, 1]])
    for time in (1, 2, 3, 4):
        yield document_case(attention_mask, time, [[-1, 0, 0, 1, 1], [2, 2, 0, 0, 0]])
