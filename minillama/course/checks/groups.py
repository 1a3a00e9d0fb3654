"""The check of AdamW's parameter groups: what decays and what does not."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call

USED_UP = (
    "A generator comes back, which is empty once it has been gone through. Whoever looks at the "
    "groups first leaves none to the optimiser: return a list."
)
PARAMS_USED_UP = (
    'A group\'s "params" is a generator, which has no length and is empty once it has been gone '
    "through. Whoever counts the parameters first leaves none to the optimiser: make it a list."
)

parameter_groups = Check(
    "parameter_groups",
    "optim",
    hints={
        "parameter_groups": "Take the parameters that require a gradient. Those of two axes or "
        "more go into a group with weight_decay, the others into one with weight_decay 0.",
    },
    mistakes=(
        Mistake(
            "vectors-decay",
            "Vectors decay too. The scale of a norm has the natural value 1 and a bias none at "
            "all: pulling them to zero helps nothing and harms what they are for.",
            {'"weight_decay": 0.0': '"weight_decay": weight_decay'},
        ),
        Mistake(
            "nothing-decays",
            "Nothing decays: weight_decay is not used.",
            {'"weight_decay": weight_decay': '"weight_decay": 0.0'},
        ),
        Mistake(
            "groups-swapped",
            "The groups are swapped: vectors decay, and matrices do not.",
            {'"weight_decay": weight_decay}': '"weight_decay": 0}',
             '"weight_decay": 0.0}': '"weight_decay": weight_decay}'},
        ),
        Mistake(
            "embeddings-left-out",
            "The embeddings do not decay. They are a matrix as the others are, and here decay.",
            {"parameters if p.ndim >= 2":
             "parameters if p.ndim >= 2 and not is_embedding(model, p)",
             "parameters if p.ndim < 2": "parameters if p.ndim < 2 or is_embedding(model, p)",
             '    parameters = [':
             "    def is_embedding(model, p):\n"
             "        layers = [m for m in model.modules() if isinstance(m, nn.Embedding)]\n"
             "        return any(p is layer.weight for layer in layers)\n\n"
             "    parameters = ["},
        ),
        Mistake(
            "embeddings-lost",
            "The embeddings are in no group, so they would never be trained.",
            {"if p.requires_grad]":
             "if p.requires_grad and not any(p is m.weight for m in model.modules() "
             "if isinstance(m, nn.Embedding))]"},
        ),
        Mistake(
            "tied-twice",
            "A matrix that two layers share is listed twice, so the optimiser would change it "
            "twice in a step. `model.parameters()` gives it once.",
            {"model.parameters()": "dict(model.named_parameters(remove_duplicate=False)).values()"},
        ),
        Mistake(
            "frozen-included",
            "Frozen parameters are included. What does not require a gradient is not trained, and "
            "must not decay either: list those alone that require one.",
            {" if p.requires_grad]": "]"},
        ),
        Mistake(
            "vectors-lost",
            "The vectors are in no group, so norms and biases would never be trained. They must "
            "not decay, but learn they should. Are both groups taken from one generator? It is "
            "empty when the second asks.",
            {"p for p in parameters if p.ndim < 2": ""},
        ),
        Mistake(
            "a-generator",
            USED_UP,
            {"    return [\n": "    yield from [\n"},
        ),
        Mistake(
            "params-used-up",
            PARAMS_USED_UP,
            {"[p for p in parameters if p.ndim >= 2]": "(p for p in parameters if p.ndim >= 2)",
             "[p for p in parameters if p.ndim < 2]": "(p for p in parameters if p.ndim < 2)"},
        ),
        Mistake(
            "three-axes-lost",
            "What has more than two axes is in no group, so it would never be trained. A "
            "convolution's weight has three: two axes *or more* decay.",
            {"p.ndim >= 2": "p.ndim == 2"},
        ),
        Mistake(
            "three-axes-spared",
            "What has more than two axes does not decay. A convolution's weight has three, and is "
            "a map like a matrix: two axes *or more* decay.",
            {"p.ndim >= 2": "p.ndim == 2", "p.ndim < 2": "p.ndim != 2"},
        ),
        Mistake(
            "left-to-default",
            "The group of the vectors names no weight_decay. PyTorch's AdamW then takes its own, "
            "which is 0.01 and not 0.",
            {', "weight_decay": 0.0': ""},
        ),
        Mistake(
            "only-biases-spared",
            "Only the biases are spared. The norms' weights are vectors too, and must not decay.",
            {"parameters if p.ndim >= 2": "parameters if not is_bias(model, p)",
             "parameters if p.ndim < 2": "parameters if is_bias(model, p)",
             '    parameters = [':
             "    def is_bias(model, p):\n"
             '        return any(p is q and "bias" in n for n, q in model.named_parameters())\n\n'
             "    parameters = ["},
        ),
        Mistake(
            "only-norms-spared",
            "Only what is called a norm is spared. Biases are vectors too, and a norm may have "
            "another name: go by the number of axes.",
            {"parameters if p.ndim >= 2": "parameters if not is_norm(model, p)",
             "parameters if p.ndim < 2": "parameters if is_norm(model, p)",
             '    parameters = [':
             "    def is_norm(model, p):\n"
             '        return any(p is q and "norm" in n for n, q in model.named_parameters())\n\n'
             "    parameters = ["},
        ),
        Mistake(
            "by-name",
            "What decays is decided by whether a name has bias or norm in it. Here a norm has "
            "another name, and decays: go by the number of axes.",
            {"parameters if p.ndim >= 2": "parameters if not is_spared(model, p)",
             "parameters if p.ndim < 2": "parameters if is_spared(model, p)",
             '    parameters = [':
             "    def is_spared(model, p):\n"
             "        names = [n for n, q in model.named_parameters() if p is q]\n"
             '        return any("norm" in n or "bias" in n for n in names)\n\n'
             "    parameters = ["},
        ),
        Mistake(
            "fixed-decay",
            "The decay is 0.1 whatever weight_decay is given.",
            {'"weight_decay": weight_decay': '"weight_decay": 0.1'},
        ),
    ),
)  # fmt: skip


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
        raise Complaint(f"is not right yet. {USED_UP}", "a-generator")
    if not isinstance(groups, tuple | list) or any(
        not isinstance(group, dict) or "params" not in group for group in groups
    ):
        raise Complaint('gives no list of dicts, each with "params" and "weight_decay".')
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = defaultdict(list)
    for group in groups:
        params = group["params"]  # for AdamW a single one does as well
        if isinstance(params, Iterator):
            raise Complaint(f"is not right yet. {PARAMS_USED_UP}", "params-used-up")
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
