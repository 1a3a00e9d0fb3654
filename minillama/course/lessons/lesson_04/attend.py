"""The checks of the mask, the weights and attend, against plain loops in float64."""

from typing import Any

import torch
from torch import Tensor

from minillama.course.checking import oracles
from minillama.course.checking.answer import call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import all_agree, on_device
from minillama.course.lessons.shared import attend_probes as shared
from minillama.course.lessons.shared.scores import family, mistakes

causal_mask = Check("causal_mask", "attention")
all_agree(causal_mask, lambda time, keys: oracles.may_look(time, [[0] * keys])[0], {
    "three queries, three keys": [(3, 3)],
    "fewer queries than keys are the last ones": [(2, 4), (1, 4)],
    "every number of queries and keys": [(t, n) for n in range(1, 7) for t in range(1, n + 1)],
}, through=shared.mask, axes="time keys")  # fmt: skip
on_device(
    causal_mask, "the mask is made on the device that you ask for",
    lambda: (2, 3, torch.device("cpu")), shared.ON_CPU.format("whatever `device` says"),
    "device-ignored", shared.mask,
)  # fmt: skip


def weights_of(answer: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Any:
    return call(answer, q, k) if mask is None else call(answer, q, k, mask)


def right_weights(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None) -> Tensor:
    return oracles.weights(q, k, seen)


KNOWN, FIRST = family("weights"), family("first_attempts")
MISTAKES = mistakes("    if mask is None:", "", "weights", KNOWN + FIRST)
attention_weights = Check("attention_weights", "attention", mistakes=MISTAKES)
shared.add_probes(attention_weights, weights_of, right_weights, "batch heads time keys")
shared.add_leading_axes(attention_weights, weights_of, right_weights)
on_device(
    attention_weights, "all is on the device of q", lambda: shared.inputs(3, 3)[:2],
    "makes a tensor on the CPU, wherever q and k are. On a GPU they could not meet: give it "
    "q.device, as in causal_mask(q.shape[-2], k.shape[-2], q.device).", "device-ignored",
)  # fmt: skip

KNOWN += family("values") + FIRST
MISTAKES = mistakes("    return attention_weights", "", "weights @ v", KNOWN)
attend = Check("attend", "attention", mistakes=MISTAKES)
shared.add_probes(attend, shared.means_of, oracles.attend, shared.AXES)
shared.add_leading_axes(attend, shared.means_of, oracles.attend)
