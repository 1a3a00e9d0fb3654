"""The checks of attention's arithmetic, against the formula a head at a time in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course import oracles
from minillama.course.checking import Check, Mistake
from minillama.course.checks.attend_probes import (
    AXES,
    add_groups,
    add_leading_axes,
    add_probes,
    inputs,
)
from minillama.course.checks.first_attempts import ALL_AXES, FIRST_ATTEMPTS
from minillama.course.checks.scores import (
    FLOAT32_OUT,
    GROUPS_HINT,
    OUT,
    REPEATED,
    TILED,
    WEIGHTS,
    mistakes,
)
from minillama.course.probing import Case, Complaint, call
from minillama.course.watching import Elsewhere

SOFTMAX_HINT = (
    "Scores are q times k transposed, over the root of head_dim; minus infinity where the mask is "
    "False (without one it is causal_mask); then softmax along the last axis"
)
IN_GROUPS = (*WEIGHTS, *OUT, *TILED, ALL_AXES)
attention_weights = Check(
    "attention_weights",
    "attention",
    hints={"attention_weights": f"{SOFTMAX_HINT}, best in float32, and back in q's dtype."},
    mistakes=(
        *mistakes("    if mask is None:", "", "weights", WEIGHTS + FIRST_ATTEMPTS),
        Mistake("float32-out", FLOAT32_OUT, {".softmax(dim=-1).type_as(q)": ".softmax(dim=-1)"}),
    ),
)
attend = Check(
    "attend",
    "attention",
    hints={"attend": "The attention_weights of q and k with the mask, times the values."},
    mistakes=(
        *mistakes(
            "    return attention_weights", "", "weights @ v", WEIGHTS + OUT + FIRST_ATTEMPTS
        ),
        Mistake(
            "float32-out",
            FLOAT32_OUT,
            {" @ v": ".float() @ v.float()"},
        ),
    ),
)

fused_attend = Check(
    "fused_attend",
    "attention",
    hints={
        "fused_attend": "F.scaled_dot_product_attention with enable_gqa. Its is_causal takes the "
        "queries for the first positions: with fewer queries than keys, give it causal_mask.",
    },
    mistakes=(
        *mistakes("    batch, time, keys", REPEATED, "weights @ v", IN_GROUPS),
        Mistake(
            "float32-out",
            FLOAT32_OUT,
            {"    batch, time, keys": "    q, k, v = q.float(), k.float(), v.float()\n"
             "    batch, time, keys"},
        ),
    ),
)  # fmt: skip
grouped_attend = Check(
    "grouped_attend",
    "attention",
    hints={
        "grouped_attend": f"The same as attend, where {GROUPS_HINT}. Stack the queries that share "
        "a head along the axis of time, so that one product serves them all.",
    },
    mistakes=(
        *mistakes("    (_, n_kv_heads, keys", REPEATED, "weights @ v", IN_GROUPS),
        Mistake(
            "float32-out",
            FLOAT32_OUT,
            {"    (_, n_kv_heads, keys": "    q, k, v = q.float(), k.float(), v.float()\n"
             "    (_, n_kv_heads, keys"},
        ),
    ),
)  # fmt: skip


def weights_of(answer: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Any:
    return call(answer, q, k) if mask is None else call(answer, q, k, mask)


def means_of(answer: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Any:
    return call(answer, q, k, v) if mask is None else call(answer, q, k, v, mask)


def right_weights(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None) -> Tensor:
    return oracles.weights(q, k, seen)


add_probes(attention_weights, weights_of, right_weights, "batch heads time keys")
add_leading_axes(attention_weights, weights_of, right_weights)
add_probes(attend, means_of, oracles.attend, AXES)
add_leading_axes(attend, means_of, oracles.attend)
for groups in (fused_attend, grouped_attend):
    add_probes(groups, means_of, oracles.attend, AXES)
    add_groups(groups)


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
