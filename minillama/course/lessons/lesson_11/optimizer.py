"""The checks of AdamW's step, its parameter groups and the learning rate's curve."""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from minillama.course.checking.answer import call, refusal
from minillama.course.checking.check import Check
from minillama.course.checking.probes import Parts, agrees, all_agree, examples
from minillama.course.complaint import Complaint

adamw_step = Check("adamw_step", "optim")
NEW = "the new mean", "the new mean_square", "the new parameter"


def stepped(adamw_step: Any, *args: Any, **options: Any) -> Parts:
    got = call(adamw_step, *args, **options)
    if not isinstance(got, tuple | list) or len(got) != 3:
        size = f" of {len(got)}" if isinstance(got, tuple | list) else ""
        raise Complaint(
            f"gives a {type(got).__name__}{size}. Three tensors are right: the new parameter, "
            "its new mean and its new mean_square."
        )
    return Parts(zip(NEW, (*got[1:], got[0]), strict=True))


def pytorchs(
    weight: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, step: int,
    lr: float | int, weight_decay: float | int, betas: tuple[float, float] = (0.9, 0.95),
    eps: float = 1e-8,
) -> Parts:  # fmt: skip
    """A step of PyTorch's AdamW, without its class, whose import takes a second."""
    new = [x.clone() for x in (mean, square, weight)]
    adamw(
        [new[2]], [gradient], [new[0]], [new[1]], [], [torch.tensor(step - 1.0)], lr=lr, eps=eps,
        weight_decay=weight_decay, beta1=betas[0], beta2=betas[1], amsgrad=False, maximize=False,
    )  # fmt: skip
    return Parts(zip(NEW, new, strict=True))


def step(*args: Any) -> tuple[Any, ...]:
    """Arguments with tensors for parameter, gradient, mean and mean_square."""
    tensors = torch.broadcast_tensors(*(torch.tensor(x).float() for x in args[:4]))
    return (*(x.clone() for x in tensors), *args[4:])


def ten_steps() -> Iterator[tuple[Any, ...]]:
    mean, square, weight = *torch.zeros(2, 2, 3).double(), torch.randn(2, 3).double()
    for step in range(1, 11):
        args = (weight, torch.randn(2, 3).double(), mean, square, step, 0.05, 0.3)
        mean, square, weight = pytorchs(*args).values()
        yield args


all_agree(adamw_step, pytorchs, {
    # The corrected mean is 0.5 and the corrected mean square 0.25, whose root is 0.5 too.
    "one weight, its first step by hand": [step([1], 0.5, 0, 0, 1, 0.1, 0)],
    # Here they are -0.005 / 0.19, where 0.19 is 1 - 0.9 ** 2, and 0.25.
    "one weight, its second step by hand": [step([0.9], -0.5, 0.05, 0.0125, 2, 0.1, 0)],
    "the first step is lr long, however large the gradient is":
        [step(0, [0.001, -1, 1000], 0, 0, 1, 0.1, 0)],
    "without a gradient, a weight shrinks by lr * weight_decay of itself":
        [step([2, -4], 0, 0, 0, 1, 0.5, 0.1)],
    "decay takes the same from a weight whatever its gradient is":
        [step(2, [0.001, 1, 1000], 0, 0, 1, 0.5, 0.1)],
    "eps is added to the root, and the betas are those given":
        [step(0, [1], 0, 0, 1, 1, 0, (0.9, 0.95), 3.0), step(0, [1e-8], 0, 0, 1, 1, 0),
         step(0, [2], 0, 0, 1, 1, 0, (0.5, 0.75))],
}, through=stepped)  # fmt: skip
agrees(
    adamw_step, "ten steps are those of torch.optim.AdamW", pytorchs, ten_steps, through=stepped,
    words="random numbers, lr 0.05, weight_decay 0.3", rtol=1e-7, atol=1e-9,
)  # fmt: skip

parameter_groups = Check("parameter_groups", "optim")


def tied() -> nn.Module:
    """A model with each kind of parameter, and an output that shares the embeddings' matrix."""
    parts = {"tok_embeddings": nn.Embedding(5, 4), "attention_norm": nn.LayerNorm(4)}
    parts |= {"wq": nn.Linear(4, 4), "ffn_norm": nn.LayerNorm(4, bias=False)}
    parts |= {"output": nn.Linear(4, 5, bias=False)}
    parts["output"].weight = parts["tok_embeddings"].weight
    return nn.ModuleDict(parts)


