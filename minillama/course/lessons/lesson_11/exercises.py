"""The checks of lesson 11's exercises: the loss's gradient, adding up, clipping."""

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minillama.course.checking.answer import call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import Parts, agrees, all_agree, examples
from minillama.course.complaint import Complaint
from minillama.data import IGNORED, Batch

cross_entropy_gradient = Check("cross_entropy_gradient")


def autograds(logits: Tensor, targets: Tensor) -> Tensor:
    leaf = logits.double().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(leaf, targets), leaf)[0]


gradient = torch.tensor([[0.5, -0.75, 0.25]])
words = "one position of probabilities [½, ¼, ¼] and target 1"
one = (torch.tensor([[2.0, 1.0, 1.0]]).log(), torch.tensor([1])), gradient, words
examples(cross_entropy_gradient, "one position by hand: softmax minus one-hot", one)
agrees(
    cross_entropy_gradient, "the mean over several positions, as autograd has it", autograds,
    lambda: [(torch.randn(t, n), torch.randint(n, (t,))) for t, n in ((2, 3), (5, 7))],
    axes="time vocab_size",
)  # fmt: skip

accumulate = Check("accumulate")


class Toy(nn.Module):
    """A model of a table and a layer; what it predicts also depends on the document."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(5, 3), nn.Linear(3, 5)
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            nn.init.normal_(parameter, generator=generator)

    def forward(self, tokens: Tensor, cache: Any = None, mask: Tensor | None = None) -> Tensor:
        place = torch.zeros_like(tokens) if mask is None else mask.sum((1, 3))  # keys that are seen
        return self.layer(torch.tanh(self.table(tokens)) + 0.3 * place[..., None])


FULL, FEW = [[1, 2, 3, 0], [3, 3, 1, 2]], [[2, IGNORED, IGNORED, IGNORED], [IGNORED] * 4]
SOME = [[IGNORED, 1, 0, IGNORED], [2, 2, IGNORED, 1]]


def batches_of(*targets: list[list[int]], before: float = 0.0) -> tuple[list[Batch], float]:
    documents = torch.arange(4).expand(2, 4)
    rows = [(torch.randint(5, (2, 4)), torch.tensor(t), documents.clone()) for t in targets]
    return [Batch(*row) for row in rows], before


def in_words(batches: list[Batch], before: float) -> str:
    targets = ", ".join(str(int((batch.targets != IGNORED).sum())) for batch in batches)
    return f"batches of {targets} targets" + " and gradients of 1 from before" * (before == 1)


def gradients_of(model: nn.Module) -> dict[str, Tensor]:
    grads = {f"the gradient of {name}": x.grad for name, x in model.named_parameters()}
    found = {name: grad.float() for name, grad in grads.items() if grad is not None}
    if len(found) < len(grads):
        raise Complaint("leaves no gradients in the model: is `backward()` called?")
    return found


def one_large(batches: list[Batch], before: float) -> Parts:
    """The loss and the gradients of all the targets at once, in float64."""
    model = Toy().double()
    logits = torch.cat([model(batch.tokens, mask=batch.mask).flatten(0, 1) for batch in batches])
    targets = torch.cat([batch.targets.flatten() for batch in batches])
    loss = F.cross_entropy(logits, targets, ignore_index=IGNORED)
    loss.backward()
    return Parts(gradients_of(model) | {"the loss": loss.item()})


def accumulated(f: Any, batches: list[Batch], before: float) -> dict[str, Any]:
    """What an answer makes of a model that has these gradients already."""
    model = Toy()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, before) if before else None
    loss = call(f, model, batches)
    if isinstance(loss, Tensor):
        raise Complaint("gives the loss as a tensor, and a float is right.")
    return gradients_of(model) | {"the loss": loss}


all_agree(accumulate, one_large, {
    "one batch is as usual": lambda: [batches_of(FULL)],
    "several batches give the gradient of one large batch": lambda: [batches_of(FULL, FULL)],
    "however the targets are spread over them": lambda: [batches_of(FULL, FEW, SOME)],
    "gradients of before are gone": lambda: [batches_of(FULL, SOME, before=1.0)],
}, through=accumulated, words=in_words)  # fmt: skip

clip_by_global_norm = Check("clip_by_global_norm")


def numbered(tensors: Iterable[Any]) -> Parts:
    return Parts({f"tensor {n}": tensor for n, tensor in enumerate(tensors, 1)})


def clipped(f: Any, gradients: list[Tensor], largest: float) -> Parts:
    given = call(f, gradients, largest)
    if not isinstance(given, list | tuple) or len(given) != len(gradients):
        raise Complaint(f"gives a {type(given).__name__}. A list of the tensors, scaled, is right.")
    return numbered(given)


def pytorchs(gradients: list[Tensor], largest: float) -> Parts:
    parameters = [nn.Parameter(gradient) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    nn.utils.clip_grad_norm_(parameters, largest)
    return numbered(parameter.grad for parameter in parameters)


all_agree(clip_by_global_norm, pytorchs, {
    "two tensors of norms 3 and 4 have the norm 5 together":
        [([torch.tensor([3.0, 0.0]), torch.tensor([[0.0], [4.0]])], 2.5)],
    "what is small enough stays as it is":
        [([torch.tensor([0.3, 0.0]), torch.tensor([0.4])], 2.0), ([torch.zeros(2)], 1.0)],
    "as torch.nn.utils.clip_grad_norm_":
        lambda: [([torch.randn(3, 2), 4 * torch.randn(5), torch.randn(1)], 1.0)],
}, through=clipped)  # fmt: skip
