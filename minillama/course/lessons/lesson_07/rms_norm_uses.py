"""The checks of lesson 07's last exercises: normalised queries and keys, and the gradient."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.lessons.lesson_07.exercises import AXES

qk_norm_scores = Check("qk_norm_scores")


def normed(x: torch.Tensor, eps: float) -> torch.Tensor:
    """Zhang and Sennrich's equation 4 without the weight, in float64."""
    x = x.double()
    return x / (x.pow(2).sum(-1, keepdim=True) / x.shape[-1] + eps) ** 0.5


@qk_norm_scores.probe("one query and two keys, by hand")
def qk_by_hand(f: Any) -> Iterator[Case]:
    # All three have the same direction as [1, 1] or [1, -1], so normalised they are these.
    q, k = torch.tensor([[5.0, 5.0]]), torch.tensor([[0.2, 0.2], [-3.0, 3.0]])
    right = torch.tensor([[2**0.5, 0.0]])
    yield Case(call(f, q, k, 1e-8), right, "q = [[5, 5]] and k = [[0.2, 0.2], [-3, 3]]")


@qk_norm_scores.probe("scores depend on directions only, and stay within ±√d")
def qk_sizes(f: Any) -> Iterator[Case]:
    q, k = torch.randn(2, 3, 4, 8), torch.randn(2, 3, 5, 8)
    q[..., 0, :] *= 100
    k[..., 1, :] *= 100
    right = normed(q, 1e-6) @ normed(k, 1e-6).mT / 8**0.5
    yield Case(call(f, q, k, 1e-6), right.float(), axes="batch heads time keys")


@qk_norm_scores.probe("eps keeps small queries and keys small")
def qk_small(f: Any) -> Iterator[Case]:
    q, k = torch.tensor([[0.03, 0.04]]), torch.tensor([[0.0, 0.0], [0.05, 0.0]])
    right = normed(q, 0.01) @ normed(k, 0.01).mT / 2**0.5
    example = "q = [[0.03, 0.04]], k = [[0, 0], [0.05, 0]] and eps = 0.01"
    yield Case(call(f, q, k, 0.01), right.float(), example)


rms_norm_backward = Check("rms_norm_backward")


def gradient(x: torch.Tensor, weight: torch.Tensor, eps: float, grad: torch.Tensor) -> torch.Tensor:
    """What autograd says, in float64."""
    x = x.double().requires_grad_()
    result = normed(x, eps) * weight.double()
    return torch.autograd.grad(result, x, grad.double())[0].float()


@rms_norm_backward.probe("two components, by hand")
def backward_by_hand(f: Any) -> Iterator[Case]:
    # The root mean square of [3, 4] is 3.5355, so normed is [0.8485, 1.1314]; grad · normed has
    # the mean 0.42426, and 0.42426 · normed is [0.36, 0.48].
    got = call(f, torch.tensor([[3.0, 4.0]]), torch.ones(2), 1e-9, torch.tensor([[1.0, 0.0]]))
    right = torch.tensor([[0.64, -0.48]]) / 12.5**0.5
    yield Case(got, right, "x = [[3, 4]], weight = [1, 1] and grad = [[1, 0]]", rtol=1e-3)


@rms_norm_backward.probe("the same as autograd's, for a batch with a weight")
def backward_batch(f: Any) -> Iterator[Case]:
    x, weight, grad = torch.randn(2, 3, 8), torch.rand(8) + 0.5, torch.randn(2, 3, 8)
    x[:, 1] *= 10
    got = call(f, x, weight, 1e-5, grad)
    yield Case(got, gradient(x, weight, 1e-5, grad), axes=AXES)


@rms_norm_backward.probe("eps counts where x is small")
def backward_small(f: Any) -> Iterator[Case]:
    x, weight, grad = torch.tensor([[0.03, 0.04]]), torch.tensor([1.0, 2.0]), torch.ones(1, 2)
    example = "x = [[0.03, 0.04]], weight = [1, 2], eps = 0.01 and grad = [[1, 1]]"
    yield Case(call(f, x, weight, 0.01, grad), gradient(x, weight, 0.01, grad), example)
