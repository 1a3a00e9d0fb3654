"""The checks of lesson 11's exercises."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call
from minillama.data import IGNORED, Batch

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


LOSS_A_TENSOR = (
    "The loss comes back as a tensor, and a float is asked for. One that was never detached holds "
    "on to all that backward needs, step after step: `.item()` makes a number of it."
)
accumulate = Check(
    "accumulate",
    MODULE,
    hints={
        "accumulate": "First count the targets of all batches that are not IGNORED. Then each "
        "batch's loss is its sum divided by that number; backward() adds up."
    },
    mistakes=(
        Mistake(
            "mean-of-means",
            "This is the mean of the batches' means. A batch with few targets then counts as "
            "much as a full one, so each of its targets counts for more. Divide every sum by the "
            "number of targets in all.",
            {"n_targets = sum(int((batch.targets != IGNORED).sum()) for batch in batches)":
             "n_batches = len(batches)",
             'ignore_index=IGNORED, reduction="sum"': "ignore_index=IGNORED",
             "(loss / n_targets)": "(loss / n_batches)",
             "loss.item() / n_targets": "loss.item() / n_batches"},
        ),
        Mistake(
            "means-added",
            "The means of the batches are added. With n batches the gradient is about n times too "
            "large, as if the learning rate were.",
            {"n_targets = sum(int((batch.targets != IGNORED).sum()) for batch in batches)":
             "n_targets = 1", 'ignore_index=IGNORED, reduction="sum"': "ignore_index=IGNORED"},
        ),
        Mistake(
            "sums-added",
            "The losses of all targets are added and never divided by their number.",
            {"n_targets = sum(int((batch.targets != IGNORED).sum()) for batch in batches)":
             "n_targets = 1"},
        ),
        Mistake(
            "places-counted",
            "All places are counted, those without a target too. Count the targets that are not "
            "IGNORED.",
            {"int((batch.targets != IGNORED).sum())": "batch.targets.numel()"},
        ),
        Mistake(
            "only-the-last",
            "The gradients are cleared for each batch, so that only the last one's are left. "
            "Clear them once, before the first.",
            {"    for batch in batches:\n":
             "    for batch in batches:\n        model.zero_grad()\n"},
        ),
        Mistake(
            "not-cleared",
            "Gradients that were there before are still in the sum: clear them first.",
            {"    model.zero_grad()\n": ""},
        ),
        Mistake(
            "documents-forgotten",
            "The model is not told which document each token is of, so that stories in a row see "
            "each other.",
            {", documents=batch.documents": ""},
        ),
        Mistake(
            "loss-of-the-last",
            "The gradient is right, and the loss is that of the last batch alone: add them up.",
            {"total += loss": "total = loss"},
        ),
        Mistake(
            "return-inside-the-loop",
            "Only the first batch is learnt from: the `return` stands inside the loop.",
            {"\n    return total": "\n        return total"},
        ),
        Mistake(
            "a-tensor",
            LOSS_A_TENSOR,
            {"total += loss.item() / n_targets": "total += loss.detach() / n_targets"},
        ),
        Mistake(
            "axes-not-swapped",
            "cross_entropy looks for the vocabulary on the second axis, and there it finds time. "
            "Flatten batch and time into one axis, of the logits and of the targets, or swap the "
            "logits' last two axes (.mT).",
            {".flatten(0, 1)": "", "batch.targets.flatten()": "batch.targets"},
        ),
        Mistake(
            "no-backward",
            "There are no gradients: `backward()` is never called.",
            {"(loss / n_targets).backward()": "(loss / n_targets)"},
        ),
    ),
)  # fmt: skip


class Toy(nn.Module):
    """A model of a table and a layer; what it predicts also depends on the document."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(5, 3), nn.Linear(3, 5)

    def forward(self, tokens: Tensor, cache: Any = None, documents: Tensor | None = None) -> Tensor:
        place = torch.zeros_like(tokens) if documents is None else documents
        return self.layer(torch.tanh(self.table(tokens)) + 0.3 * place[..., None])


def toy(seed: int) -> Toy:
    model = Toy()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=generator)
    return model


def batch_of(seed: int, targets: list[list[int]]) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    shape = (len(targets), len(targets[0]))
    tokens = torch.randint(5, shape, generator=generator)
    return Batch(tokens, torch.tensor(targets), torch.arange(shape[1]).expand(shape).clone())


FULL = [[1, 2, 3, 0], [3, 3, 1, 2]]
FEW = [[2, IGNORED, IGNORED, IGNORED], [IGNORED] * 4]
NONE_YET = [[IGNORED, 1, 0, IGNORED], [2, 2, IGNORED, 1]]


def one_large(model: Toy, batches: list[Batch]) -> tuple[float, dict[str, Tensor]]:
    """The loss and the gradients of all the targets at once, in float64."""
    model = model.double()
    logits = torch.cat([model(b.tokens, documents=b.documents).flatten(0, 1) for b in batches])
    targets = torch.cat([b.targets.flatten() for b in batches])
    wanted = targets != IGNORED
    loss = -logits.log_softmax(-1)[wanted][torch.arange(int(wanted.sum())), targets[wanted]].mean()
    loss.backward()
    return loss.item(), gradients_of(model)


def gradients_of(model: nn.Module) -> dict[str, Tensor]:
    found = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            raise Complaint("leaves no gradients in the model: is `backward()` called?")
        found[name] = parameter.grad.float()
    return found


