"""Answers to the exercises of lessons 00 and 04 as beginners write them, right and wrong."""

import math

import pytest
import torch
import torch.nn.functional as F
from answering import Answers, verdicts_of

from minillama.attention import attend, causal_mask
from minillama.course.registry import CHECKS

pytestmark = pytest.mark.usefixtures("as_readers_run")
answers = Answers()


# count_parameters


@answers("count_parameters")
def adds_up(model):
    total = 0
    for p in model.parameters():
        total += p.nelement()
    return total


@answers("count_parameters")
def by_shapes(model):
    return sum(math.prod(p.shape) for _, p in model.named_parameters())


@answers("count_parameters")
def as_a_tensor(model):
    return torch.tensor([p.numel() for p in model.parameters()]).sum()


@answers("count_parameters", "return-inside-the-loop")
def returns_in_the_loop(model):
    total = 0
    for p in model.parameters():
        total += p.numel()
        return total


@answers("count_parameters", "only-the-last")
def does_not_add(model):
    for p in model.parameters():
        total = p.numel()
    return total


@answers("count_parameters", "matrices-only")
def skips_biases(model):
    return sum(p.numel() for name, p in model.named_parameters() if "bias" not in name)


@answers("count_parameters", "tensors-not-numbers")
def counts_tensors(model):
    return len(list(model.parameters()))


@answers("count_parameters", "rows-only")
def lengths(model):
    return sum(len(p) for p in model.parameters())


@answers("count_parameters", "buffers-too")
def all_of_the_state(model):
    return sum({t.data_ptr(): t.numel() for t in model.state_dict().values()}.values())


# loss_by_hand


@answers("loss_by_hand")
def gathers(logits, targets):
    return -F.log_softmax(logits, 1).gather(1, targets.unsqueeze(1)).mean()


@answers("loss_by_hand")
def one_hot(logits, targets):
    hot = F.one_hot(targets, logits.shape[1]).float()
    return -(hot * logits.log_softmax(-1)).sum(-1).mean()


@answers("loss_by_hand")
def by_eye(logits, targets):
    return -(torch.eye(logits.shape[-1])[targets] * logits.log_softmax(-1)).sum() / len(targets)


@answers("loss_by_hand")
def log_sum_exp(logits, targets):
    return (logits.logsumexp(1) - logits[range(len(targets)), targets]).mean()


@answers("loss_by_hand")
def in_a_loop(logits, targets):
    total = 0
    for row, target in zip(logits, targets, strict=True):
        total = total - row.log_softmax(0)[target]
    return total / len(targets)


@answers("loss_by_hand", "overflows")
def softmax_then_log(logits, targets):
    return -torch.softmax(logits, -1).log()[torch.arange(len(targets)), targets].mean()


@answers("loss_by_hand", "overflows")
def softmax_by_hand(logits, targets):
    p = logits.exp() / logits.exp().sum(-1, keepdim=True)
    return -torch.log(p[torch.arange(len(targets)), targets]).mean()


@answers("loss_by_hand", "overflows")
def log_of_the_sum(logits, targets):
    return (logits.exp().sum(-1).log() - logits[torch.arange(len(targets)), targets]).mean()


@answers("loss_by_hand", "probability-not-logarithm")
def forgets_the_log(logits, targets):
    return -logits.softmax(-1)[torch.arange(len(targets)), targets].mean()


@answers("loss_by_hand", "probability-not-logarithm")
def forgets_log_and_sign(logits, targets):
    return logits.softmax(-1)[torch.arange(len(targets)), targets].mean()


@answers("loss_by_hand", "mean-missing")
def forgets_the_mean(logits, targets):
    return -logits.log_softmax(-1)[torch.arange(len(targets)), targets]


@answers("loss_by_hand", "return-inside-the-loop")
def returns_at_once(logits, targets):
    total = 0
    for t in range(len(targets)):
        total -= logits[t].log_softmax(0)[targets[t]]
        return total / len(targets)


@answers("loss_by_hand", "over-time")
def over_positions(logits, targets):
    return -logits.log_softmax(0)[torch.arange(len(targets)), targets].mean()


@answers("loss_by_hand", "ready-made")
def as_pytorch_has_it(logits, targets):
    return F.cross_entropy(logits, targets)


