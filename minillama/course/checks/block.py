"""The check of Block, against norms, attention and feed-forward put together in float64."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.course import oracles
from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call, fill

ATTENTION = "        x = x + self.attention(self.attention_norm(x), cos, sin, mask, cache)\n"
FEED_FORWARD = "        return x + self.feed_forward(self.ffn_norm(x))"
COMES_OUT = "self.attention(self.attention_norm(x), cos, sin, mask, cache)"
ON_X = "self.attention(x, cos, sin, mask, cache)"
POST_NORM = (
    "The norms stand behind attention and feed-forward, as in 2017. LLaMA normalises what goes in, "
    "and leaves the stream itself alone: that is why deep stacks learn without a slow start."
)
RESIDUAL = (
    "A residual is missing: what comes out replaces the stream. It has to be added to it, or "
    "what the layers below have written is lost."
)
ONE_NORM = (
    "One norm serves both places. Attention and feed-forward each have a norm with a weight of "
    "their own."
)
PARALLEL = (
    "Attention and feed-forward work side by side on the same x. The feed-forward comes after: it "
    "reads the stream to which attention has been added."
)
NO_NORM = (
    "A norm is missing. Both attention and feed-forward read a normalised copy of the stream, "
    "whose numbers grow from layer to layer."
)

block = Check(
    "Block",
    "model",
    hints={
        "__init__": "attention_norm and ffn_norm are RMSNorms with the config's norm_eps; "
        "attention is told its layer's number; feed_forward goes to hidden_dim.",
        "forward": "Add to x what attention makes of attention_norm(x); then add to that what the "
        "feed-forward makes of ffn_norm of it.",
    },
    mistakes=(
        Mistake(
            "post-norm",
            POST_NORM,
            {ATTENTION: f"        x = self.attention_norm(x + {ON_X})\n",
             FEED_FORWARD: "        return self.ffn_norm(x + self.feed_forward(x))"},
        ),
        Mistake(
            "post-norm",
            POST_NORM,
            {ATTENTION: f"        x = x + self.attention_norm({ON_X})\n",
             FEED_FORWARD: "        return x + self.ffn_norm(self.feed_forward(x))"},
        ),
        Mistake(
            "stream-normalised",
            "The stream itself is normalised, and not a copy of it. What the layers below have "
            "written then shrinks at every block: keep x, and add to it.",
            {ATTENTION: f"        x = self.attention_norm(x)\n        x = x + {ON_X}\n",
             FEED_FORWARD:
             "        x = self.ffn_norm(x)\n        return x + self.feed_forward(x)"},
        ),
        Mistake("one-norm-twice", ONE_NORM,
                {FEED_FORWARD: FEED_FORWARD.replace("ffn_norm", "attention_norm")}),
        Mistake("one-norm-twice", ONE_NORM,
                {ATTENTION: ATTENTION.replace("attention_norm", "ffn_norm")}),
        Mistake(
            "norms-exchanged",
            "The two norms have changed places: attention_norm stands before attention, ffn_norm "
            "before the feed-forward.",
            {ATTENTION: ATTENTION.replace("attention_norm", "ffn_norm"),
             FEED_FORWARD: FEED_FORWARD.replace("ffn_norm", "attention_norm")},
        ),
        Mistake("no-norm", NO_NORM,
                {ATTENTION: f"        x = x + {ON_X}\n",
                 FEED_FORWARD: "        return x + self.feed_forward(x)"}),
        Mistake("no-norm", NO_NORM, {ATTENTION: f"        x = x + {ON_X}\n"}),
        Mistake("no-norm", NO_NORM, {FEED_FORWARD: "        return x + self.feed_forward(x)"}),
        Mistake("residual-missing", RESIDUAL,
                {ATTENTION: ATTENTION.replace("x + ", ""),
                 FEED_FORWARD: FEED_FORWARD.replace("x + ", "")}),
        Mistake("residual-missing", RESIDUAL, {ATTENTION: ATTENTION.replace("x + ", "")}),
        Mistake("residual-missing", RESIDUAL, {FEED_FORWARD: FEED_FORWARD.replace("x + ", "")}),
        Mistake("parallel", PARALLEL,
                {ATTENTION: f"        added = {COMES_OUT}\n",
                 FEED_FORWARD: FEED_FORWARD.replace("x + ", "x + added + ")}),
        Mistake("parallel", PARALLEL,
                {ATTENTION: f"        added = {COMES_OUT}\n",
                 FEED_FORWARD: "        return x + added + "
                 "self.feed_forward(self.attention_norm(x))"}),
        Mistake(
            "feed-forward-first",
            "The feed-forward comes before attention. It works on what attention has gathered, so "
            "attention is first.",
            {ATTENTION: "        x = x + self.feed_forward(self.ffn_norm(x))\n",
             FEED_FORWARD: f"        return x + {COMES_OUT}"},
        ),
        Mistake(
            "feed-forward-of-attention-only",
            "The feed-forward reads what attention has just added, and not the stream. Add first; "
            "it reads a normalised copy of everything that has been written.",
            {ATTENTION: f"        added = {COMES_OUT}\n",
             FEED_FORWARD: "        return x + added + self.feed_forward(self.ffn_norm(added))"},
        ),
        Mistake(
            "old-stream-kept",
            "What attention found never reaches the result: the feed-forward's part is added to "
            "the x from before. Add it to the stream that has attention's part.",
            {ATTENTION: f"        h = x + {COMES_OUT}\n",
             FEED_FORWARD: "        return x + self.feed_forward(self.ffn_norm(h))"},
        ),
        Mistake(
            "mask-dropped",
            "The mask is not handed on to attention, so documents packed together see one another.",
            {ATTENTION: ATTENTION.replace("mask, cache", "None, cache")},
        ),
        Mistake(
            "cache-dropped",
            "The cache is not handed on to attention, and new tokens see nothing of the text.",
            {ATTENTION: ATTENTION.replace("mask, cache", "mask, None")},
        ),
        Mistake(
            "tables-swapped",
            "Cosines and sines are handed on in the wrong order: cos is first.",
            {ATTENTION: ATTENTION.replace("cos, sin", "sin, cos")},
        ),
        Mistake(
            "layer-ignored",
            "Attention is not told its layer's number, so every layer keeps its keys and values in "
            "the place of layer 0.",
            {"Attention(config, layer)": "Attention(config)"},
        ),
        Mistake(
            "cache-advanced",
            "The block moves the cache's position on. All layers write at the same place, so it "
            "moves once per forward of the model, after the last layer.",
            {FEED_FORWARD: "        if cache is not None:\n"
             f"            cache.advance(x.shape[1])\n{FEED_FORWARD}"},
        ),
        Mistake(
            "eps-ignored",
            "The norms do not use the config's norm_eps. Published models differ in it.",
            {"self.attention_norm = RMSNorm(config.dim, config.norm_eps)":
             "self.attention_norm = RMSNorm(config.dim, 1e-6)",
             "self.ffn_norm = RMSNorm(config.dim, config.norm_eps)":
             "self.ffn_norm = RMSNorm(config.dim, 1e-6)"},
        ),
    ),
)  # fmt: skip

AXES = "batch time dim"
CONFIG = ModelConfig.preset(
    "tiny", dim=8, n_heads=2, n_kv_heads=1, hidden_dim=12, n_layers=3, max_seq_len=6,
    norm_eps=0.1, rope_theta=5.0,
)  # fmt: skip


def made(Block: Any, w: dict[str, Tensor], layer: int = 0) -> Any:
    return fill(call(Block, CONFIG, layer), w)


def tables(time: int, start: int = 0) -> tuple[Tensor, Tensor]:
    angles = oracles.angles(CONFIG, time, start)
    return angles.cos().float(), angles.sin().float()


def right(x: Tensor, w: dict[str, Tensor], seen: Tensor | None = None) -> Tensor:
    return oracles.block(x, w, CONFIG, oracles.angles(CONFIG, x.shape[1]), seen)


@block.probe("one position, by hand")
def by_hand(Block: Any) -> Iterator[Case]:
    config = ModelConfig.preset("tiny", dim=2, n_heads=1, n_kv_heads=1, hidden_dim=2, norm_eps=1e-6)
    shapes = oracles.block_shapes(config)
    w = {name: torch.eye(2) if len(shape) > 1 else torch.ones(2) for name, shape in shapes.items()}
    x, still = torch.tensor([[[3.0, 4.0]]]), (torch.ones(1, 1), torch.zeros(1, 1))
    # The norm of x is [0.8485, 1.1314], which alone is seen, so attention adds just that. The sum
    # has the same direction and so the same norm, n; the feed-forward adds silu(n) * n.
    expected = torch.tensor([[[3 + 0.8485 + 0.5042, 4 + 1.1314 + 0.9678]]])
    example = "x = [[[3, 4]]], all matrices [[1, 0], [0, 1]] and the norms' weights 1"
    yield Case(call(fill(call(Block, config, 0), w), x, *still), expected, example, AXES, atol=1e-3)


@block.probe("attention and feed-forward add to the stream, each from a normalised copy")
def added(Block: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.block_shapes(CONFIG)), 3 * torch.randn(2, 5, 8)
    yield Case(call(made(Block, w), x, *tables(5)), right(x, w).float(), "", AXES)


@block.probe("if both add nothing, the stream stays as it is")
def nothing_added(Block: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.block_shapes(CONFIG)), 3 * torch.randn(1, 5, 8)
    for name in ("attention.wo.weight", "feed_forward.w_down.weight"):
        w[name] = torch.zeros_like(w[name])
    yield Case(call(made(Block, w), x, *tables(5)), x, "wo and w_down all zeros", AXES)


@block.probe("no position sees the future")
def future(Block: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.block_shapes(CONFIG)), torch.randn(1, 5, 8)
    module, expected = made(Block, w), right(x, w).float()
    for t in (1, 3):
        changed = torch.cat((x[:, :t], 3 * torch.randn(1, 5 - t, 8)), dim=1)
        got = call(module, changed, *tables(5))
        example = f"other vectors from position {t} on, for the results before it"
        whole = isinstance(got, Tensor) and got.shape == expected.shape
        yield Case(got[:, :t] if whole else got, expected[:, :t], example, AXES)


@block.probe("the mask reaches attention")
def masked(Block: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.block_shapes(CONFIG)), torch.randn(2, 5, 8)
    seen = oracles.may_look(5, [[-1, -1, 0, 0, 0], [0, 0, 3, 3, 3]])
    got = call(made(Block, w), x, *tables(5), seen[:, None])
    yield Case(got, right(x, w, seen).float(), "a mask of documents", AXES)


@block.probe("the cache reaches attention, and its layer's place in it")
def cached(Block: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.block_shapes(CONFIG)), torch.randn(2, 6, 8)
    module, expected = made(Block, w, 1), right(x, w).float()
    for cuts in ([0, 1, 2, 3, 4, 5, 6], [0, 4, 5, 6]):
        cache = KVCache(CONFIG, batch_size=2)
        for start, end in pairwise(cuts):
            got = call(module, x[:, start:end], *tables(end - start, start), None, cache)
            example = f"positions {start} to {end - 1} after {start} in the cache"
            yield Case(got, expected[:, start:end], example, AXES)
            yield Case(cache.position, start, f"{example}, for its position before advance")
            cache.position = end
        used = [bool(layer.any()) for layer in cache.keys]
        yield Case(used, [False, True, False], "the second of three layers, for which are in use")


@block.probe("bfloat16 goes in and comes out")
def half(Block: Any) -> Iterator[Case]:
    w, x = oracles.draw(oracles.block_shapes(CONFIG)), torch.randn(2, 5, 8).bfloat16()
    got = call(made(Block, w).bfloat16(), x, *tables(5))
    expected = right(x, {name: t.bfloat16() for name, t in w.items()}).bfloat16()
    yield Case(got, expected, "x and weights in bfloat16", AXES, 0.1, 0.15)


@block.probe("the gradients of x and of the weights are right")
def gradients(Block: Any) -> Iterator[Case]:
    w = oracles.draw(oracles.block_shapes(CONFIG), requires_grad=True)
    x, target = torch.randn(1, 4, 8, requires_grad=True), torch.randn(1, 4, 8)
    module = made(Block, w)
    (call(module, x, *tables(4)) * target).sum().backward()
    expected = torch.autograd.grad((right(x, w) * target).sum(), [x, *w.values()])
    given = {"x": x, **dict(module.named_parameters())}
    for name, grad in zip(["x", *w], expected, strict=True):
        yield Case(given[name].grad, grad, f"a random x, for the gradient of {name}", atol=1e-4)
