"""Answers to RMSNorm and the exercises of lesson 07 as beginners write them, right and wrong."""

import pytest
import torch
import torch.nn.functional as F
from answering import Answers, verdicts_of
from torch import nn

pytestmark = pytest.mark.usefixtures("as_readers_run")
answers = Answers()


# RMSNorm


def norm(mistake=None):
    """Collect a function of x, weight and eps as the forward of a norm."""

    def collect(forward):
        class RMSNorm(nn.Module):
            def __init__(self, dim, eps):
                super().__init__()
                self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

            def forward(self, x):
                return forward(x, self.weight, self.eps)

        answers.add("RMSNorm", RMSNorm, mistake, forward.__name__)
        return forward

    return collect


@norm()
def powers(x, weight, eps):
    wide = x.to(torch.float32)
    size = (torch.sum(wide**2, dim=-1, keepdim=True) / x.shape[-1] + eps) ** 0.5
    return weight * (wide / size).to(x.dtype)


@norm()
def by_pytorch(x, weight, eps):
    return F.rms_norm(x.float(), x.shape[-1:], eps=eps).type_as(x) * weight


@norm("weight-before-rounding")
def all_by_pytorch(x, weight, eps):
    return F.rms_norm(x, x.shape[-1:], weight, eps)


@norm("layer-norm")
def pytorchs_layer_norm(x, weight, eps):
    return F.layer_norm(x, x.shape[-1:], weight, None, eps)


@norm("layer-norm-of-a-sample")
def layer_norm_from_a_sample(x, weight, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + eps).sqrt() * weight


@norm("unbiased-variance")
def by_std(x, weight, eps):
    return x / (x.std(-1, keepdim=True) + eps) * weight


@norm("sum-of-squares")
def by_length(x, weight, eps):
    return x / x.norm(dim=-1, keepdim=True) * weight


@norm("eps-outside-root")
def length_over_root_of_width(x, weight, eps):
    return x / (x.norm(dim=-1, keepdim=True) * x.shape[-1] ** -0.5 + eps) * weight


@norm("low-precision")
def in_any_dtype(x, weight, eps):
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


@norm("in-place")
def writes_into_what_float_gives(x, weight, eps):
    wide = x.float()
    wide *= torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return wide.type_as(x) * weight


@norm("no-keepdim")
def loses_the_axis(x, weight, eps):
    return x / torch.sqrt(x.pow(2).mean(-1) + eps) * weight


@norm("over-everything")
def one_size(x, weight, eps):
    return x / torch.sqrt(x.pow(2).mean() + eps) * weight


@norm("over-time-too")
def frobenius(x, weight, eps):
    size = torch.linalg.norm(x, dim=(-2, -1), keepdim=True)
    return x / (size * (x.shape[-1] * x.shape[-2]) ** -0.5) * weight


# layer_norm


@answers("layer_norm")
def by_var_mean(x, eps):
    var, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return (x - mean) / torch.sqrt(var + eps)


@answers("layer_norm")
def through_rms_norm(x, eps):
    return F.rms_norm(x - x.mean(-1, keepdim=True), x.shape[-1:], eps=eps)


@answers("layer_norm", "unbiased")
def with_std(x, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + eps)


@answers("layer_norm", "unbiased")
def with_var(x, eps):
    return (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, keepdim=True) + eps)


@answers("layer_norm", "not-centred")
def only_rms(x, eps):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)


@answers("layer_norm", "size-of-the-uncentred")
def centres_afterwards(x, eps):
    y = x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)
    return y - y.mean(-1, keepdim=True)


@answers("layer_norm", "in-place")
def writes_into_x(x, eps):
    x -= x.mean(-1, keepdim=True)
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)


@answers("layer_norm", "eps-outside-root")
def eps_outside(x, eps):
    c = x - x.mean(-1, keepdim=True)
    return c / ((c**2).mean(-1, keepdim=True) ** 0.5 + eps)


# fold_norm


@answers("fold_norm")
def through_a_diagonal(norm_weight, matrix):
    return matrix @ torch.diag(norm_weight)


@answers("fold_norm")
def column_by_column(norm_weight, matrix):
    return torch.stack([matrix[:, i] * w for i, w in enumerate(norm_weight)], dim=1)


@answers("fold_norm", "rows")
def scales_rows(norm_weight, matrix):
    return norm_weight.unsqueeze(1) * matrix


@answers("fold_norm", "rows")
def diagonal_first(norm_weight, matrix):
    return torch.diag(norm_weight) @ matrix


@answers("fold_norm", "applied")
def sends_the_weight_through(norm_weight, matrix):
    return F.linear(norm_weight, matrix)


# qk_norm_scores


@answers("qk_norm_scores")
def cosines(q, k, eps):
    d = q.shape[-1]
    size = lambda x: (x.pow(2).sum(-1) / d + eps).sqrt()  # noqa: E731
    return (
        torch.einsum("...td,...sd->...ts", q, k)
        / size(q)[..., None]
        / size(k)[..., None, :]
        / d**0.5
    )


@answers("qk_norm_scores")
def by_rms_norm(q, k, eps):
    q, k = (F.rms_norm(x, x.shape[-1:], eps=eps) for x in (q, k))
    return q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5


@answers("qk_norm_scores", "not-scaled")
def forgets_the_root(q, k, eps):
    q, k = (F.rms_norm(x, x.shape[-1:], eps=eps) for x in (q, k))
    return q @ k.mT


@answers("qk_norm_scores", "all-axes-reversed")
def reverses_all_axes(q, k, eps):
    q, k = (F.rms_norm(x, x.shape[-1:], eps=eps) for x in (q, k))
    return torch.matmul(q, k.T) / q.shape[-1] ** 0.5


@answers("qk_norm_scores", "queries-only")
def only_queries(q, k, eps):
    return F.rms_norm(q, q.shape[-1:], eps=eps) @ k.mT / q.shape[-1] ** 0.5


# rms_norm_backward


@answers("rms_norm_backward")
def by_autograd(x, weight, eps, grad):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(F.rms_norm(x, x.shape[-1:], weight, eps), x, grad)[0]


@answers("rms_norm_backward")
def two_ways(x, weight, eps, grad):
    r = (x.pow(2).mean(-1, keepdim=True) + eps) ** -0.5
    g = grad * weight
    return r * g - r**3 * x / x.shape[-1] * (g * x).sum(-1, keepdim=True)


@answers("rms_norm_backward", "size-taken-for-constant")
def straight_only(x, weight, eps, grad):
    return grad * weight / (x.pow(2).mean(-1, keepdim=True) + eps).sqrt()


@answers("rms_norm_backward", "sum-not-mean")
def forgets_the_width(x, weight, eps, grad):
    r = (x.pow(2).mean(-1, keepdim=True) + eps) ** -0.5
    g = grad * weight
    return r * g - r**3 * x * (g * x).sum(-1, keepdim=True)


@answers("rms_norm_backward", "weight-forgotten")
def without_weight(x, weight, eps, grad):
    r = (x.pow(2).mean(-1, keepdim=True) + eps) ** -0.5
    return r * grad - r**3 * x * (grad * x).mean(-1, keepdim=True)


test_an_answer_gets_its_verdict, test_a_blank_is_not_written_yet = verdicts_of(answers)
