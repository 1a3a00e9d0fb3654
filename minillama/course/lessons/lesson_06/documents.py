"""The check of the mask of documents, against a rule that asks every query about every key."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking import oracles
from minillama.course.checking.answer import Case
from minillama.course.checking.check import Check
from minillama.course.checking.spies import Elsewhere
from minillama.course.complaint import Complaint
from minillama.course.lessons.shared.attend_probes import ON_CPU, mask

attention_mask = Check("attention_mask", "attention")


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
