"""The check of lesson 06's last exercise, a query that looks back."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.config import ModelConfig
from minillama.course import oracles
from minillama.course.checking import Check, Mistake
from minillama.course.checks.lesson_06 import MODULE
from minillama.course.probing import Case, Complaint, call

TURNED = "apply_rope(key[None], cos[back, None], -sin[back, None])[0]"

look_back = Check(
    "look_back",
    MODULE,
    hints={"look_back": "Undo what RoPE will do to the difference of the two positions."},
    mistakes=(
        Mistake(
            "forward",
            "This query looks for its key as many positions *ahead*: the rotation goes the wrong "
            "way. The query stands later, so RoPE will turn it further than the key; turn it back "
            "beforehand.",
            {TURNED: "apply_rope(key[None], cos[back, None], sin[back, None])[0]"},
        ),
        Mistake(
            "looks-at-itself",
            "The query is not turned at all, so it fits best where query and key are turned alike: "
            "at its own position.",
            {TURNED: "key.clone()"},
        ),
        Mistake(
            "one-too-few",
            "It looks one position less far back. The table's row 0 is no rotation, so `back` "
            "positions are row `back`.",
            {TURNED: "apply_rope(key[None], cos[back - 1, None], -sin[back - 1, None])[0]"},
        ),
        Mistake(
            "one-too-far",
            "It looks one position too far back. The table's row 0 is no rotation, so `back` "
            "positions are row `back`.",
            {TURNED: "apply_rope(key[None], cos[back + 1, None], -sin[back + 1, None])[0]"},
        ),
        Mistake(
            "always-one-back",
            "It looks at the token just before, whatever `back` is.",
            {TURNED: "apply_rope(key[None], cos[1, None], -sin[1, None])[0]"},
        ),
        Mistake(
            "opposite",
            "The query points away from where the key will be, so that score is the *lowest*.",
            {TURNED: "-apply_rope(key[None], cos[back, None], -sin[back, None])[0]"},
        ),
        Mistake(
            "negative-row",
            "A row counted from the table's end, as cos[-back] is, is another angle altogether. "
            "Turning back is cos and -sin of row `back`.",
            {TURNED: "apply_rope(key[None], cos[-back, None], sin[-back, None])[0]"},
        ),
        Mistake(
            "neighbours-turned",
            "Neighbouring numbers are turned as pairs. Here number i of the first half belongs to "
            "number i of the second.",
            {f"return {TURNED}":
             "a, b, turned = key[::2], key[1::2], key.clone()\n"
             "    turned[::2] = a * cos[back] + b * sin[back]\n"
             "    turned[1::2] = b * cos[back] - a * sin[back]\n"
             "    return turned"},
        ),
    ),
)  # fmt: skip


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
