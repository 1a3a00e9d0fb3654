"""The checks of lesson 05's exercises."""

import math
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking import oracles
from minillama.course.checking.answer import call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import all_agree
from minillama.course.complaint import Complaint
from minillama.course.lessons.lesson_05.rope import TURN, X, turning

theta_for = Check("theta_for")
all_agree(theta_for, lambda n, width: (n / math.tau) ** (width / (width - 2)), {
    # The pairs have the exponents 0, 1/3 and 2/3: 100 tokens a radian is 1,000 to the power 2/3.
    "a head of six numbers, by hand": [(200 * math.pi, 6)],
    "the slowest pair goes once round in just that many tokens": [(1000, 32), (131072, 128)],
})  # fmt: skip

relative_score = Check("relative_score")


def real(answer: Any, *args: Any) -> Any:
    got = call(answer, *args)
    if isinstance(got, Tensor) and got.is_complex():
        raise Complaint("gives a complex number, and a dot product is a real one.")
    return got


def score(q: Tensor, k: Tensor, distance: int, paces: Tensor) -> float:
    """Of a key at position 5 and a query as far behind it."""
    places = ((q, 5 + distance), (k, 5))
    q, k = (oracles.rotate(x[None], position * paces[None]) for x, position in places)
    return float((q * k).sum())


PAIR, QUARTER = (torch.tensor([1.0, 2]), torch.tensor([3.0, 4])), torch.tensor([math.pi / 2])
all_agree(relative_score, score, {
    # A quarter turn leads (1, 2) to (-2, 1): its dot product with (3, 4) is -2.
    "one pair by hand": [(*PAIR, 1, QUARTER), (*PAIR, 0, QUARTER)],
    "the score of vectors that are turned, wherever they stand": lambda: [
        (*torch.randn(2, 6), n, torch.tensor([1.0, 0.3, 0.05])) for n in (3, 5, -2)
    ],
}, through=real)  # fmt: skip

rotate_neighbours = Check("rotate_neighbours")


def by_complex(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Meta's own way: neighbours as complex numbers, times a number of length 1."""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.complex(cos, sin)).flatten(-2)


all_agree(rotate_neighbours, by_complex, {
    "a quarter turn of one pair, by hand": [(X[0, 0], *TURN)],
    "every position is turned by its own angles": lambda: [turning(2, 3, 5, 8)],
}, axes="batch heads time head_dim")  # fmt: skip

from_meta = Check("from_meta")


def in_halves(weight: Tensor, n_heads: int) -> Tensor:
    """Head by head: first every second row, then the others."""
    return torch.cat([torch.cat((head[::2], head[1::2])) for head in weight.chunk(n_heads)])


all_agree(from_meta, in_halves, {
    "one head of four rows": [(torch.arange(4.0)[:, None].repeat(1, 3), 1)],
    "every head for itself, queries and fewer keys alike": lambda: [
        (torch.randn(8, 8), 2), (torch.randn(24, 24), 3), (torch.randn(8, 24), 1)
    ],
}, axes="rows dim")  # fmt: skip
