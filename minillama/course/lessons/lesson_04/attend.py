"""The checks of attention_weights and attend, against the formula a head at a time in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.spies import Elsewhere
from minillama.course.complaint import Complaint
from minillama.course.lessons.shared.attend_probes import (
    AXES,
    add_leading_axes,
    add_probes,
    inputs,
    means_of,
)
from minillama.course.lessons.shared.scores import family, mistakes

SOFTMAX_HINT = (
    "Scores are q times k transposed, over the root of head_dim; minus infinity where the mask is "
    "False (without one it is causal_mask); then softmax along the last axis"
)
KNOWN = family("weights")
OUT = family("values")
FIRST = family("first_attempts")
attention_weights = Check(
    "attention_weights",
    "attention",
    mistakes=mistakes("    if mask is None:", "", "weights", KNOWN + FIRST),
)
attend = Check(
    "attend",
    "attention",
    mistakes=mistakes("    return attention_weights", "", "weights @ v", KNOWN + OUT + FIRST),
)


def weights_of(answer: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Any:
    return call(answer, q, k) if mask is None else call(answer, q, k, mask)


def right_weights(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None) -> Tensor:
    return oracles.weights(q, k, seen)


add_probes(attention_weights, weights_of, right_weights, "batch heads time keys")
add_leading_axes(attention_weights, weights_of, right_weights)
add_probes(attend, means_of, oracles.attend, AXES)
add_leading_axes(attend, means_of, oracles.attend)


@attention_weights.probe("rows sum to 1, and nothing later than the query is in them")
def shares(attention_weights: Any) -> Iterator[Case]:
    q, k, _ = inputs(6, 6)
    got = call(attention_weights, q, k)
    yield Case(got.sum(-1), torch.ones(2, 4, 6), "random q and k, for the sums of the rows")
    yield Case(got.triu(1).abs().sum(), 0.0, "random q and k, for the sum of the weights above")


@attention_weights.probe("all is on the device of q")
def device(attention_weights: Any) -> Iterator[Case]:
    q, k, _ = inputs(3, 3)
    with Elsewhere(q, k) as gpu:
        got = call(attention_weights, q, k)
    if gpu.mixed or not gpu.there.get(id(got), False):
        raise Complaint(
            "makes a tensor on the CPU, wherever q and k are. On a GPU they could not meet: give "
            "it q.device, as in causal_mask(q.shape[-2], k.shape[-2], q.device).",
            "device-ignored",
        )
    yield Case(got, oracles.weights(q, k).float(), "random q and k", "batch heads time keys")
