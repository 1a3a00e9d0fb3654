"""The check of AdamW's parameter groups: what decays and what does not."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint, Known

parameter_groups = Check("parameter_groups", "optim")


class Tiny(nn.Module):
    """A model with each kind of parameter, and an output that shares the embeddings' matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.tok_embeddings = nn.Embedding(5, 4)
        self.attention_norm = nn.LayerNorm(4)
        self.wq = nn.Linear(4, 4)
        self.ffn_norm = nn.LayerNorm(4, bias=False)
        self.output = nn.Linear(4, 5, bias=False)
        self.output.weight = self.tok_embeddings.weight


def decays(parameter_groups: Any, model: nn.Module, weight_decay: float | int) -> dict[str, Any]:
    """Each parameter's weight decay by its name, or how its listing went wrong."""
    groups = call(parameter_groups, model, weight_decay)
    if isinstance(groups, Iterator):
        raise Known("a-generator")
    if not isinstance(groups, tuple | list) or any(
        not isinstance(group, dict) or "params" not in group for group in groups
    ):
        raise Complaint('gives no list of dicts, each with "params" and "weight_decay".')
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = defaultdict(list)
    for group in groups:
        params = group["params"]  # for AdamW a single one does as well
        if isinstance(params, Iterator):
            raise Known("params-used-up")
        for listed in [params] if isinstance(params, Tensor) else params:
            # AdamW also takes pairs of a name and a parameter.
            parameter = listed[1] if isinstance(listed, tuple) else listed
            if id(parameter) not in names:
                raise Complaint(
                    f"lists {type(listed).__name__}s that are not the model's own parameters: "
                    "the optimiser would change those, and the model would stay as it is.",
                    "copies",
                )
            found[names[id(parameter)]].append(group.get("weight_decay", "no weight_decay"))
    return {
        name: found[name][0]
        if len(found[name]) == 1
        else ("listed twice" if found[name] else "in no group")
        for name in names.values()
    }


@parameter_groups.probe("a linear layer's matrix decays, its bias does not")
def linear(parameter_groups: Any) -> Iterator[Case]:
    got = decays(parameter_groups, nn.Linear(2, 3), 0.5)
    yield Case(got, {"weight": 0.5, "bias": 0.0}, "nn.Linear(2, 3) and weight_decay = 0.5")
    got = decays(parameter_groups, nn.Conv1d(2, 3, 2), 0.5)
    example = "nn.Conv1d(2, 3, 2), whose weight has three axes, and weight_decay = 0.5"
    yield Case(got, {"weight": 0.5, "bias": 0.0}, example)


@parameter_groups.probe("embeddings decay, norms do not, and a shared matrix is listed once")
def tied(parameter_groups: Any) -> Iterator[Case]:
    got = decays(parameter_groups, Tiny(), 0.1)
    right = {
        "tok_embeddings.weight": 0.1,
        "attention_norm.weight": 0.0,
        "attention_norm.bias": 0.0,
        "wq.weight": 0.1,
        "wq.bias": 0.0,
        "ffn_norm.weight": 0.0,
    }
    yield Case(got, right, "a model whose output is tied to its embeddings, and weight_decay = 0.1")


@parameter_groups.probe("what is frozen is in no group")
def frozen(parameter_groups: Any) -> Iterator[Case]:
    model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    model[0].weight.requires_grad_(False)
    model[1].bias.requires_grad_(False)
    got = decays(parameter_groups, model, 0.1)
    right = {"0.weight": "in no group", "0.bias": 0.0, "1.weight": 0.0, "1.bias": "in no group"}
    yield Case(got, right, "a model with 0.weight and 1.bias frozen, and weight_decay = 0.1")
