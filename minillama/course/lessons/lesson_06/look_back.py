"""The check of lesson 06's last exercise, a query that looks back."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.config import ModelConfig
from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint

look_back = Check("look_back")


def of_length(got: Any, right: torch.Tensor, example: str) -> Any:
    """A query, unless its direction is right and nothing but its length is wrong."""
    if not isinstance(got, torch.Tensor) or got.shape != right.shape:
        return got
    length = right.norm()
    times = float(got.detach() @ right / length**2)
    along = torch.allclose(got.detach(), times * right, rtol=1e-3, atol=1e-4 * float(length))
    if times > 0 and along and abs(times - 1) > 1e-3:
        raise Complaint(
            f"gives a query that points the right way, but is {times:.3g} times as long as `key`. "
            "As long as `key` is asked for: a longer query makes all of its scores larger, and a "
            "shorter one smaller, so how sharply softmax looks would change too.",
            "wrong-length",
            f" (given {example})",
        )
    return got


@look_back.probe("one pair of numbers, a quarter turn a position")
def look_by_hand(f: Any) -> Iterator[Case]:
    cos, sin = torch.tensor([[1.0], [0], [-1], [0]]), torch.tensor([[0.0], [1], [0], [-1]])
    # A key (1, 0) one position earlier is a quarter turn behind: from the query's place, (0, -1).
    right = torch.tensor([0.0, -1.0])
    example = "key = [1, 0], back = 1, cos = [[1], [0], [-1], [0]], sin = [[0], [1], [0], [-1]]"
    got = of_length(call(f, torch.tensor([1.0, 0.0]), 1, cos, sin), right, example)
    yield Case(got, right, example, "head_dim")


@look_back.probe("any key, any way back")
def look_sizes(f: Any) -> Iterator[Case]:
    config = ModelConfig.preset("tiny", dim=24, n_heads=4, n_kv_heads=2)
    angles = oracles.angles(config, 16)
    for back in (2, 1, 5):
        key = torch.randn(6)
        turned = oracles.rotate(key.double().view(1, 1, 1, 6), -angles[back : back + 1])
        right, example = turned.view(6).float(), f"6 numbers and back = {back}"
        got = call(f, key, back, angles.cos().float(), angles.sin().float())
        yield Case(of_length(got, right, example), right, example, "head_dim")
