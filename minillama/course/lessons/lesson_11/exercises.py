"""The checks of lesson 11's exercises on the loss's gradient, and on another schedule."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

MODULE = "course.lessons.lesson_11.solutions"

cross_entropy_gradient = Check("cross_entropy_gradient")


@cross_entropy_gradient.probe("one position by hand: softmax minus one-hot")
def gradient_by_hand(f: Any) -> Iterator[Case]:
    logits = torch.tensor([[2.0, 1.0, 1.0]]).log()  # probabilities of a half and two quarters
    right = torch.tensor([[0.5, -0.75, 0.25]])
    example = "one position of probabilities [½, ¼, ¼] and target 1"
    yield Case(call(f, logits, torch.tensor([1])), right, example)


@cross_entropy_gradient.probe("the mean over several positions, as autograd has it")
def gradient_of_mean(f: Any) -> Iterator[Case]:
    for time, vocab in [(2, 3), (5, 7)]:
        logits, targets = torch.randn(time, vocab), torch.randint(vocab, (time,))
        leaf = logits.double().requires_grad_()
        right = torch.autograd.grad(F.cross_entropy(leaf, targets), leaf)[0].float()
        yield Case(call(f, logits, targets), right, f"{time} positions", "time vocab_size")


warmup_stable_decay = Check("warmup_stable_decay")


def rates(f: Any, **numbers: float | int) -> list[float]:
    steps = range(int(numbers["total"]))
    return [float(call(f, step, **numbers)) for step in steps]


@warmup_stable_decay.probe("ten steps by hand")
def ten_steps(f: Any) -> Iterator[Case]:
    got = rates(f, peak=1.0, warmup=2, total=10, decay=4)
    right = [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    example = "peak 1, warmup 2, total 10, decay 4, as the ten rates"
    yield Case(torch.tensor(got), torch.tensor(right), example)


@warmup_stable_decay.probe("another peak, other lengths")
def other_rates(f: Any) -> Iterator[Case]:
    got = rates(f, peak=0.006, warmup=4, total=9, decay=3)
    right = [0.0015, 0.003, 0.0045, 0.006, 0.006, 0.006, 0.006, 0.004, 0.002]
    example = "peak 0.006, warmup 4, total 9, decay 3"
    yield Case(torch.tensor(got), torch.tensor(right), example, atol=1e-8)


@warmup_stable_decay.probe("without a warm-up it begins at the peak")
def no_warmup(f: Any) -> Iterator[Case]:
    got = rates(f, peak=1.0, warmup=0, total=4, decay=2)
    example = "peak 1, warmup 0, total 4, decay 2"
    yield Case(torch.tensor(got), torch.tensor([1.0, 1.0, 1.0, 0.5]), example)
