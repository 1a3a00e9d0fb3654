"""The probes of attention's arithmetic, in whatever function queries, keys and values meet."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
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


def add_probes(check: Check, run: Run, oracle: Callable[..., Tensor], axes: str) -> None:
    """The probes of a function that turns queries, keys (and values) into weights or means."""

    def case(
        answer: Any, tensors: tuple[Tensor, ...], seen: Tensor | None = None, example: str = "",
        rtol: float = 1e-4, atol: float = 1e-5,
    ) -> Case:  # fmt: skip
        q, k, v = tensors
        mask = None if seen is None else seen[:, None]
        got = run(answer, q, k, v, mask)
        return Case(got, oracle(q, k, v, seen).to(q.dtype), example, axes, rtol, atol)

    @check.probe("two positions, by hand")
    def by_hand(answer: Any) -> Iterator[Case]:
        q = torch.tensor([[[[2.0, 0, 0, 0], [0, 2, 0, 0]]]])
        k = torch.tensor([[[[0.0, 1, 0, 0], [1, 0, 0, 0]]]])
        v = torch.tensor([[[[1.0, 0, 0, 0], [0, 1, 0, 0]]]])
        example = "q and k of the shape (1, 1, 2, 4), which is (batch, heads, time, head_dim), "
        example += "with q = [[2,0,0,0], [0,2,0,0]] and k = [[0,1,0,0], [1,0,0,0]]"
        if check.name != "attention_weights":
            example += " and v = [[1,0,0,0], [0,1,0,0]]"
        yield case(answer, (q, k, v), example=example)

    @check.probe("every head of every text works by itself")
    def heads(answer: Any) -> Iterator[Case]:
        yield case(answer, inputs(5, 5))

    @check.probe("no position sees the future")
    def future(answer: Any) -> Iterator[Case]:
        q, k, v = inputs(5, 5)
        right = oracle(q, k, v, None).to(q.dtype)
        for t in (1, 3, 4):
            changed = [x.clone() for x in (k, v)]
            for x in changed:
                x[:, :, t:] = 2 * torch.randn(x[:, :, t:].shape)
            got = run(answer, q, changed[0], changed[1], None)
            same = f"keys and values from position {t} on changed, for the results before it"
            if isinstance(got, Tensor) and got.shape == right.shape:
                yield Case(got[:, :, :t], right[:, :, :t], same, axes)
            else:
                yield Case(got, right, same, axes)

    @check.probe("one new query sees all keys")
    def one_query(answer: Any) -> Iterator[Case]:
        yield case(answer, inputs(1, 5), example="1 query and 5 keys")

    @check.probe("fewer queries than keys are the last ones")
    def last_queries(answer: Any) -> Iterator[Case]:
        yield case(answer, inputs(2, 5), example="2 queries and 5 keys")

    @check.probe("a mask says where to look")
    def masked(answer: Any) -> Iterator[Case]:
        for time in (5, 2):
            seen = oracles.may_look(time, [[-1, -1, 0, 0, 0], [0, 0, 3, 3, 3]])
            example = f"a mask of documents, {time} queries and 5 keys"
            yield case(answer, inputs(time, 5), seen, example)

    @check.probe("a mask is the whole rule, even where it shows the future")
    def everything(answer: Any) -> Iterator[Case]:
        yield case(
            answer, inputs(3, 3), torch.ones(2, 3, 3).bool(), "a mask that is True everywhere"
        )

    @check.probe("a hidden key gets nothing, however high its score is")
    def high(answer: Any) -> Iterator[Case]:
        # The score of query t and key s is about 318 (s - t - 1/2): the future's are the highest.
        # Then 700 times that, which no number that float16 can hold is below.
        for size, least in ((900.0, "100"), (630_000.0, "100,000")):
            (q, k, v), t = inputs(4, 4), torch.arange(4.0)
            q[..., 0], q[..., 1] = size, -size * (t + 0.5)
            k[..., 0], k[..., 1] = t, 1.0
            example = f"scores above {least} for what is hidden and below -{least} for the rest"
            yield case(answer, (q, k, v), None, example, 1e-3, 1e-3)

    @check.probe("large scores do not overflow")
    def large(answer: Any) -> Iterator[Case]:
        tensors = inputs(4, 4, size=12.0)
        yield case(answer, tensors, None, "q and k twelve times as large", 1e-3, 1e-3)

    @check.probe("bfloat16 goes in and comes out")
    def half(answer: Any) -> Iterator[Case]:
        q, k, v = (x.bfloat16() for x in inputs(6, 6))
        yield case(answer, (q, k, v), None, "q, k and v in bfloat16", 0.05, 0.05)

    @check.probe("the gradients are right")
    def gradients(answer: Any) -> Iterator[Case]:
        q, k, v = tensors = [x.requires_grad_() for x in inputs(4, 4)]
        right = oracle(q, k, v, None)
        target = torch.randn(right.shape)
        expected = torch.autograd.grad((right * target).sum(), tensors, allow_unused=True)
        (run(answer, q, k, v, None) * target).sum().backward()
        for name, x, grad in zip("qkv", tensors, expected, strict=True):
            if grad is not None:
                yield Case(x.grad, grad, f"random inputs, for the gradient of {name}", AXES)


def add_leading_axes(check: Check, run: Run, oracle: Callable[..., Tensor]) -> None:
    """The probe of a function to which batch and heads are any axes, or none."""

    @check.probe("any number of axes may stand before time")
    def leading(answer: Any) -> Iterator[Case]:
        q, k, v = (x[:1, :1] for x in inputs(3, 3))
        right = oracle(q, k, v, None).to(q.dtype)
        got = run(answer, q[0, 0], k[0, 0], v[0, 0], None)
        yield Case(got, right[0, 0], "q of the shape (3, 8), without batch and heads")
        yield Case(run(answer, q[0], k[0], v[0], None), right[0], "q of the shape (1, 3, 8)")


def add_groups(check: Check) -> None:
    """The probe of a function whose query heads share key-value heads."""

    @check.probe("neighbouring query heads share a key-value head")
    def groups(answer: Any) -> Iterator[Case]:
        for kv_heads in (2, 1):
            q, k, v = inputs(5, 5, 4, kv_heads)
            right = oracles.attend(q, k, v).float()
            example = f"4 query heads and {kv_heads} key-value heads"
            yield Case(call(answer, q, k, v), right, example, AXES)
        q, k, v = inputs(1, 5, 6, 3)
        yield Case(
            call(answer, q, k, v), oracles.attend(q, k, v).float(), "6 and 3 heads, 1 query", AXES
        )

    @check.probe("bfloat16 with gradients, as in training")
    def training(answer: Any) -> Iterator[Case]:
        exact = inputs(5, 5, 4, 2)
        q, k, v = (x.bfloat16().requires_grad_() for x in exact)
        got = call(answer, q, k, v)
        right = oracles.attend(q, k, v)
        yield Case(got, right.bfloat16(), "bfloat16 that requires a gradient", AXES, 0.05, 0.05)
        target = torch.randn(right.shape).bfloat16()
        (got * target).sum().backward()
        expected = torch.autograd.grad((right * target).sum(), (q, k, v))
        for name, x, grad in zip("qkv", (q, k, v), expected, strict=True):
            yield Case(x.grad, grad, f"bfloat16, for the gradient of {name}", AXES, 0.06, 0.06)
