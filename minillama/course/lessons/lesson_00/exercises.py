"""The checks of lesson 00's exercises."""

import math
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn, tensor

from minillama.course.checking.answer import call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import agrees, all_examples, examples
from minillama.course.checking.spies import Called
from minillama.course.complaint import Known

count_parameters = Check("count_parameters")
layer = partial(nn.utils.skip_init, nn.Linear)  # which draws no random numbers
TIED = nn.Sequential(layer(4, 4), layer(4, 4))
TIED[1].weight = TIED[0].weight
all_examples(count_parameters, {
    "a layer of 3 times 2 weights and 2 biases has 8": [((layer(3, 2),), 8, "nn.Linear(3, 2)")],
    "every tensor of every layer counts": [
        ((nn.Sequential(layer(3, 2), layer(2, 2)),), 14, "two layers of 8 and 6 numbers"),
    ],
    "shared tensors count once, buffers not at all": [
        ((TIED,), 24, "two layers of 4 biases that share one 4 × 4 matrix"),
        ((nn.Sequential(layer(4, 5), nn.BatchNorm1d(5)),), 35,
         "a layer of 25 numbers and a norm of 10, which has buffers"),
    ],
})  # fmt: skip


def by_hand(answer: Any, logits: Tensor, targets: Tensor) -> Any:
    """Call an answer, which may not leave the work to PyTorch."""
    with Called() as called:
        got = call(answer, logits, targets)
    if "cross_entropy" in called.names:
        raise Known("ready-made")
    return got


loss_by_hand = Check("loss_by_hand")
# The probabilities are 1/4 and 3/4 at the first position, 1/2 and 1/2 at the second.
LOGITS, LOSS = tensor([[0.0, math.log(3)], [5.0, 5.0]]), tensor(math.log(8 / 3) / 2)
examples(
    loss_by_hand, "by hand, for two tokens and two positions",
    ((LOGITS, tensor([1, 0])), LOSS, "logits [[0, ln 3], [5, 5]] and targets [1, 0]"),
    through=by_hand)  # fmt: skip
agrees(
    loss_by_hand, "equal to PyTorch's cross_entropy", F.cross_entropy,
    lambda: [(torch.randn(7, 5) * 3, tensor([0, 4, 2, 2, 1, 3, 0])),
             (tensor([[1000.0, 0.0], [0.0, -1000.0]]), tensor([1, 0]))])  # fmt: skip

slope_by_nudging = Check("slope_by_nudging")
all_examples(slope_by_nudging, {
    "a straight line": [
        ((lambda x: 3 * x + 1, 2.0, 0.5), 3.0, "f(x) = 3x + 1 at x = 2 with nudge = 0.5"),
    ],
    "a parabola, at which the middle of both sides is exact": [
        ((lambda x: x * x, 3.0, 0.1), 6.0, "f(x) = x² at x = 3 with nudge = 0.1"),
    ],
    "a cubic, at which the size of the nudge shows": [  # ((x + n)³ - (x - n)³) / 2n = 3x² + n²
        ((lambda x: x**3, 1.5, 0.5), 7.0, "f(x) = x³ at x = 1.5 with nudge = 0.5"),
        ((lambda x: x**3, -0.5, 0.7), 1.24, "f(x) = x³ at x = -0.5 with nudge = 0.7"),
    ],
})  # fmt: skip
