"""The check of Llama as a module: its gradients, dtypes and weights, saved and new."""

import inspect
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F

from minillama import weights
from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call, fill
from minillama.course.complaint import Complaint
from minillama.course.lessons.lesson_09.llama import AXES, llama, made, moved, shape, words


@llama.probe("the gradients of the weights are right")
def gradients(Llama: Any) -> Iterator[Case]:
    for tie in (False, True):
        config = shape(tie_embeddings=tie)
        (model, w), tokens = made(Llama, config), words(config, 4)
        target = torch.randn(2, 4, 11)
        (call(model, tokens) * target).sum().backward()
        for tensor in w.values():
            tensor.requires_grad_()
        loss = (oracles.llama(tokens, w, config) * target).sum()
        right = dict(zip(w, torch.autograd.grad(loss, list(w.values())), strict=True))
        for name, parameter in model.named_parameters():
            example = f"tie_embeddings = {tie}, for the gradient of {name}"
            yield Case(parameter.grad, right[name], example, rtol=1e-3, atol=1e-3)


@llama.probe("in bfloat16 and back its positions are as exact as before")
def half(Llama: Any) -> Iterator[Case]:
    config = shape()
    (model, w), tokens = made(Llama, config), words(config, 6)
    model = moved(model, "bfloat16")
    right = oracles.llama(tokens, w, config)
    got = call(model, tokens)
    yield Case(got, right.bfloat16(), "weights in bfloat16", AXES, 0.2, 0.5)
    model = fill(moved(model, "float"), w)
    example = "weights in bfloat16, back in float32, and put in again"
    yield Case(call(model, tokens), right.float(), example, AXES, atol=1e-4)


@llama.probe("what is saved are the weights and nothing else")
def saved(Llama: Any) -> Iterator[Case]:
    config = shape()
    model, w = made(Llama, config)
    names = call(model.state_dict).keys()
    yield Case(sorted(names - w.keys()), [], "a model, for what it saves beside its weights")
    yield Case(sorted(w.keys() - names), [], "a model, for the weights that it does not save")
    example = "a model, for whether model.config is the config that it was made with"
    yield Case(getattr(model, "config", None) == config, True, example)
    yield from handed_on(Llama, model)


def handed_on(Llama: Any, model: Any) -> Iterator[Case]:
    """What from_pretrained and save_pretrained give to the functions that do their work."""
    with TemporaryDirectory() as folder:
        for name, doing, given in (
            ("load_model", call(getattr, Llama, "from_pretrained"),
             {"path": "toytown", "dtype": torch.bfloat16, "device": "meta"}),
            ("save_model", call(getattr, model, "save_pretrained"),
             {"path": f"{folder}/mine", "format": "hf"}),
        ):  # fmt: skip
            asked, signature = dict[str, Any](), inspect.signature(getattr(weights, name))

            def note(*args: Any, _as: Any = signature, _to: Any = asked, **kwargs: Any) -> Any:
                _to.update(_as.bind(*args, **kwargs).arguments)
                return model

            with mock.patch.object(weights, name, note):
                call(lambda doing=doing, given=given: (doing(*given.values()),))
            for key, right in given.items() if asked else ():
                got, theirs = (Path(str(value)).name for value in (asked.get(key), right))
                yield Case(got, theirs, f"{doing.__name__}, for what {name} gets as {key}")


@llama.probe("a new model's weights are drawn as init_weights says")
def drawn(Llama: Any) -> Iterator[Case]:
    config = shape(dim=64, hidden_dim=64, n_layers=2, vocab_size=256, tie_embeddings=True)
    model = call(Llama, config)
    drawn = dict(model.named_parameters())
    for name in oracles.llama_shapes(config):
        if name not in drawn:
            raise Complaint(f"has no parameter called {name}")
        parameter = drawn[name]
        if parameter.dim() == 1:
            yield Case(parameter, torch.ones(64), f"a new model, for {name}")
        else:
            # 2 is the root of twice 2 layers.
            std = 0.02 / 2 if name.endswith(("wo.weight", "w_down.weight")) else 0.02
            example = f"a new model of 2 layers, for the standard deviation of {name}"
            yield Case(parameter.std(), std, example, rtol=0.15)
            # Of a normal distribution's numbers more than 1 in 100 are, of a uniform one's none.
            example = f"a new model, for whether {name} has any beyond 2.5 standard deviations"
            yield Case(bool(parameter.abs().max() > 2.5 * std), True, example)
    tokens = torch.randint(256, (2, 8))
    loss = F.cross_entropy(call(model, tokens).flatten(0, 1), torch.randint(256, (16,)))
    near = bool(abs(loss.item() - math.log(256)) < 0.1)
    example = f"a new model of 256 tokens, whose loss is {loss:.2f}, for whether that is ln(256)"
    yield Case(near, True, example)
    untied = dict(call(Llama, replace(config, tie_embeddings=False)).named_parameters())
    if "output.weight" in untied:
        example = "a new model that is not tied, for the standard deviation of output.weight"
        yield Case(untied["output.weight"].std(), 0.02, example, rtol=0.15)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    again = call(getattr, model, "init_weights")
    call(lambda: (again(),))
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            example = f"a model whose weights were all 0.5 before init_weights, for {name}"
            yield Case(parameter, torch.ones(64), example)


@llama.probe("n_parameters counts every number once")
def counted(Llama: Any) -> Iterator[Case]:
    for tie in (True, False):
        config = shape(tie_embeddings=tie)
        right = sum(math.prod(shape) for shape in oracles.llama_shapes(config).values())
        got = call(getattr, call(Llama, config), "n_parameters")
        yield Case(got, right, f"tie_embeddings = {tie}, for n_parameters")
