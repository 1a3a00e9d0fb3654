"""The checks of lesson 09's exercises on the stream read early, and on experts."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from minillama.config import ModelConfig
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.model import Llama

MODULE = "course.lessons.lesson_09.solutions"
SMALL: dict[str, Any] = dict(dim=6, n_kv_heads=1, norm_eps=1e-5, tie_embeddings=False)

read_early = Check("read_early")


@read_early.probe("norm, output, softmax")
def reads(f: Any) -> Iterator[Case]:
    config = ModelConfig.preset("tiny", n_heads=1, vocab_size=9, **SMALL)
    model = Llama(config).eval().requires_grad_(False)
    nn.init.normal_(model.norm.weight, mean=1, std=0.5)
    nn.init.normal_(model.output.weight, std=0.4)
    for shape in ((6,), (4, 6), (3, 4, 6)):
        x = 3 * torch.randn(shape)
        scaled = x.double() / (x.double().square().mean(-1, keepdim=True) + 1e-5) ** 0.5
        logits = (scaled * model.norm.weight.double()) @ model.output.weight.double().T
        powers = (logits - logits.amax(-1, keepdim=True)).exp()
        right = (powers / powers.sum(-1, keepdim=True)).float()
        yield Case(call(f, model, x), right, f"x of the shape {shape}")


route = Check("route")


@route.probe("four experts, by hand")
def routed_by_hand(f: Any) -> Iterator[Case]:
    scores = torch.tensor([[1.0, 3.0, 2.0, 0.0]])
    share = 1 / (1 + math.exp(-1))  # of scores 3 and 2
    right = torch.tensor([[0.0, share, 1 - share, 0.0]])
    yield Case(call(f, scores, 2), right, "scores = [[1, 3, 2, 0]] and top = 2")
    yield Case(call(f, scores, 1), torch.tensor([[0.0, 1, 0, 0]]), "the same with top = 1")
    got = call(f, torch.tensor([[2.0, 2.0, 2.0, 0.0]]), 2).sort().values
    example = "scores = [[2, 2, 2, 0]] and top = 2, for the shares, the smallest first"
    yield Case(got, torch.tensor([[0.0, 0.0, 0.5, 0.5]]), example)


@route.probe("a batch of texts, and all experts")
def routed_batch(f: Any) -> Iterator[Case]:
    scores = torch.randn(2, 5, 6)
    for top in (2, 3, 6):
        right = torch.zeros(2, 5, 6)
        for index in torch.cartesian_prod(torch.arange(2), torch.arange(5)).tolist():
            row = scores[tuple(index)].tolist()
            best = sorted(range(6), key=lambda i: -row[i])[:top]
            total = sum(math.exp(row[i]) for i in best)
            for i in best:
                right[index[0], index[1], i] = math.exp(row[i]) / total
        yield Case(call(f, scores, top), right, f"6 experts and top = {top}", "batch time experts")
