"""The check of the mask of documents, against a rule that asks every query about every key."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course import oracles
from minillama.course.checking import Check, Mistake
from minillama.course.checks.masks import (
    BACKWARDS,
    HIDES_ITSELF,
    INVERTED,
    ON_CPU,
    ONE_FUTURE,
    TAKEN_FOR_FIRST,
    TRIL,
    TRIU,
    mask,
)
from minillama.course.probing import Case, Complaint
from minillama.course.watching import Elsewhere

SAME = "documents[:, keys - time :, None] == documents[:, None, :]"
RETURN = "(same & causal_mask(time, keys, documents.device))[:, None]"
EARLIER = "causal_mask(time, keys, documents.device)"

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
        Mistake("one-future", ONE_FUTURE, {EARLIER: f"{TRIL}(1)"}),
        *(
            Mistake("backwards", BACKWARDS, {EARLIER: f"{TRIU}({shift})"})
            for shift in ("", "keys - time")
        ),
        *(
            Mistake(
                "only-the-future",
                "Only keys that are later are seen: the triangle is the one that has to be hidden.",
                {EARLIER: f"{TRIU}({shift})"},
            )
            for shift in ("1", "keys - time + 1")
        ),
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


def document_case(attention_mask: Any, time: int, documents: list[list[int]]) -> Case:
    got = mask(attention_mask, time, torch.tensor(documents))
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


@attention_mask.probe("the mask is made on the device of the documents")
def documents_device(attention_mask: Any) -> Iterator[Case]:
    documents = torch.zeros(1, 2, dtype=torch.long)
    with Elsewhere(documents) as gpu:
        got = mask(attention_mask, 2, documents)
    if gpu.mixed or not gpu.there.get(id(got), False):
        raise Complaint(ON_CPU.format("wherever the documents are"), "device-ignored")
    yield Case(got, torch.tensor([[[[1, 0], [1, 1]]]]).bool(), "time = 2 and documents = [[0, 0]]")
