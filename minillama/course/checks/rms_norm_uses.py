"""The checks of lesson 07's last exercises: normalised queries and keys, and the gradient."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.checks.lesson_07 import AXES, MODULE
from minillama.course.probing import Case, call

OF_Q = "torch.rsqrt(q.square().mean(dim=-1, keepdim=True) + eps)"
OF_K = "torch.rsqrt(k.square().mean(dim=-1, keepdim=True) + eps)"

qk_norm_scores = Check(
    "qk_norm_scores",
    MODULE,
    hints={"qk_norm_scores": "Each query and each key by its own RMS; then scores as ever."},
    mistakes=(
        Mistake(
            "queries-only",
            "Only the queries are normalised. A large key can still make a score as large as it "
            "likes.",
            {f"k = k * {OF_K}": "k = 1 * k"},
        ),
        Mistake(
            "keys-only",
            "Only the keys are normalised. A large query can still make a score as large as it "
            "likes.",
            {f"q = q * {OF_Q}": "q = 1 * q"},
        ),
        Mistake(
            "not-normalised",
            "These are the scores of the queries and keys as they came. Normalise both first.",
            {f"q = q * {OF_Q}": "q = 1 * q", f"k = k * {OF_K}": "k = 1 * k"},
        ),
        Mistake(
            "length-not-rms",
            "Queries and keys are divided by their length, not by their root mean square. Both "
            "are then too short by √d, and the scores too small by d.",
            {f"q = q * {OF_Q}": "q = q * torch.rsqrt(q.square().sum(dim=-1, keepdim=True) + eps)",
             f"k = k * {OF_K}": "k = k * torch.rsqrt(k.square().sum(dim=-1, keepdim=True) + eps)"},
        ),
        Mistake(
            "over-time",
            "The means run over the positions, so each query's size depends on the others, later "
            "ones too. A query is normalised by itself, along the last axis.",
            {f"q = q * {OF_Q}": "q = q * torch.rsqrt(q.square().mean(dim=-2, keepdim=True) + eps)",
             f"k = k * {OF_K}": "k = k * torch.rsqrt(k.square().mean(dim=-2, keepdim=True) + eps)"},
        ),
        Mistake(
            "scores-normalised",
            "The scores are normalised, each row by its own size. What is asked for is queries "
            "and keys that are normalised before the product.",
            {f"    q = q * {OF_Q}\n": "", f"    k = k * {OF_K}\n": "",
             "return q @ k.mT / math.sqrt(q.shape[-1])":
             f"q = q @ k.mT / math.sqrt(q.shape[-1])\n    return q * {OF_Q}"},
        ),
        Mistake(
            "not-scaled",
            "The division by √d is missing: normalised queries and keys have length √d each, so "
            "the scores reach d.",
            {" / math.sqrt(q.shape[-1])": ""},
        ),
        Mistake(
            "all-axes-reversed",
            "`.T` reverses all axes, and k may have (batch, heads, keys, head_dim). Only the last "
            "two are to be swapped: `k.mT`, or `k.transpose(-2, -1)`.",
            {"k.mT": "k.T"},
        ),
        Mistake(
            "divided-by-d",
            "The scores are divided by d, and by √d is right: this leaves cosines, which are all "
            "so small that softmax hardly tells them apart.",
            {" / math.sqrt(q.shape[-1])": " / q.shape[-1]"},
        ),
        Mistake(
            "eps-outside-root",
            "eps stands outside the root. Inside, no vector is magnified more than 1/√eps times; "
            "outside it is 1/eps, which is far more: small queries and keys come out too large.",
            {f"q = q * {OF_Q}": "q = q / (q.square().mean(dim=-1, keepdim=True).sqrt() + eps)",
             f"k = k * {OF_K}": "k = k / (k.square().mean(dim=-1, keepdim=True).sqrt() + eps)"},
        ),
    ),
)  # fmt: skip


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


rms_norm_backward = Check(
    "rms_norm_backward",
    MODULE,
    hints={
        "rms_norm_backward": "Two ways lead from x to the result: straight, and through the size. "
        "The second takes away what lies along x."
    },
    mistakes=(
        Mistake(
            "size-taken-for-constant",
            "The size is treated as a constant. It depends on x too: making x longer changes "
            "nothing in the result, so the gradient has no part along x.",
            {" - normed * (grad * normed).mean(dim=-1, keepdim=True)": ""},
        ),
        Mistake(
            "sum-not-mean",
            "The part along x is dim times too large: the size is a root of a mean, so the sum of "
            "grad · normed is divided by dim.",
            {"(grad * normed).mean(dim=-1, keepdim=True)":
             "(grad * normed).sum(dim=-1, keepdim=True)"},
        ),
        Mistake(
            "plus",
            "The part along x is added. The larger the size, the smaller the result: it is taken "
            "away.",
            {"(grad - normed": "(grad + normed"},
        ),
        Mistake(
            "weight-forgotten",
            "The weight plays no part. The result is multiplied by it, so the gradient is too, "
            "before anything else.",
            {"grad * weight": "1 * grad"},
        ),
        Mistake(
            "weight-last",
            "The weight is applied at the end. It came last on the way forward, so it comes first "
            "on the way back: before the mean is taken.",
            {"grad * weight": "1 * grad", "return scale *": "return weight * scale *"},
        ),
        Mistake(
            "weight-left-out-of-the-mean",
            "Inside the mean the weight is missing: the gradient that arrives at the normalised "
            "vector is grad · weight in both places.",
            {"(grad * normed).mean": "(grad / weight * normed).mean"},
        ),
        Mistake(
            "not-divided-by-size",
            "The division by the size is missing. What is ten times as large gets a gradient a "
            "tenth as large.",
            {"return scale * (": "return ("},
        ),
        Mistake(
            "x-not-normed",
            "The part along x is worked out with x itself, where the normalised x belongs: it is "
            "wrong by the square of the size.",
            {"(grad - normed * (grad * normed)": "(grad - x * (grad * x)"},
        ),
        Mistake(
            "one-mean-for-all",
            "One mean is taken over all vectors. Each has a size of its own, and so a mean of its "
            "own, along the last axis.",
            {"(grad * normed).mean(dim=-1, keepdim=True)": "(grad * normed).mean()"},
        ),
        Mistake(
            "forward",
            "This is RMSNorm of the gradient. What is asked for is how x's gradient follows from "
            "that of the result.",
            {"return scale * (grad - normed * (grad * normed).mean(dim=-1, keepdim=True))":
             "return grad * torch.rsqrt(grad.square().mean(dim=-1, keepdim=True) + eps)"},
        ),
        Mistake(
            "no-eps",
            "eps is missing. For a small x it decides: it holds the size up, and so the gradient "
            "down.",
            {"keepdim=True) + eps)": "keepdim=True))"},
        ),
    ),
)  # fmt: skip


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
