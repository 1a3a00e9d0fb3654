"""The check of init_weights, by the spread of what it draws into a model whose weights were 0.5."""

from collections.abc import Iterator
from typing import Any

from minillama.config import ModelConfig
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.model import Llama

init_weights = Check("init_weights", "model")


def redrawn(f: Any, tie: bool) -> Llama:
    """A model of 3 layers after init_weights."""
    config = ModelConfig.preset(
        "tiny", dim=64, n_heads=2, hidden_dim=64, n_layers=3, vocab_size=256, tie_embeddings=tie
    )
    model = Llama(config)
    for parameter in model.parameters():
        parameter.data.fill_(0.5)
    call(lambda: (f(model),))
    return model


@init_weights.probe("the weights of norms are 1")
def norms(f: Any) -> Iterator[Case]:
    for name, parameter in redrawn(f, tie=True).named_parameters():
        if parameter.dim() == 1:
            example = f"a model whose weights were all 0.5 before, for the mean of {name}"
            yield Case(parameter.mean(), 1.0, example, atol=0.02)
            yield Case(bool((parameter == 1).all()), True, f"the same, for whether {name} is all 1")


@init_weights.probe("matrices are drawn with 0.02, and less where they write to the stream")
def matrices(f: Any) -> Iterator[Case]:
    for tie in (True, False):
        for name, parameter in redrawn(f, tie).named_parameters():
            if parameter.dim() == 1:
                continue
            # 2.449 is the root of twice 3 layers.
            std = 0.02 / 2.449 if name.endswith(("wo.weight", "w_down.weight")) else 0.02
            example = f"a model of 3 layers (tie_embeddings = {tie}), for"
            root = parameter.square().mean().sqrt()
            yield Case(root, std, f"{example} the root mean square of {name}", rtol=0.1)
            # Of a normal distribution's numbers more than 1 in 100 are, of a uniform one's none.
            far = bool(parameter.abs().max() > 2.5 * std)
            yield Case(far, True, f"{example} whether {name} has any beyond 2.5 times {std:.4f}")


@init_weights.probe("the model can be trained afterwards, its output still tied")
def trainable(f: Any) -> Iterator[Case]:
    model = redrawn(f, tie=True)
    still = all(parameter.requires_grad for parameter in model.parameters())
    yield Case(still, True, "a model, for whether its parameters still require gradients")
    shared = model.output.weight is model.tok_embeddings.weight
    yield Case(shared, True, "tie_embeddings = True, for whether output and embedding still share")
