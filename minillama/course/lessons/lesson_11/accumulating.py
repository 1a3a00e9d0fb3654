"""The check of lesson 11's exercise on gradients that are added up, batch after batch."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint, Known
from minillama.data import IGNORED, Batch

MODULE = "course.lessons.lesson_11.solutions"

accumulate = Check("accumulate")


class Toy(nn.Module):
    """A model of a table and a layer; what it predicts also depends on the document."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(5, 3), nn.Linear(3, 5)

    def forward(self, tokens: Tensor, cache: Any = None, mask: Tensor | None = None) -> Tensor:
        place = torch.zeros_like(tokens) if mask is None else mask.sum((1, 3))  # keys that are seen
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
    logits = torch.cat([model(b.tokens, mask=b.mask).flatten(0, 1) for b in batches])
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
        raise Known("a-tensor")


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