@answers("loss_by_hand", "ready-made")
def by_a_module(logits, targets):
    return torch.nn.CrossEntropyLoss()(logits, targets)


@answers("loss_by_hand", "every-target-everywhere")
def all_pairs(logits, targets):
    return -logits.log_softmax(-1)[:, targets].mean()


# slope_by_nudging


@answers("slope_by_nudging")
def rise_over_run(f, x, nudge):
    right, left = x + nudge, x - nudge
    return (f(right) - f(left)) / (right - left)


@answers("slope_by_nudging", "nudge-ignored")
def autograd(f, x, nudge):
    x = torch.tensor(x, requires_grad=True)
    return torch.autograd.grad(f(x), x)[0].item()


@answers("slope_by_nudging", "nudge-ignored")
def own_nudge(f, x, nudge):
    return (f(x + 0.001) - f(x - 0.001)) / 0.002


@answers("slope_by_nudging", "whole-number-division")
def floors(f, x, nudge):
    return (f(x + nudge) - f(x - nudge)) // (2 * nudge)


@answers("slope_by_nudging", "multiplied")
def no_brackets(f, x, nudge):
    return (f(x + nudge) - f(x - nudge)) / 2 * nudge


@answers("slope_by_nudging", "one-side")
def forward(f, x, nudge):
    return (f(x + nudge) - f(x)) / nudge


# attention_entropy and the masks


@answers("attention_entropy")
def where_positive(weights):
    return -(weights * torch.where(weights > 0, weights, 1.0).log()).sum(-1)


@answers("attention_entropy", "zero-times-log-zero")
def nan_at_zero(weights):
    return -torch.sum(weights * torch.log(weights), dim=-1)


@answers("prefix_mask")
def fills_a_square(time, prefix):
    mask = torch.ones(time, time).tril().bool()
    mask[:prefix, :prefix] = True
    return mask


@answers("prefix_mask", "prefix-sees-all")
def fills_rows(time, prefix):
    mask = torch.ones(time, time).tril().bool()
    mask[:prefix] = True
    return mask


@answers("prefix_mask", "causal-only")
def forgets_the_prefix(time, prefix):
    return torch.ones(time, time).tril() == 1


@answers("sliding_window_mask")
def two_triangles(time, keys, window):
    ones = torch.ones(time, keys)
    return (ones.tril(keys - time) - ones.tril(keys - time - window)).bool()


@answers("sliding_window_mask", "window-plus-one")
def too_wide(time, keys, window):
    ones = torch.ones(time, keys)
    return (ones.tril(keys - time) * ones.triu(keys - time - window)).bool()


@answers("sliding_window_mask", "not-causal")
def only_how_far_back(time, keys, window):
    places = torch.arange(keys)
    return places > places[keys - time :, None] - window


# attend_in_chunks


def chunks(piece):
    """An answer from what makes the queries from start to end."""

    def attend_in_chunks(q, k, v, size):
        starts = range(0, q.shape[-2], size)
        return torch.cat([piece(q, k, v, s, min(s + size, q.shape[-2])) for s in starts], -2)

    attend_in_chunks.__name__ = piece.__name__
    return attend_in_chunks


@answers("attend_in_chunks")
def splits(q, k, v, size):
    out, end = [], 0
    for part in q.split(size, dim=-2):
        end += part.shape[-2]
        out.append(attend(part, k[..., :end, :], v[..., :end, :]))
    return torch.cat(out, -2)


@answers("attend_in_chunks")
@chunks
def by_einsum(q, k, v, start, end):
    scores = torch.einsum("bhtd,bhsd->bhts", q[:, :, start:end], k[:, :, :end])
    mask = causal_mask(end - start, end)
    weights = (scores / q.shape[-1] ** 0.5).masked_fill(~mask, -1e9).softmax(-1)
    return torch.einsum("bhts,bhsd->bhtd", weights, v[:, :, :end])


@answers("attend_in_chunks")
@chunks
def by_products_of_numbers(q, k, v, start, end):
    scores = (q[:, :, start:end, None] * k[:, :, None, :end]).sum(-1) / q.shape[-1] ** 0.5
    powers = scores.exp() * causal_mask(end - start, end)
    return powers @ v[:, :, :end] / powers.sum(-1, keepdim=True)


