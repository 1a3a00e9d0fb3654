"""The checks of RoPE: frequencies and angles one by one, rotations as complex numbers."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.config import ModelConfig, RopeScaling
from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import agrees, all_agree, examples, gradients, on_device
from minillama.course.complaint import Complaint

LLAMA3 = RopeScaling("llama3", 8.0, 1.0, 4.0, original_max_seq_len=60)
WIDER = RopeScaling("llama3", 2.0, 0.5, 20.0, original_max_seq_len=400)
LINEAR, NTK = RopeScaling("linear", 4.0), RopeScaling("ntk", 5.0)
DEVICE = "its tensors are on the device that is asked for"
ON_CPU = "leaves a tensor on the CPU where a GPU is asked for."


def shape(head_dim: int, scaling: RopeScaling | None = None, **fields: Any) -> ModelConfig:
    """A config with three heads of that width: with two, dim would do for what lacks a 2."""
    sizes = {"dim": 3 * head_dim, "n_heads": 3, "n_kv_heads": 3, "max_seq_len": 40}
    return ModelConfig.preset("tiny", **sizes | fields, rope_scaling=scaling)


def told(config: ModelConfig) -> str:
    """What counts in a config, in words."""
    words = f"head_dim = {config.head_dim}, max_seq_len = {config.max_seq_len}, "
    return f"{words}rope_theta = {config.rope_theta:g} and rope_scaling = {config.rope_scaling}"


ntk_theta = Check("ntk_theta", "rope")
examples(
    ntk_theta, "the other kinds keep rope_theta",
    *(((shape(8, kind, rope_theta=500.0),), 500.0) for kind in (None, LINEAR, LLAMA3)), words=told,
)  # fmt: skip
examples(
    ntk_theta, "the slowest pair turns slower by exactly the factor",
    # Its exponent is 2 / 4: the root of theta has to grow by 3, so theta by 9.
    ((shape(4, RopeScaling("ntk", 3.0), rope_theta=100.0),), 900.0),
    ((shape(64, NTK),), 10_000 * 5 ** (64 / 62)), words=told,
)  # fmt: skip

rope_frequencies = Check("rope_frequencies", "rope")
all_agree(rope_frequencies, lambda config: torch.tensor(oracles.frequencies(config)), {
    "two pairs, by hand": [(shape(4),)],
    "rope_theta and head_dim decide the paces": [
        (shape(8, rope_theta=500.0),), (shape(16, rope_theta=1e6),)
    ],
    "linear scaling divides every frequency": [(shape(16, LINEAR),)],
    "ntk scaling slows the slowest pair by the factor and keeps the fastest": [(shape(16, NTK),)],
    "llama3 scaling keeps the fast, slows the slow, and blends between": [
        (shape(16, LLAMA3),), (shape(16, WIDER),)
    ],
}, words=told, axes="pairs", atol=1e-9)  # fmt: skip
on_device(rope_frequencies, DEVICE, lambda: (shape(8), torch.device("cpu")), ON_CPU)

rope_tables = Check("rope_tables", "rope")


def two(answer: Any, *args: Any) -> Any:
    """Cosine and sine, if there are two."""
    got = call(answer, *args)
    if not isinstance(got, tuple | list | Tensor) or len(got) != 2:
        many = f"{len(got)} things" if isinstance(got, tuple | list) else "one thing"
        raise Complaint(f"gives {many}, and two tensors are right: cos, sin.")
    return got


def tables(title: str, *configs: ModelConfig) -> None:
    @rope_tables.probe(title)
    def probe(answer: Any) -> Iterator[Case]:
        for config in configs:
            cos, sin = two(answer, config)
            angles, axes = oracles.angles(config, config.max_seq_len), "max_seq_len half"
            yield Case(cos, angles.cos().float(), f"{told(config)}, for cos", axes, atol=3e-5)
            yield Case(sin, angles.sin().float(), f"{told(config)}, for sin", axes, atol=3e-5)


tables("three positions of two pairs, by hand", shape(4, max_seq_len=3))
tables("every position and pair has its own angle", shape(16, max_seq_len=60))
tables(
    "rope_theta and rope_scaling of the config count",
    shape(8, rope_theta=500.0), *(shape(16, scaling) for scaling in (LINEAR, NTK, LLAMA3)),
)  # fmt: skip
on_device(rope_tables, DEVICE, lambda: (shape(16), torch.device("cpu")), ON_CPU, through=two)

apply_rope = Check("apply_rope", "rope")
TURN = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
X = torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]])


def turning(*shape: int) -> tuple[Tensor, Tensor, Tensor]:
    """A random x, and tables of no config: any row may be any angle."""
    angles = 3 * torch.randn(shape[-2], shape[-1] // 2)
    return torch.randn(shape), angles.cos(), angles.sin()


all_agree(apply_rope, oracles.rotated, {
    # The pairs are (1, 3) and (2, 4): the first turns to (-3, 1), the second stays.
    "a quarter turn of one pair, by hand": [(X, *TURN)],
    "position 0 is left alone": [(X, torch.ones(1, 2), torch.zeros(1, 2))],
    "every position is turned by its own angles": lambda: [turning(2, 3, 5, 8)],
    "any number of axes may stand before time": lambda: [turning(5, 4), turning(3, 5, 4)],
}, axes="batch heads time head_dim")  # fmt: skip


@apply_rope.probe("a score depends only on how far apart query and key stand")
def relative(apply_rope: Any) -> Iterator[Case]:
    (q, k), angles = torch.randn(2, 1, 8), oracles.angles(shape(8), 100)
    cos, sin = angles.cos().float(), angles.sin().float()
    right = (oracles.rotate(q, angles[7:8]) * k).sum().item()
    for start in (0, 1, 30, 90):
        places = ((q, start + 7), (k, start))
        turned = [call(apply_rope, x, cos[i : i + 1], sin[i : i + 1]) for x, i in places]
        example = f"a query at position {start + 7} and a key at {start}, for the score"
        yield Case((turned[0] * turned[1]).sum(), right, example, atol=1e-4)


# cos 0.785 - sin 0.785 is 0.000563, and in bfloat16 both are 0.7070 or so.
CLOSE = torch.tensor([[0.785], [0.786], [1.0]])
agrees(
    apply_rope, "bfloat16 goes in and comes out", oracles.rotated, lambda: [
        (x.bfloat16(), CLOSE.cos(), CLOSE.sin())
        for x in (torch.ones(1, 1, 3, 2), torch.randn(2, 4, 3, 2))
    ], rtol=0.008,
)  # fmt: skip
ANGLES = torch.arange(20.0).view(5, 4)
gradients(
    apply_rope, "the gradient is right", lambda x: oracles.rotated(x, ANGLES.cos(), ANGLES.sin()),
    lambda: (torch.randn(1, 2, 5, 8),), through=lambda f, x: call(f, x, ANGLES.cos(), ANGLES.sin()),
)  # fmt: skip
