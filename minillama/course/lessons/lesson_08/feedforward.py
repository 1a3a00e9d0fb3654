"""The checks of lesson 08: SwiGLU against its formula in float64, and the exercises."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, ones, rand, randn, tensor

from minillama.course.checking import oracles
from minillama.course.checking.answer import call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import agrees, all_examples, examples, gradients, modules
from minillama.course.complaint import Known

swiglu = Check("SwiGLU", "feedforward")
FEED: dict[str, Any] = {"through": modules(lambda w: w["w_down.weight"].shape)}


def weights(gate: Tensor, up: Tensor, down: Tensor) -> dict[str, Tensor]:
    return {"w_gate.weight": gate, "w_up.weight": up, "w_down.weight": down}


def drawn(*shapes: tuple[int, ...], dtype: torch.dtype = torch.float32) -> list[tuple[Any, ...]]:
    """Random vectors and weights for dim = 4 and hidden_dim = 6."""
    w = {k: t.to(dtype) for k, t in oracles.draw(oracles.swiglu_shapes(4, 6)).items()}
    return [(randn(shape).to(dtype), w) for shape in shapes]


NUMBERS = weights(tensor([[2.0]]), tensor([[3.0]]), tensor([[10.0]]))
WORDS = "w_gate = [[2]], w_up = [[3]], w_down = [[10]] and x = "
ONES = weights(ones(1, 1), ones(1, 1), ones(1, 1))
examples(  # SiLU of 2 is 2 / (1 + exp(-2)) = 1.7616, and of -2 it is -0.2384.
    swiglu, "one number, by hand",
    ((ones(1, 1), NUMBERS), tensor([[1.7616 * 3 * 10]]), f"{WORDS}[[1]]"),
    ((-ones(1, 1), NUMBERS), tensor([[-0.2384 * -3 * 10]]), f"{WORDS}[[-1]]"), rtol=1e-3, **FEED,
)  # fmt: skip
agrees(
    swiglu, "every token is worked on by itself, whatever axes stand before dim", oracles.swiglu,
    lambda: drawn((2, 4), (2, 3, 4), (4,), (1, 2, 3, 4)),
    words=lambda x, w: f"hidden_dim = 6 and x of the shape {tuple(x.shape)}", **FEED)  # fmt: skip
examples(
    swiglu, "large numbers pass the gate whole or not at all",
    ((tensor([[30.0], [-30.0], [300.0]]), ONES), tensor([[900.0], [0.0], [90000.0]]),
     "all weights 1 and x = [[30], [-30], [300]]"), atol=1e-3, **FEED)  # fmt: skip
agrees(
    swiglu, "bfloat16 goes in and comes out", oracles.swiglu, rtol=0.1, atol=0.1,
    inputs=lambda: drawn((3, 4), dtype=torch.bfloat16), words="x and weights in bfloat16", **FEED,
)  # fmt: skip
gradients(
    swiglu, "the gradients of x and of the weights are right", oracles.swiglu,
    lambda: drawn((3, 4))[0], **FEED)  # fmt: skip


def width(answer: Any, *args: Any) -> Any:
    """What an answer gives, unless it is a float, which no layer takes for its width."""
    got = call(answer, *args)
    if isinstance(got, float):
        raise Known("a-float", f"\n  It gives {got}.")
    return got


hidden_dim_by_rule = Check("hidden_dim_by_rule")
all_examples(hidden_dim_by_rule, {
    "small numbers, by hand": [
        # 8/3 of 12 is 32, a multiple of 8 already; of 15 it is 40, and 48 is 3 times 16.
        ((12, 8), 32), ((15, 16), 48), ((13, 32), 64),
        # 8/3 of 5 is cut to 13, and 1.3 of that, 16.9, to 16; 8/3 of 4 is cut to 10.
        ((5, 1, 1.3), 16), ((4, 1, 2.0), 20),
    ],
    "the published models": [  # LLaMA 7B, 13B and 65B, Llama 2 70B, Llama 3 8B
        ((4096, 256), 11008), ((5120, 256), 13824), ((8192, 256), 22016),
        ((8192, 4096, 1.3), 28672), ((4096, 1024, 1.3), 14336),
    ],
}, through=width)  # fmt: skip


def loudest(hidden: Tensor, w_down: Tensor, k: int) -> Tensor:
    """By the lengths of the vectors that neurons add."""
    written = (hidden[..., None, :] * w_down).double().pow(2).sum(-2)
    return written.argsort(dim=-1, descending=True)[..., :k]


loudest_neurons = Check("loudest_neurons")
examples(
    loudest_neurons, "three neurons, by hand",
    # What they add has the lengths 1 · 1, 2 · 5 and 3 · 2; then the columns have 5, 6 and 1.
    ((tensor([[1.0, -2.0, 3.0]]), tensor([[1.0, 3.0, 0.0], [0.0, 4.0, 2.0]]), 2), tensor([[1, 2]])),
    ((ones(1, 3), tensor([[3.0, 0.0, 1.0], [4.0, 6.0, 0.0]]), 1), tensor([[1]])), axes="time k",
)  # fmt: skip
agrees(
    loudest_neurons, "every position has its own, whatever axes stand before the neurons", loudest,
    lambda: [(randn(5, 6), randn(6, 6), 3), (randn(2, 5, 8), rand(4, 8) * torch.arange(1, 9), 2)],
)  # fmt: skip


def dot_by(answer: Any, n: int, a: Tensor, b: Tensor) -> Tensor:
    """What SwiGLU makes of two vectors with the weights that an answer chooses."""
    got = call(answer, n)
    if not isinstance(got, (tuple, list)) or len(got) != 3:
        raise Known("not-three")
    x, (gate, up, down) = torch.cat([a, b]).double(), (w.double() for w in got)
    return (down @ (F.silu(gate @ x) * (up @ x))).float()


dot_product_weights = Check("dot_product_weights")
DOT: dict[str, Any] = {"through": dot_by, "words": lambda n, a, b: f"n = {n}, a = {a}, b = {b}"}
examples(
    dot_product_weights, "two numbers of any size and sign",
    *(((1, tensor([a]), tensor([b])), tensor([a * b]))
      for a, b in ((2.0, 3.0), (-0.5, 4.0), (300.0, -200.0))), **DOT,
)  # fmt: skip
agrees(
    dot_product_weights, "vectors of more numbers", lambda n, a, b: (a * b).sum(-1, keepdim=True),
    lambda: [(n, randn(n), randn(n)) for n in (2, 5)], **DOT)  # fmt: skip