def accumulated(f: Any, targets: list[list[list[int]]], words: str, before: bool) -> Iterator[Case]:
    batches = [batch_of(seed, each) for seed, each in enumerate(targets)]
    loss, right = one_large(toy(0), batches)
    model = toy(0)
    if before:
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
    given = call(f, model, batches)
    for name, gradient in gradients_of(model).items():
        yield Case(gradient, right[name], f"{words}, as the gradient of {name}")
    yield Case(given, loss, f"{words}, as the loss")
    if isinstance(given, Tensor):
        raise Complaint(f"is not right yet. {LOSS_A_TENSOR}", "a-tensor")


@accumulate.probe("one batch is as usual")
def one_batch(f: Any) -> Iterator[Case]:
    yield from accumulated(f, [FULL], "one batch of 8 targets", before=False)


@accumulate.probe("several batches give the gradient of one large batch")
def equal_batches(f: Any) -> Iterator[Case]:
    yield from accumulated(f, [FULL, FULL], "two batches of 8 targets each", before=False)


@accumulate.probe("however the targets are spread over them")
def unequal_batches(f: Any) -> Iterator[Case]:
    words = "batches of 8, 1 and 5 targets"
    yield from accumulated(f, [FULL, FEW, NONE_YET], words, before=False)


@accumulate.probe("gradients of before are gone")
def cleared(f: Any) -> Iterator[Case]:
    words = "a model with gradients of 1 from before, and two batches"
    yield from accumulated(f, [FULL, NONE_YET], words, before=True)


NORM = "torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()"
clip_by_global_norm = Check(
    "clip_by_global_norm",
    MODULE,
    hints={
        "clip_by_global_norm": "One norm: the root of the sum of all squares in all tensors. One "
        "factor: largest over norm, but at most 1."
    },
    mistakes=(
        Mistake(
            "each-by-itself",
            "Each tensor is clipped by its own norm. That changes the direction of the step: "
            "large gradients shrink and small ones do not. One factor for all keeps it.",
            {"return [gradient * factor for gradient in gradients]":
             "return [g * min(1.0, largest / max(float(g.norm()), 1e-12)) for g in gradients]"},
        ),
        Mistake(
            "numbers-cut-off",
            "Every number is cut off at `largest`. That changes the direction of the step; "
            "scaling all by one factor keeps it.",
            {"gradient * factor": "gradient.clamp(-largest, largest)"},
        ),
        Mistake(
            "always-scaled",
            "Small gradients are made larger. Clipping only ever makes them smaller: the factor "
            "is 1 at most.",
            {"min(1.0, largest / float(norm))": "largest / float(norm)"},
        ),
        Mistake(
            "always-scaled",
            "Small gradients are made larger. Clipping only ever makes them smaller: the factor "
            "is 1 at most.",
            {"min(1.0, largest / float(norm)) if norm > 0 else 1.0": "largest / norm"},
        ),
        Mistake(
            "norms-added",
            "The norms of the tensors are added. The norm of all of them together is the root of "
            "the sum of the squares, which is less.",
            {NORM: "torch.stack([gradient.norm() for gradient in gradients]).sum()"},
        ),
        Mistake(
            "root-forgotten",
            "This is the square of the norm: take the root of the sum of squares.",
            {".sum().sqrt()": ".sum()"},
        ),
        Mistake(
            "largest-of-the-norms",
            "This takes the norm of the largest tensor for that of all. Add up all squares.",
            {NORM: "torch.stack([gradient.norm() for gradient in gradients]).max()"},
        ),
        Mistake(
            "factor-upside-down",
            "The factor is norm over largest, which makes large gradients larger.",
            {"largest / float(norm)": "float(norm) / largest"},
        ),
        Mistake(
            "normalised-only",
            "The norm comes out as 1 and not as `largest`.",
            {"largest / float(norm)": "1.0 / float(norm)"},
        ),
        Mistake(
            "nothing-done",
            "The gradients come back as they were, however large.",
            {"gradient * factor": "gradient * 1.0"},
        ),
    ),
)  # fmt: skip


def clipped(f: Any, gradients: list[Tensor], largest: float) -> list[Tensor]:
    given = call(f, [gradient.clone() for gradient in gradients], largest)
    if not isinstance(given, list | tuple) or len(given) != len(gradients):
        raise Complaint(f"gives a {type(given).__name__}. A list of the tensors, scaled, is right.")
    return list(given)


@clip_by_global_norm.probe("two tensors of norms 3 and 4 have the norm 5 together")
def three_four_five(f: Any) -> Iterator[Case]:
    gradients = [torch.tensor([3.0, 0.0]), torch.tensor([[0.0], [4.0]])]
    got = clipped(f, gradients, 2.5)
    for given, right in zip(got, gradients, strict=True):
        yield Case(given, right / 2, "the tensors [3, 0] and [[0], [4]], and largest 2.5")


@clip_by_global_norm.probe("what is small enough stays as it is")
def small_ones(f: Any) -> Iterator[Case]:
    gradients = [torch.tensor([0.3, 0.0]), torch.tensor([0.4])]
    for given, right in zip(clipped(f, gradients, 2.0), gradients, strict=True):
        yield Case(given, right, "the tensors [0.3, 0] and [0.4], and largest 2")
    zeros = clipped(f, [torch.zeros(2)], 1.0)
    yield Case(zeros[0], torch.zeros(2), "the tensor [0, 0] and largest 1")


@clip_by_global_norm.probe("as torch.nn.utils.clip_grad_norm_")
def as_torch(f: Any) -> Iterator[Case]:
    gradients = [torch.randn(3, 2), torch.randn(5) * 4, torch.randn(1)]
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    got = clipped(f, gradients, 1.0)
    for given, parameter in zip(got, parameters, strict=True):
        assert parameter.grad is not None
        yield Case(given, parameter.grad, "three random tensors, and largest 1")
