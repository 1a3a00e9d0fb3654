"""Answers to the exercises of lesson 11 as beginners write them, right and wrong."""

import math

import pytest
import torch
import torch.nn.functional as F
from answering import Answers, verdicts_of

from minillama.course.registry import CHECKS

pytestmark = pytest.mark.usefixtures("as_readers_run")
answers = Answers()


# cross_entropy_gradient


@answers("cross_entropy_gradient")
def one_hot(logits, targets):
    return (logits.softmax(-1) - F.one_hot(targets, logits.shape[-1])) / logits.shape[0]


@answers("cross_entropy_gradient")
def by_autograd(logits, targets):
    z = logits.clone().requires_grad_()
    F.cross_entropy(z, targets).backward()
    return z.grad


@answers("cross_entropy_gradient")
def by_exponentials(logits, targets):
    powers = (logits - logits.max(1, keepdim=True).values).exp()
    shares = powers / powers.sum(1, keepdim=True)
    for t, target in enumerate(targets):
        shares[t, target] -= 1
    return shares / len(targets)


@answers("cross_entropy_gradient", "not-averaged")
def of_the_sum(logits, targets):
    return logits.softmax(-1) - F.one_hot(targets, logits.shape[-1])


@answers("cross_entropy_gradient", "uphill")
def the_other_way(logits, targets):
    return (F.one_hot(targets, logits.shape[-1]) - logits.softmax(-1)) / len(targets)


@answers("cross_entropy_gradient", "averaged-over-everything")
def mean_of_all(logits, targets):
    return (logits.softmax(-1) - F.one_hot(targets, logits.shape[-1])) / logits.numel()


@answers("cross_entropy_gradient", "every-target-everywhere")
def colon(logits, targets):
    p = F.softmax(logits, dim=-1)
    p[:, targets] -= 1
    return p / len(targets)


@answers("cross_entropy_gradient", "in-place")
def into_the_logits(logits, targets):
    logits[range(len(targets)), targets] -= 1
    return logits.softmax(-1) / len(targets)


@answers("cross_entropy_gradient", "over-time")
def first_axis(logits, targets):
    return (logits.softmax(0) - F.one_hot(targets, logits.shape[-1])) / len(targets)


# warmup_stable_decay


@answers("warmup_stable_decay")
def three_cases(step, *, peak, warmup, total, decay):
    if step < warmup:
        return peak * (step + 1) / warmup
    if step < total - decay:
        return peak
    return peak * (total - step) / decay


@answers("warmup_stable_decay")
def as_a_tensor(step, *, peak, warmup, total, decay):
    rate = peak
    if step + 1 < warmup:
        rate = (step + 1) * peak / warmup
    elif step > total - decay:
        rate = peak - peak * (step - (total - decay)) / decay
    return torch.tensor(rate)


@answers("warmup_stable_decay", "first-step-0")
def from_zero(step, *, peak, warmup, total, decay):
    if step < warmup:
        return peak * step / warmup
    return peak if step < total - decay else peak * (total - step) / decay


@answers("warmup_stable_decay", "last-step-0")
def to_zero(step, *, peak, warmup, total, decay):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak if step < total - decay else peak * (total - 1 - step) / decay


@answers("warmup_stable_decay", "upside-down")
def what_is_done(step, *, peak, warmup, total, decay):
    if step < warmup:
        return peak * (step + 1) / warmup
    if step < total - decay:
        return peak
    return peak * (step - (total - decay)) / decay


@answers("warmup_stable_decay", "cosine")
def half_a_cosine(step, *, peak, warmup, total, decay):
    if step < warmup:
        return peak * (step + 1) / warmup
    done = max(0.0, (step - (total - decay)) / decay)
    return peak * 0.5 * (1 + math.cos(math.pi * done))


@answers("warmup_stable_decay", "divides-by-zero")
def smallest_of_three(step, *, peak, warmup, total, decay):
    return peak * min((step + 1) / warmup, 1, (total - step) / decay)


@answers("warmup_stable_decay", "nothing-level")
def straight_down(step, *, peak, warmup, total, decay):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (total - step) / (total - warmup)


# accumulate


def targets_of(batches):
    return sum((batch.targets != -100).sum() for batch in batches)


def logits_of(model, batch):
    return model(batch.tokens, documents=batch.documents)


@answers("accumulate")
def weighted_means(model, batches):
    for p in model.parameters():
        p.grad = None
    n, whole = targets_of(batches), 0
    for batch in batches:
        mine = (batch.targets != -100).sum()
        loss = F.cross_entropy(logits_of(model, batch).mT, batch.targets) * mine / n
        loss.backward()
        whole = whole + loss.detach()
    return whole.item()


@answers("accumulate", "a-tensor")
def never_made_a_number(model, batches):
    model.zero_grad()
    n = targets_of(batches)
    sums = [F.cross_entropy(logits_of(model, b).mT, b.targets, reduction="sum") for b in batches]
    loss = sum(sums) / n
    loss.backward()
    return loss


