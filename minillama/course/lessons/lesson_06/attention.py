"""The checks of Attention and what it needs, against heads and keys taken one by one in float64."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from minillama.cache import KVCache
from minillama.config import ModelConfig
from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call, fill
from minillama.course.checking.check import Check
from minillama.course.checking.probes import agrees, all_agree, examples, gradients, on_device
from minillama.course.lessons.shared import attend_probes as shared
from minillama.course.lessons.shared.scores import REPEATED, family, mistakes

attention_mask = Check("attention_mask", "attention")
all_agree(attention_mask, lambda time, documents: oracles.may_look(time, documents)[:, None], {
    "one document of three tokens": [(3, [[0, 0, 0]])],
    "a document does not see the one before it": [(3, [[0, 0, 1]]), (3, [[5, 2, 2]])],
    "padding sees padding, and nothing else does": [(3, [[-1, -1, 0]]), (3, [[0, -1, -1]])],
    "every text of a batch has its own documents": [
        (3, [[0, 0, 0], [-1, 0, 0]]), (5, [[0, 0, 1, 1, 1], [-1, -1, 4, 7, 7], [3, 3, 3, -1, -1]])
    ],
    "fewer queries than keys are the last ones, in their documents": [
        (1, [[0, 0, 0]]), *((n, [[-1, 0, 0, 1, 1], [2, 2, 0, 0, 0]]) for n in (1, 2, 3, 4))
    ],
}, through=lambda f, n, documents: shared.mask(f, n, torch.tensor(documents)),
    axes="batch 1 time keys")  # fmt: skip
on_device(
    attention_mask, "the mask is made on the device of the documents",
    lambda: (2, torch.tensor([[0, 0]])), shared.ON_CPU.format("wherever the documents are"),
    "device-ignored", shared.mask,
)  # fmt: skip

repeat_heads = Check("repeat_heads", "attention")


def picked(x: Tensor, n_heads: int) -> Tensor:
    """Query head by query head, the key-value head that it has."""
    return torch.stack([x[:, head * x.shape[1] // n_heads] for head in range(n_heads)], dim=1)


all_agree(repeat_heads, picked, {
    "two heads for six": [(torch.tensor([7.0, 8]).view(1, 2, 1, 1), 6)],
    "whole heads are repeated, for any numbers of them": lambda: [
        (torch.randn(2, kv, 5, 4), n) for kv, n in ((3, 6), (1, 4), (4, 4), (2, 8))
    ],
}, axes="batch heads keys head_dim")  # fmt: skip
gradients(
    repeat_heads, "the gradients of heads that are shared add up", picked,
    lambda: (torch.randn(1, 2, 3, 4), 6),
)  # fmt: skip

KNOWN = family("weights") + family("values")[:2] + family("groups") + family("of_attention")
RESULT = 'self.wo(rearrange(weights @ v, "b h t d -> b t (h d)"))'
MISTAKES = mistakes("        return self.wo(", REPEATED, RESULT, KNOWN)
attention = Check("Attention", "attention", mistakes=MISTAKES)


def shape(n_heads: int, n_kv_heads: int, **fields: Any) -> ModelConfig:
    """Heads of 4 numbers, and angles that differ at once."""
    heads = {"dim": 4 * n_heads, "n_heads": n_heads, "n_kv_heads": n_kv_heads}
    return ModelConfig.preset("tiny", rope_theta=5.0, **heads | fields)


def given(
    config: ModelConfig, time: int = 5, size: float = 1.0, dtype: torch.dtype = torch.float32
) -> tuple[Any, ...]:
    """Random arguments of the oracle: x, weights, config and angles."""
    drawn = oracles.draw(oracles.attention_shapes(config))
    w = {name: weight.to(dtype) for name, weight in drawn.items()}
    x = size * torch.randn(2, time, config.dim)
    return x.to(dtype), w, config, oracles.angles(config, time)


def run(
    Attention: Any, x: Tensor, w: dict[str, Tensor], config: ModelConfig, angles: Tensor,
    seen: Tensor | None = None, cache: KVCache | None = None,
) -> Any:  # fmt: skip
    """An answer with those weights, called."""
    module = fill(call(Attention, config, 0), w).to(x.dtype)

    def forward(x: Any, cos: Any, sin: Any, *rest: Any) -> Any:
        return functional_call(module, w, (x, cos, sin, *rest))

    mask = None if seen is None else seen[:, None]
    rest = () if mask is None and cache is None else (mask, cache)
    return call(forward, x, angles.cos().float(), angles.sin().float(), *rest)


def told(x: Tensor, w: Any, config: ModelConfig, *rest: Any) -> str:
    words = f"x of the shape {tuple(x.shape)}, n_heads = {config.n_heads} and n_kv_heads = "
    return f"{words}{config.n_kv_heads}" + " and a mask" * (len(rest) > 1)


PLAIN, GROUPED = shape(4, 4), shape(4, 2)
SHARED, ALL = (GROUPED, shape(4, 1), shape(6, 3)), torch.ones(2, 5, 5).bool()
ATTENTION: dict[str, Any] = {"through": run, "axes": "batch time dim"}
# Position 1 scores 0 and 1 / sqrt(2) in the first head, and 0 and 4 / sqrt(2) in the second.
# So its weights are 0.3302 and 0.6698, and 0.0558 and 0.9442.
SMALL = shape(2, 2, dim=4)
EYES = dict.fromkeys(oracles.attention_shapes(SMALL), torch.eye(4))
examples(
    attention, "two positions and two heads, by hand",
    (
        (torch.tensor([[[1.0, 0, 1, 0], [0, 1, 0, 2]]]), EYES, SMALL, torch.zeros(2, 1)),
        torch.tensor([[[1.0, 0, 1, 0], [0.3302, 0.6698, 0.0558, 1.8884]]]),
        "x = [[[1, 0, 1, 0], [0, 1, 0, 2]]], wq = wk = wv = wo = torch.eye(4), all angles 0",
    ), atol=1e-3, **ATTENTION,
)  # fmt: skip


def pytorchs(x: Tensor, w: dict[str, Tensor], config: ModelConfig, angles: Tensor) -> Tensor:
    theirs = nn.MultiheadAttention(config.dim, config.n_heads, bias=False, batch_first=True)
    inside = torch.cat([w[f"w{name}.weight"] for name in "qkv"])
    theirs.load_state_dict({"in_proj_weight": inside, "out_proj.weight": w["wo.weight"]})
    return theirs(x, x, x, attn_mask=torch.ones(5, 5).bool().triu(1), need_weights=False)[0]


agrees(
    attention, "without rotation it is PyTorch's MultiheadAttention", pytorchs,
    lambda: [(*given(PLAIN)[:3], torch.zeros(5, 2))], words="4 heads and all angles 0",
    **ATTENTION,
)  # fmt: skip
all_agree(attention, oracles.attention, {
    "queries and keys are turned by their positions": lambda: map(given, (PLAIN, shape(1, 1))),
    "neighbouring query heads share a key-value head": lambda: map(given, SHARED),
    "a mask says where to look": lambda: [
        (*given(GROUPED), oracles.may_look(5, [[-1, -1, 0, 0, 0], [0, 0, 3, 3, 3]]))
    ],
    "a mask is the whole rule, even where it shows the future": lambda: [(*given(GROUPED), ALL)],
}, words=told, **ATTENTION)  # fmt: skip


@attention.probe("no position sees the future")
def future(Attention: Any) -> Iterator[Case]:
    x, *rest = given(GROUPED)
    right = oracles.attention(x, *rest).float()
    for t in (1, 2, 4):
        changed = torch.cat((x[:, :t], 3 * torch.randn(2, 5 - t, 16)), dim=1)
        example = f"other vectors from position {t} on, for the results before it"
        yield Case(run(Attention, changed, *rest)[:, :t], right[:, :t], example, "batch time dim")


def in_pieces(title: str, *cuts: list[int], documents: list[list[int]] | None = None) -> None:
    """Read some tokens piece by piece, with a cache; the results are those of the whole."""

    @attention.probe(title)
    def probe(Attention: Any) -> Iterator[Case]:
        for ends in cuts:
            x, w, config, angles = given(shape(4, 2, n_layers=3, max_seq_len=6), 6)
            seen = oracles.may_look(6, documents) if documents else None
            right, cache = oracles.attention(x, w, config, angles, seen), KVCache(config, 2)
            example = f"pieces of {[b - a for a, b in pairwise(ends)]} with a cache"
            example += f" and documents = {documents}" if documents else ""
            module = call(Attention, config, 1)  # one for all pieces, in the second of three layers
            for a, b in pairwise(ends):
                rows = None if seen is None else seen[:, a:b, :b]
                got = run(lambda *_, m=module: m, x[:, a:b], w, config, angles[a:b], rows, cache)
                words = f"{example}, for positions {a} to {b - 1}"
                yield Case(got, right[:, a:b].float(), words, "batch time dim")
                yield Case(cache.position, a, f"{words}, for its position before advance")
                cache.position = b
            k = (x.double() @ w["wk.weight"].double().T).view(2, 6, 2, 4).transpose(1, 2)
            k, nothing = oracles.rotate(k, angles).float(), torch.zeros(2, 2, 6, 4)
            words = f"{example}, read by the second of three layers, for its keys"
            axes = "layers batch kv_heads keys head_dim"
            yield Case(cache.keys, torch.stack((nothing, k, nothing)), words, axes)


in_pieces("with a cache, token by token, it gives the same", [0, 1, 2, 3, 4, 5, 6])
in_pieces("with a cache, first the beginning and then the rest, it gives the same", [0, 4, 5, 6])
in_pieces(
    "with a cache, in pieces of any size and with masks, it gives the same",
    [0, 1, 6], [0, 3, 4, 5, 6], documents=[[0] * 6, [-1, -1, 0, 0, 0, 0]],
)  # fmt: skip
in_pieces("without a mask, later pieces are causal too", [0, 3, 6], [0, 2, 5, 6])
agrees(
    attention, "large scores do not overflow", oracles.attention,
    lambda: [given(GROUPED, 4, 12.0)], words="x twelve times as large", atol=1e-4, **ATTENTION,
)  # fmt: skip
agrees(
    attention, "bfloat16 goes in and comes out", oracles.attention,
    lambda: [given(GROUPED, dtype=torch.bfloat16)], words="x and weights in bfloat16",
    rtol=0.1, atol=0.1, **ATTENTION,
)  # fmt: skip
REST = GROUPED, oracles.angles(GROUPED, 4)
gradients(
    attention, "the gradients of x and of the weights are right",
    lambda x, w: oracles.attention(x, w, *REST), lambda: given(GROUPED, 4)[:2],
    through=lambda Attention, x, w: run(Attention, x, w, *REST),
)  # fmt: skip
