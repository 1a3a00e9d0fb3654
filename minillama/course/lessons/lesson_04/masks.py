"""The check of the causal mask, against a rule that asks every query about every key."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking import oracles
from minillama.course.checking.answer import Case
from minillama.course.checking.check import Check
from minillama.course.checking.spies import Elsewhere
from minillama.course.complaint import Complaint
from minillama.course.lessons.shared.attend_probes import ON_CPU, mask

causal_mask = Check("causal_mask", "attention")


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


@causal_mask.probe("the mask is made on the device that is asked for")
def device(causal_mask: Any) -> Iterator[Case]:
    with Elsewhere() as gpu:
        got = mask(causal_mask, 2, 3, torch.device("cpu"))
    if not gpu.there.get(id(got), False):
        raise Complaint(ON_CPU.format("whatever `device` says"), "device-ignored")
    yield Case(got, torch.tensor([[1, 1, 0], [1, 1, 1]]).bool(), "time = 2 and keys = 3")
