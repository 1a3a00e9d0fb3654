"""The checks of lesson 07: RMSNorm against the formula in float64, and the exercises."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, ones, rand, randn, tensor

from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import agrees, all_agree, examples, gradients, modules

rms_norm = Check("RMSNorm", "norm")
NORM: dict[str, Any] = {"through": modules(lambda w, eps: (len(w["weight"]), eps))}
# The squares of 3 and 4 have the mean 12.5, whose root is 3.5355.
X, UNIT = tensor([[3.0, 4.0]]), tensor([[0.8485, 1.1314]])
ONES, STEEP = {"weight": ones(2)}, {"weight": tensor([1.0, 10.0])}
SMALL = tensor([[0.0, 0.0], [0.03, 0.04], [1.0, 1.0]])
# 3 and 4 over 3.5355 are 0.8477 and 1.1328 in bfloat16, and times 1.09375, rounded, these.
HALF = X.bfloat16(), {"weight": ones(2) * 1.09375}, 1e-6
ROUNDED = tensor([[0.92578125, 1.2421875]]).bfloat16()


def formula(x: Tensor, w: dict[str, Tensor], eps: float) -> Tensor:
    return oracles.rms_norm(x, w["weight"], eps)


examples(
    rms_norm, "one vector, by hand", ((X, ONES, 1e-6), UNIT),
    ((X, STEEP, 1e-6), UNIT * STEEP["weight"], "x = [[3, 4]] and weight = [1, 10]"),
    rtol=1e-3, **NORM)  # fmt: skip
examples(
    rms_norm, "its weights are 1 at the start", ((X,), UNIT, "a new norm and x = [[3, 4]]"),
    through=lambda RMSNorm, x: call(call(RMSNorm, 2, 1e-6), x), rtol=1e-3)  # fmt: skip
agrees(
    rms_norm, "every position is normalized by itself", formula, axes="batch time dim",
    inputs=lambda: [(randn(2, 3, 8) * 10 + 0.5, {"weight": rand(8)}, 1e-5)], **NORM)  # fmt: skip
agrees(
    rms_norm, "eps keeps small vectors small, and zeros zero", formula, [(SMALL, ONES, 0.01)],
    words="x = [[0, 0], [0.03, 0.04], [1, 1]] and eps = 0.01", **NORM)  # fmt: skip
agrees(
    rms_norm, "half precision goes in and comes out, and float32 lies between", formula,
    lambda: [(X.half() * 100, ONES, 1e-5),
             (randn(4, 64).bfloat16(), {"weight": rand(64).bfloat16()}, 1e-5)],
    words=lambda x, w, eps: f"x in {x.dtype}, beginning with {x[0, 0]:g}",
    rtol=0.02, atol=0.01, **NORM)  # fmt: skip
examples(
    rms_norm, "the result is rounded before the weight is applied, as in LLaMA's published code",
    (HALF, ROUNDED, "x = [[3, 4]] in bfloat16 and weight = [1.09375, 1.09375]"),
    atol=0.0, **NORM)  # fmt: skip
gradients(
    rms_norm, "the gradients of x and of the weight are right", formula,
    lambda: (randn(3, 8), {"weight": rand(8)}, 1e-5), **NORM)  # fmt: skip

layer_norm = Check("layer_norm")
examples(  # The mean is 3; of what is left, -2, 0 and 2, the mean square is 8/3, its root 1.633.
    layer_norm, "one vector, by hand",
    ((tensor([[1.0, 3.0, 5.0]]), 1e-6), tensor([[-1.2247, 0.0, 1.2247]])))  # fmt: skip
all_agree(layer_norm, lambda x, eps: F.layer_norm(x, x.shape[-1:], eps=eps), {
    "the same as PyTorch's, for a batch of vectors far from zero":
        lambda: [(3 * randn(2, 3, 6) + tensor([5.0, -2.0, 1.0])[:, None], 1e-5)],
    "eps keeps small vectors small": [(tensor([[0.03, 0.04, 0.05], [7.0, 7.0, 7.0]]), 0.01)],
})  # fmt: skip

sees_the_future = Check("sees_the_future")
HONEST = {
    "every output is the sum of the tokens so far": lambda ids: ids.cumsum(1),
    "every output is the token before": lambda ids: ids.roll(1, dims=1) * tensor([0, 1, 1, 1]),
}
LEAKY = {
    "every output is the mean of all tokens": lambda ids: ids.mean(1, keepdim=True) + 0 * ids,
    "every output is the next token": lambda ids: ids.roll(-1, dims=1),
    "the first output is the last token": lambda ids: ids[:, -1:] * tensor([1, 0, 0, 0]),
}


@sees_the_future.probe("no for a model that only looks back, yes for models that leak")
def honest_and_leaky(sees_the_future: Any) -> Iterator[Case]:
    for last in (0, 1, 4):
        tokens = tensor([[1, 3, 2, last]])
        for words, model in (HONEST | LEAKY).items():
            got = call(sees_the_future, lambda ids, f=model: f(ids.double())[..., None], tokens)
            example = f"tokens {tokens.tolist()} and a model in which {words}"
            yield Case(bool(got), words in LEAKY, example)


def backward(x: Tensor, weight: Tensor, eps: float, grad: Tensor) -> Tensor:
    """What autograd says, in float64."""
    x = x.double().requires_grad_()
    return torch.autograd.grad(oracles.rms_norm(x, weight, eps), x, grad.double())[0].float()


rms_norm_backward = Check("rms_norm_backward")
# The root mean square of [3, 4] is 3.5355, so normed is [0.8485, 1.1314]; grad · normed has
# the mean 0.42426, and 0.42426 · normed is [0.36, 0.48].
SLOPES = tensor([[0.64, -0.48]]) / 12.5**0.5
examples(
    rms_norm_backward, "two components, by hand",
    ((X, ones(2), 1e-9, tensor([[1.0, 0.0]])), SLOPES))  # fmt: skip
all_agree(rms_norm_backward, backward, {
    "the same as autograd's, for a batch with a weight":
        lambda: [(randn(2, 3, 8) * 9, rand(8) + 0.5, 1e-5, randn(2, 3, 8))],
    "eps counts where x is small": [(X / 100, tensor([1.0, 2.0]), 0.01, ones(1, 2))],
})  # fmt: skip
