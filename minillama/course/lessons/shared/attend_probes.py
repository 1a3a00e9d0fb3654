"""The probes of attention's arithmetic, in whatever function queries, keys and values meet."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking import oracles
from minillama.course.checking.answer import call
from minillama.course.checking.check import Check
from minillama.course.checking.probes import agrees, all_agree, gradients
from minillama.course.complaint import Complaint

Run = Callable[[Any, Tensor, Tensor, Tensor, Tensor | None], Any]
AXES = "batch heads time head_dim"
ON_CPU = (
    "makes the mask on the CPU, {}. With a model on a GPU, scores and mask could not meet: give "
    "torch that device, as in torch.arange(keys, device=device)."
)


def inputs(
    time: int, keys: int, heads: int = 4, kv_heads: int = 4, size: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Random queries, keys and values, with scores large enough for uneven weights."""
    k, v = size * torch.randn(2, kv_heads, keys, 8), torch.randn(2, kv_heads, keys, 8)
    return size * torch.randn(2, heads, time, 8), k, v


def means_of(answer: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Any:
    return call(answer, q, k, v) if mask is None else call(answer, q, k, v, mask)


def mask(function: Any, *args: Any) -> Any:
    """Call an answer that makes a mask; a table of numbers is a mistake of its own."""
    got = call(function, *args)
    if isinstance(got, Tensor) and got.dtype != torch.bool:
        raise Complaint(
            f"gives a table of numbers ({got.dtype}), and a table of True and False is asked for: "
            "True where the query may look. The scores are filled with minus infinity later, "
            "where it is False.",
            "numbers",
        )
    return got


def high() -> Iterator[tuple[Tensor, ...]]:
    # The score of query t and key s is about 318 (s - t - 1/2): the future's are the highest.
    # Then 700 times that, which no number that float16 can hold is below.
    for size in (900.0, 630_000.0):
        (q, k, v), t = inputs(4, 4), torch.arange(4.0)
        q[..., 0], q[..., 1] = size, -size * (t + 0.5)
        k[..., 0], k[..., 1] = t, 1.0
        yield q, k, v


def half(*sizes: int) -> tuple[Tensor, ...]:
    return tuple(x.bfloat16() for x in inputs(*sizes))


def later(x: Tensor, t: int) -> Tensor:
    """Other numbers from position t on."""
    return torch.cat((x[:, :, :t], 2 * torch.randn(x[:, :, t:].shape)), dim=2)


def add_probes(check: Check, run: Run, oracle: Callable[..., Tensor], axes: str) -> None:
    """The probes of a function that turns queries, keys (and values) into weights or means."""
    n, documents = 2 + (axes == AXES), [[-1, -1, 0, 0, 0], [0, 0, 3, 3, 3]]
    two = [[2.0, 0, 0, 0], [0, 2, 0, 0]], [[0.0, 1, 0, 0], [1, 0, 0, 0]], torch.eye(2, 4)
    by_hand = "q and k of the shape (1, 1, 2, 4), which is (batch, heads, time, head_dim), with "
    by_hand += "q = [[2,0,0,0], [0,2,0,0]] and k = [[0,1,0,0], [1,0,0,0]]"
    by_hand += " and v = [[1,0,0,0], [0,1,0,0]]" * (n == 3)  # with values or without

    def through(answer: Any, q: Tensor, k: Tensor, v: Any = None, seen: Any = None) -> Any:
        return run(answer, q, k, k if v is None else v, None if seen is None else seen[:, None])

    def right(q: Tensor, k: Tensor, v: Any = None, seen: Any = None) -> Tensor:
        return oracle(q, k, k if v is None else v, seen)

    def in_words(q: Tensor, k: Tensor, v: Tensor, seen: Any = None) -> str:
        words = f"{q.shape[-2]} queries and {k.shape[-2]} keys" + " and a mask" * (seen is not None)
        words += f", in {str(q.dtype).removeprefix('torch.')}, with scores up to "
        return by_hand if q.shape[-1] == 4 else words + f"{(q @ k.mT).abs().max() / 8**0.5:,.0f}"

    how = {"through": through, "words": in_words, "axes": axes}
    all_agree(check, right, {
        "two positions, by hand": [tuple(torch.as_tensor(x)[None, None] for x in two)],
        "every head of every text works by itself": lambda: [inputs(5, 5)],
    }, **how)  # fmt: skip
    agrees(
        check, "no position sees the future", lambda q, k, v, t: right(q, k, v)[:, :, :t],
        lambda: [(*inputs(5, 5), t) for t in (1, 3, 4)], axes=axes,
        through=lambda answer, q, k, v, t: through(answer, q, later(k, t), later(v, t))[:, :, :t],
        words=lambda q, k, v, t: f"keys and values from position {t} on changed, for those before",
    )  # fmt: skip
    all_agree(check, right, {
        "one new query sees all keys": lambda: [inputs(1, 5)],
        "fewer queries than keys are the last ones": lambda: [inputs(2, 5)],
        "a mask says where to look":
            lambda: [(*inputs(t, 5), oracles.may_look(t, documents)) for t in (5, 2)],
        "a mask is the whole rule, even where it shows the future":
            lambda: [(*inputs(3, 3), torch.ones(2, 3, 3).bool())],
    }, **how)  # fmt: skip
    all_agree(check, right, {
        "a hidden key gets nothing, however high its score is": high,
        "large scores do not overflow": lambda: [inputs(4, 4, size=12.0)],
    }, **how, rtol=1e-3, atol=1e-3)  # fmt: skip
    title = "bfloat16 goes in and comes out"
    agrees(check, title, right, lambda: [half(6, 6)], **how, rtol=0.05, atol=0.05)
    title = "the gradients are right"
    gradients(check, title, right, lambda: inputs(4, 4)[:n], through=through, axes=AXES)


def add_leading_axes(check: Check, run: Run, oracle: Callable[..., Tensor]) -> None:
    """The probe of a function to which batch and heads are any axes, or none."""

    def right(*args: Tensor) -> Tensor:
        return oracle(*(x.view(1, 1, 3, 8) for x in args), None).view(*args[0].shape[:-1], -1)

    agrees(
        check, "any number of axes may stand before time", right,
        lambda: [tuple(x[0, 0].view((*n, 3, 8)) for x in inputs(3, 3)) for n in ((), (1,))],
        through=lambda answer, q, k, v: run(answer, q, k, v, None),
        words=lambda q, *_: f"q of the shape {tuple(q.shape)}",
    )  # fmt: skip


def add_groups(check: Check) -> None:
    """The probes of a function whose query heads share key-value heads."""
    agrees(
        check, "neighbouring query heads share a key-value head", oracles.attend,
        lambda: [inputs(5, 5, 4, 2), inputs(5, 5, 4, 1), inputs(1, 5, 6, 3)], axes=AXES,
    )  # fmt: skip
    agrees(
        check, "bfloat16 with gradients, as in training", oracles.attend,
        lambda: [tuple(x.requires_grad_() for x in half(5, 5, 4, 2))],
        axes=AXES, rtol=0.05, atol=0.05,
    )  # fmt: skip
    gradients(
        check, "the gradients in bfloat16 are right", oracles.attend, lambda: half(5, 5, 4, 2),
        axes=AXES, rtol=0.06, atol=0.06,
    )  # fmt: skip
