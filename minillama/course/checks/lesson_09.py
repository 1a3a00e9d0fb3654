"""The checks of lesson 09's exercises on the stream read early, and on experts."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from minillama.config import ModelConfig
from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call
from minillama.model import Llama

MODULE = "course.exercises.lesson_09"
SMALL: dict[str, Any] = dict(dim=6, n_kv_heads=1, norm_eps=1e-5, tie_embeddings=False)

read_early = Check(
    "read_early",
    MODULE,
    hints={"read_early": "What Llama.forward does with x after the last block, and a softmax."},
    mistakes=(
        Mistake(
            "no-norm",
            "The last norm is missing. Vectors come from the stream as large as they have grown "
            "there.",
            {"model.norm(x)": "x"},
        ),
        Mistake(
            "logits",
            "These are logits. A softmax makes probabilities of them.",
            {".softmax(dim=-1)": ""},
        ),
        Mistake(
            "over-positions",
            "The softmax runs over the positions. Each position has a distribution of its own, "
            "along the last axis.",
            {"dim=-1": "dim=0"},
        ),
        Mistake(
            "norm-after",
            "The norm belongs before the output matrix; it is as wide as the stream.",
            {"model.output(model.norm(x))":
             "model.output(x) * model.output(x).square().mean(-1, keepdim=True).rsqrt()"},
        ),
        Mistake(
            "likeliest-only",
            "This gives the likeliest token. All probabilities are asked for.",
            {".softmax(dim=-1)": ".argmax(dim=-1)"},
        ),
        Mistake(
            "log-probabilities",
            "These are the logarithms of the probabilities.",
            {".softmax(": ".log_softmax("},
        ),
    ),
)  # fmt: skip


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


ROUTED = "torch.zeros_like(scores).scatter(-1, places, values.softmax(dim=-1))"
route = Check(
    "route",
    MODULE,
    hints={"route": "The softmax is over the chosen scores alone; the others' share is 0."},
    mistakes=(
        Mistake(
            "softmax-over-all",
            "The softmax is over all experts, and the chosen shares do not sum to 1. Choose first.",
            {"values.softmax(dim=-1)": "scores.softmax(dim=-1).gather(-1, places)"},
        ),
        Mistake(
            "all-experts",
            "Every expert gets a share, so all of them would have to work.",
            {f"return {ROUTED}": "return scores.softmax(dim=-1)"},
        ),
        Mistake(
            "equal-shares",
            "The chosen share alike. Their scores say who gets more.",
            {"values.softmax(dim=-1)": "torch.ones_like(values) / top"},
        ),
        Mistake(
            "chosen-only",
            "Only the chosen shares are given, without the zeros: nobody can tell whose they are.",
            {f"return {ROUTED}": "return values.softmax(dim=-1)"},
        ),
        Mistake(
            "scores-for-shares",
            "These are scores: take the softmax over those that are chosen.",
            {"values.softmax(dim=-1)": "values"},
        ),
        Mistake(
            "lowest",
            "The lowest scores are chosen.",
            {"scores.topk(top, dim=-1)": "scores.topk(top, dim=-1, largest=False)"},
        ),
        Mistake(
            "zeros-in-softmax",
            "Those not chosen are set to 0 before the softmax, and 0 is a score like another: they "
            "get a share. Set them to −∞, or to 0 after it.",
            {f"return {ROUTED}":
             "return torch.zeros_like(scores).scatter(-1, places, values).softmax(dim=-1)"},
        ),
        Mistake(
            "ties-share",
            "All experts with as high a score as the last one chosen get a share, so with equal "
            "scores more than `top` of them would have to work. Take the places that topk gives.",
            {f"return {ROUTED}":
             "return scores.masked_fill(scores < values[..., -1:], -torch.inf).softmax(dim=-1)"},
        ),
    ),
)  # fmt: skip


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