@answers("accumulate", "axes-not-swapped")
def time_for_vocabulary(model, batches):
    model.zero_grad()
    n, whole = targets_of(batches), 0.0
    for batch in batches:
        loss = F.cross_entropy(logits_of(model, batch), batch.targets, reduction="sum") / n
        loss.backward()
        whole += loss.item()
    return whole


@answers("accumulate")
def divided_afterwards(model, batches):
    model.zero_grad()
    n, whole = int(targets_of(batches)), 0.0
    for batch in batches:
        loss = F.cross_entropy(logits_of(model, batch).mT, batch.targets, reduction="sum")
        loss.backward()
        whole += float(loss)
    for p in model.parameters():
        p.grad /= n
    return whole / n


@answers("accumulate")
def one_graph(model, batches):
    model.zero_grad()
    sums = [F.cross_entropy(logits_of(model, b).mT, b.targets, reduction="sum") for b in batches]
    loss = sum(sums) / targets_of(batches)
    loss.backward()
    return loss.item()


@answers("accumulate", "mean-of-means")
def as_tutorials_do(model, batches):
    model.zero_grad()
    whole = 0.0
    for batch in batches:
        loss = F.cross_entropy(logits_of(model, batch).mT, batch.targets) / len(batches)
        loss.backward()
        whole += loss.item()
    return whole


@answers("accumulate", "means-added")
def backward_each(model, batches):
    model.zero_grad()
    whole = 0.0
    for batch in batches:
        loss = F.cross_entropy(logits_of(model, batch).mT, batch.targets)
        loss.backward()
        whole += loss.item()
    return whole


@answers("accumulate", "places-counted")
def all_places(model, batches):
    model.zero_grad()
    n, whole = sum(batch.targets.numel() for batch in batches), 0.0
    for batch in batches:
        loss = F.cross_entropy(logits_of(model, batch).mT, batch.targets, reduction="sum") / n
        loss.backward()
        whole += loss.item()
    return whole


@answers("accumulate", "only-the-last")
def clears_each_time(model, batches):
    n, whole = targets_of(batches), 0.0
    for batch in batches:
        model.zero_grad()
        loss = F.cross_entropy(logits_of(model, batch).mT, batch.targets, reduction="sum") / n
        loss.backward()
        whole += loss.item()
    return whole


@answers("accumulate", "not-cleared")
def trusts_the_caller(model, batches):
    n, whole = targets_of(batches), 0.0
    for batch in batches:
        loss = F.cross_entropy(logits_of(model, batch).mT, batch.targets, reduction="sum") / n
        loss.backward()
        whole += loss.item()
    return whole


@answers("accumulate", "no-backward")
def only_looks(model, batches):
    n = targets_of(batches)
    sums = [F.cross_entropy(logits_of(model, b).mT, b.targets, reduction="sum") for b in batches]
    return (sum(sums) / n).item()


# clip_by_global_norm


@answers("clip_by_global_norm")
def all_in_one(gradients, largest):
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    return [g * torch.clamp(largest / (norm + 1e-6), max=1.0) for g in gradients]


@answers("clip_by_global_norm")
def with_an_if(gradients, largest):
    norm = math.sqrt(sum(float((g**2).sum()) for g in gradients))
    if norm <= largest:
        return gradients
    return [g / norm * largest for g in gradients]


@answers("clip_by_global_norm", "always-scaled")
def always_to_the_largest(gradients, largest):
    norm = torch.stack([g.norm() for g in gradients]).norm()
    return [g * (largest / norm) for g in gradients]


@answers("clip_by_global_norm", "in-place")
def as_torch_does_it(gradients, largest):
    norm = torch.stack([g.norm() for g in gradients]).norm()
    for g in gradients:
        g.mul_((largest / (norm + 1e-6)).clamp(max=1.0))
    return gradients


@answers("clip_by_global_norm", "each-by-itself")
def one_by_one(gradients, largest):
    return [g if g.norm() <= largest else g / g.norm() * largest for g in gradients]


@answers("clip_by_global_norm", "numbers-cut-off")
def clamps(gradients, largest):
    return [g.clip(-largest, largest) for g in gradients]


@answers("clip_by_global_norm", "norms-added")
def adds_norms(gradients, largest):
    norm = sum(g.norm() for g in gradients)
    return [g * min(1, largest / (norm + 1e-12)) for g in gradients]


@answers("clip_by_global_norm", "root-forgotten")
def squares(gradients, largest):
    norm = sum((g**2).sum() for g in gradients)
    return [g * min(1, largest / (norm + 1e-12)) for g in gradients]


@answers("clip_by_global_norm", "always-scaled")
def normalises(gradients, largest):
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    return [g * largest / (norm + 1e-12) for g in gradients]


test_an_answer_gets_its_verdict, test_a_blank_is_not_written_yet = verdicts_of(answers)


def test_one_tensor_in_place_of_a_list_is_named():
    result = CHECKS["clip_by_global_norm"].run(lambda gradients, largest: gradients[0])
    assert "gives a Tensor. A list of the tensors, scaled, is right." in result.message
