"""The check of lesson 11's exercise on gradients that are added up, batch after batch."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call
from minillama.data import IGNORED, Batch

MODULE = "course.exercises.lesson_11"

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
