"""Models of which every text can be looked at, and the texts that a beam finds in them."""

import math
from collections.abc import Collection, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from minillama.config import ModelConfig
from minillama.model import Llama

DIM = 4  # of the toys, which keep a token in all of it

# After 0: 1 with probability 0.5 or 2 with 0.4. After 1 all is open, and after 2 comes 3.
DETOUR = torch.tensor([[0.02, 0.5, 0.4, 0.08], [0.25, 0.25, 0.2, 0.3], [0.02, 0.05, 0.03, 0.9],
                       [0.25, 0.25, 0.3, 0.2]]).log()[None]  # fmt: skip


class Toy(Llama):
    """A model of few tokens: the next one's logits are a sum of rows of tables, by `look`.

    It keeps the ids themselves in the cache, so a cache whose rows are mixed up tells.
    """

    def __init__(self, tables: Tensor) -> None:
        super().__init__(
            ModelConfig(
                dim=DIM,
                n_layers=1,
                n_heads=1,
                n_kv_heads=1,
                hidden_dim=DIM,
                vocab_size=tables.shape[-1],
                max_seq_len=16,
            )
        )
        self.tables = tables.double()  # (tokens back, token there, logits of the next)
        self.growth = growth(tables)
        self.read = list[int]()  # of a text by each forward
        self.longest = 0  # text of which anything was asked

    def forward(self, tokens: Tensor, cache: Any = None, mask: Tensor | None = None) -> Tensor:
        time, ids = tokens.shape[1], tokens
        if cache is not None:
            kept = tokens.float()[:, None, :, None].expand(-1, 1, -1, DIM)
            ids = cache.update(0, kept, kept)[0][:, 0, :, 0].round().long()
            cache.advance(time)
        self.read.append(time)
        self.longest = max(self.longest, ids.shape[1])
        logits = torch.zeros(*ids.shape, self.tables.shape[-1], dtype=torch.float64)
        for back, table in enumerate(self.tables):
            logits[:, back:] += table[ids[:, : ids.shape[1] - back]]
        positions = torch.arange(ids.shape[1])[:, None]
        return (logits * (1 + self.growth * positions))[:, -time:].float()


def growth(tables: Tensor) -> float:
    """How much larger logits become at each position, so that no two texts are alike probable."""
    return 0.0 if tables is DETOUR else 0.1


def look(tables: Tensor, text: Sequence[int]) -> list[float]:
    """The log-probabilities of what comes after a text, by the definition of softmax."""
    rows = [tables[back][text[-1 - back]].tolist() for back in range(min(len(tables), len(text)))]
    scale = 1 + growth(tables) * (len(text) - 1)
    logits = [scale * sum(column) for column in zip(*rows, strict=True)]
    norm = math.log(sum(math.exp(x) for x in logits))
    return [x - norm for x in logits]


def every_text(
    tables: Tensor, prompt: Sequence[int], most: int, penalty: float | int, stop: Collection[int]
) -> list[tuple[list[int], float]]:
    """All texts there are with their scores, best first."""
    found = {}
    for tokens in product(range(tables.shape[-1]), repeat=most):
        end = next((i + 1 for i, token in enumerate(tokens) if token in stop), most)
        text, total = tokens[:end], 0.0
        if text not in found:
            for i, token in enumerate(text):
                total += look(tables, [*prompt, *text[:i]])[token]
            found[text] = total / end**penalty
    return [(list(text), found[text]) for text in sorted(found, key=lambda t: -found[t])]


def a_beam(
    tables: Tensor,
    prompt: Sequence[int],
    beams: int,
    most: int,
    penalty: float | int,
    stop: set[int],
) -> list[tuple[list[int], float]]:
    """Beam search without a cache, tensors or an early end."""
    return race(tables, prompt, beams, most, penalty, stop)[0]


def race(
    tables: Tensor,
    prompt: Sequence[int],
    beams: int,
    most: int,
    penalty: float | int,
    stop: set[int],
) -> tuple[list[tuple[list[int], float]], int]:
    """Its texts, and after how many tokens nothing better could come."""
    going, ended, enough = [(0.0, list[int]())], list[tuple[list[int], float]](), most
    for length in range(1, most + 1):
        steps = [
            (total + more, [*text, token])
            for total, text in going
            for token, more in enumerate(look(tables, [*prompt, *text]))
        ]
        steps.sort(key=lambda step: -step[0])
        over = [s for s in steps[:beams] if s[1][-1] in stop or length == most]
        ended += [(text, total / length**penalty) for total, text in over]
        going = [s for s in steps if s[1][-1] not in stop][:beams]
        worst = sorted([score for _, score in ended], reverse=True)[:beams]
        hope = max(going[0][0] / n**penalty for n in (length + 1, most)) if going else -math.inf
        if not going or (len(worst) == beams and hope <= worst[-1]):
            enough = min(enough, length)
    return sorted(ended, key=lambda found: -found[1])[:beams], enough