def frozen() -> nn.Module:
    model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    model[0].weight.requires_grad_(False)
    model[1].bias.requires_grad_(False)
    return model


def decays(parameter_groups: Any, of: str, make: Any) -> dict[str, Any]:
    """Each parameter's weight decay by its name, or how its listing went wrong."""
    model = make()
    groups = call(parameter_groups, model, 0.5)
    if not isinstance(groups, tuple | list) or any(
        not isinstance(group, dict) or "params" not in group for group in groups
    ):
        kind = "generator" if isinstance(groups, Iterator) else type(groups).__name__
        raise Complaint(f'gives a {kind}, and no list of dicts with "params" and "weight_decay".')
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = defaultdict(list)
    for group in groups:
        params = group["params"]  # for AdamW a single one does as well
        if isinstance(params, Iterator):
            raise Complaint('gives a group whose "params" can be gone through only once.')
        for listed in [params] if isinstance(params, Tensor) else params:
            # AdamW also takes pairs of a name and a parameter.
            parameter = listed[1] if isinstance(listed, tuple) else listed
            if id(parameter) not in names:
                raise Complaint(
                    f"lists {type(listed).__name__}s that are not the model's own parameters: "
                    "the optimizer would change those, and the model would stay as it is.",
                    "copies",
                )
            found[names[id(parameter)]].append(group.get("weight_decay", "no weight_decay"))
    words = ("in no group", None, "listed twice")
    return {name: words[min(len(found[name]), 2)] or found[name][0] for name in names.values()}


def rule(of: str, make: Any) -> dict[str, Any]:
    named = make().named_parameters()
    return {name: 0.5 * (p.ndim > 1) if p.requires_grad else "in no group" for name, p in named}


all_agree(parameter_groups, rule, {
    "a linear layer's matrix decays, its bias does not":
        [("nn.Linear(2, 3)", lambda: nn.Linear(2, 3)),
         ("nn.Conv1d(2, 3, 2), whose weight has three axes,", lambda: nn.Conv1d(2, 3, 2))],
    "embeddings decay, norms do not, and a shared matrix is listed once":
        [("a model whose output is tied to its embeddings", tied)],
    "what is frozen is in no group": [("a model with 0.weight and 1.bias frozen", frozen)],
}, through=decays, words=lambda of, make: f"{of} and weight_decay = 0.5")  # fmt: skip

learning_rate = Check("learning_rate", "optim")


def rates(learning_rate: Any, steps: Tensor, **options: Any) -> Tensor:
    """The rates of some steps, as one tensor."""
    got = [call(learning_rate, step, **options) for step in steps.tolist()]
    if any(isinstance(rate, Tensor) for rate in got):
        raise Complaint("gives a tensor, and a float is right.")
    return torch.tensor([float(rate) for rate in got], dtype=torch.float64)


def formula(steps: Tensor, peak: float, warmup: int, total: int, ratio: float = 0.0) -> Tensor:
    """A line to the peak, times half a cosine to the floor."""
    top = max(warmup, 1)  # the peak's step, counted from 1
    way = (steps.double() + 1 - top).clamp(0, total - top) / max(total - top, 1)
    falls = ratio + (1 - ratio) * (1 + (way * math.pi).cos()) / 2
    return peak * falls * ((steps + 1) / top).clamp(max=1)


all_agree(learning_rate, formula, {
    "four steps, by hand: two up, two down": [(torch.arange(4), 1.0, 2, 4)],  # 0.5, 1, 0.5, 0
    "it rises in a straight line and falls along half a cosine": [(torch.arange(8), 4.0, 4, 8)],
    "it falls to the floor, and there it stays": [(torch.arange(11), 2.0, 2, 6, 0.1)],
    "it works without a warm-up, and with nothing else":
        [(torch.arange(n), 1.0, warmup, n) for n, warmup in ((3, 0), (4, 4), (1, 1), (1, 0))],
    "a long schedule is that of the formula": [(torch.arange(300), 6e-4, 30, 300, 0.1)],
}, through=rates, rtol=1e-6, atol=1e-12)  # fmt: skip
refused = (0, 1.0, 5, 4), (-1, 1.0, 0, 4), (0, 1.0, -1, 4), (0, 1.0, 0, 0)
calls = [(args, "a ValueError") for args in refused]
examples(learning_rate, "what makes no curve is refused", *calls, through=refusal)