@answers("attend_in_chunks")
@chunks
def by_pytorch(q, k, v, start, end):
    mask = causal_mask(end - start, end)
    return F.scaled_dot_product_attention(q[:, :, start:end], k[:, :, :end], v[:, :, :end], mask)


@answers("attend_in_chunks")
def into_a_table(q, k, v, size):
    out = torch.empty_like(q)
    for start in range(0, q.shape[2], size):
        end = start + size  # a slice may end too late
        part = q[:, :, start:end]
        out[:, :, start:end] = attend(part, k[:, :, :end], v[:, :, :end])
    return out


@answers("attend_in_chunks", "no-chunks")
def in_one_piece(q, k, v, size):
    return attend(q, k, v)


@answers("attend_in_chunks", "no-chunks")
def pytorchs_in_one_piece(q, k, v, size):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@answers("attend_in_chunks", "no-chunks")
def all_scores_first(q, k, v, size):
    scores = torch.einsum("bhtd,bhsd->bhts", q, k) / q.shape[-1] ** 0.5
    scores = scores.masked_fill(~causal_mask(q.shape[2], q.shape[2]), -math.inf)
    return torch.cat([part.softmax(-1) @ v for part in scores.split(size, 2)], 2)


@answers("attend_in_chunks", "all-keys-and-a-mask")
@chunks
def sliced_mask(q, k, v, start, end):
    return attend(q[:, :, start:end], k, v, causal_mask(q.shape[2], q.shape[2])[start:end])


@answers("attend_in_chunks", "all-keys-and-a-mask")
@chunks
def pytorchs_sliced_mask(q, k, v, start, end):
    mask = causal_mask(q.shape[2], q.shape[2])[start:end]
    return F.scaled_dot_product_attention(q[:, :, start:end], k, v, mask)


@answers("attend_in_chunks", "size-not-used")
def one_by_one(q, k, v, size):
    ends = range(1, q.shape[2] + 1)
    return torch.cat([attend(q[:, :, e - 1 : e], k[:, :, :e], v[:, :, :e]) for e in ends], 2)


@answers("attend_in_chunks", "all-keys")
@chunks
def all_keys(q, k, v, start, end):
    return attend(q[:, :, start:end], k, v)


@answers("attend_in_chunks", "return-inside-the-loop")
def first_chunk(q, k, v, size):
    for start in range(0, q.shape[2], size):
        end = start + size
        return attend(q[:, :, start:end], k[:, :, :end], v[:, :, :end])


test_an_answer_gets_its_verdict, test_a_blank_is_not_written_yet = verdicts_of(answers)


@pytest.mark.parametrize("name", answers.names)
def test_a_tuple_is_said_to_be_one(name):
    reference = CHECKS[name].reference
    result = CHECKS[name].run(lambda *args: (reference(*args),))
    assert not result.passed and result.mistake is None
    assert "it gives a tuple" in result.message
    assert "is right: is there a comma behind what it returns?" in result.message


NUMPY = """
def causal_mask(time, keys, device=None):
    import numpy
    queries = numpy.arange(keys - time, keys)[:, None]
    return torch.from_numpy(numpy.arange(keys) <= queries)
"""
AMBIGUOUS = """
def attention_weights(q, k, mask=None):
    if not mask:
        mask = causal_mask(q.shape[-2], k.shape[-2], q.device)
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~mask, -torch.inf)
    return scores.softmax(-1)
"""
BACKWARDS = """
def attend(q, k, v, mask=None):
    return v @ attention_weights(q, k, mask)
"""


def of_attention(source):
    from minillama import attention

    namespace = dict(vars(attention))
    exec(source, namespace)
    return namespace


def test_a_mask_made_by_numpy_is_on_the_cpu():
    result = CHECKS["causal_mask"].run(of_attention(NUMPY)["causal_mask"])
    assert (result.passed, result.mistake) == (False, "device-ignored")


def test_values_before_weights_are_named():
    assert CHECKS["attend"].run(of_attention(BACKWARDS)["attend"]).mistake == "values-first"


def test_a_habit_from_numpy_gets_its_cure():
    result = CHECKS["attention_weights"].run(of_attention(AMBIGUOUS)["attention_weights"])
    assert not result.passed and "write `is None`" in result.message
