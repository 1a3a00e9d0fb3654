"""The checks of lesson 11's exercises on the loss's gradient, and on another schedule."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call

MODULE = "course.exercises.lesson_11"
MINUS_ONE = "    gradient[torch.arange(len(targets)), targets] -= 1\n"

cross_entropy_gradient = Check(
    "cross_entropy_gradient",
    MODULE,
    hints={
        "cross_entropy_gradient": "The softmax of the logits, less one at each target, over the "
        "number of targets."
    },
    mistakes=(
        Mistake(
            "nothing-subtracted",
            "These are the probabilities. At the token that came, 1 is subtracted: it is the one "
            "whose logit should rise.",
            {MINUS_ONE: ""},
        ),
        Mistake(
            "not-averaged",
            "This is the gradient of the sum of the losses. The mean divides it by the number of "
            "targets.",
            {" / len(targets)": ""},
        ),
        Mistake(
            "averaged-over-everything",
            "It is divided by the number of all logits. The loss is a mean over targets: divide "
            "by their number alone.",
            {"/ len(targets)": "/ gradient.numel()"},
        ),
        Mistake(
            "uphill",
            "The sign is the wrong way round: this is one-hot minus softmax, along which the loss "
            "falls. The gradient is where it rises.",
            {"return gradient": "return -gradient"},
        ),
        Mistake(
            "over-time",
            "The softmax runs over the positions. At each position the tokens compete, along the "
            "last axis.",
            {"dim=-1": "dim=0"},
        ),
        Mistake(
            "every-target-everywhere",
            "`[:, targets]` takes all the targets' columns at every position. Each position has "
            "one target: index with a pair, `[torch.arange(n), targets]`.",
            {"[torch.arange(len(targets)), targets]": "[:, targets]"},
        ),
        Mistake(
            "no-softmax",
            "1 is subtracted from the logits themselves. The gradient is made of probabilities: "
            "softmax first.",
            {"logits.softmax(dim=-1)": "logits.clone()"},
        ),
        Mistake(
            "log-softmax",
            "These are logarithms of probabilities. The gradient has the probabilities "
            "themselves.",
            {".softmax(": ".log_softmax("},
        ),
        Mistake(
            "target-column-only",
            "Only the targets' own logits get a gradient. The others have one too, their "
            "probability: what did not come is pushed down.",
            {"return gradient": "one_hot = F.one_hot(targets, logits.shape[-1])\n"
             "    return gradient * one_hot"},
        ),
    ),
)  # fmt: skip


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


warmup_stable_decay = Check(
    "warmup_stable_decay",
    MODULE,
    hints={
        "warmup_stable_decay": "The smallest of three: the line that rises, 1, and the line that "
        "falls; times the peak."
    },
    mistakes=(
        Mistake(
            "first-step-0",
            "The first step has a rate of 0 and learns nothing. Steps count from 0, so step + 1 of "
            "the warm-up have begun.",
            {"(step + 1) /": "step /"},
        ),
        Mistake(
            "last-step-0",
            "The last step has a rate of 0 and learns nothing. The line comes to 0 at step total, "
            "after the last.",
            {"(total - step) /": "(total - 1 - step) /"},
        ),
        Mistake(
            "nothing-level",
            "It falls from the end of the warm-up on. Only the last `decay` steps fall; before "
            "them the rate stays.",
            {"max(decay, 1)": "max(total - warmup, 1)"},
        ),
        Mistake(
            "never-falls",
            "The rate stays at the peak to the end: `decay` is not used.",
            {"min(up, 1.0, down)": "min(up, 1.0)"},
        ),
        Mistake(
            "no-warm-up",
            "The rate is at the peak from the first step on: `warmup` is not used.",
            {"min(up, 1.0, down)": "min(1.0, down)"},
        ),
        Mistake(
            "above-the-peak",
            "The rate goes on rising after the warm-up, above the peak.",
            {"min(up, 1.0, down)": "min(up, down)"},
        ),
        Mistake(
            "upside-down",
            "In the last steps the rate jumps down and rises again: the fraction counts what is "
            "done and not what is left.",
            {"down = (total - step) / max(decay, 1)":
             "begin = total - decay\n"
             "    down = 1.0 if step < begin else (step - begin) / max(decay, 1)"},
        ),
        Mistake(
            "factor-not-rate",
            "This is the share of the peak and not the rate: multiply by peak.",
            {"return peak * ": "return "},
        ),
        Mistake(
            "divides-by-zero",
            "With warmup = 0 it divides by zero. A run without a warm-up begins at the peak.",
            {"max(warmup, 1)": "warmup"},
        ),
        Mistake(
            "cosine",
            "It falls along half a cosine. This schedule falls in a straight line.",
            {"return peak * min(up, 1.0, down)":
             "down = 0.5 * (1 - math.cos(math.pi * min(down, 1.0)))\n"
             "    return peak * min(up, 1.0, down)",
             "    up =": "    import math\n\n    up ="},
        ),
    ),
)  # fmt: skip


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
