"""The checks of lesson 05's exercises."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call

MODULE = "course.exercises.lesson_05"

theta_for = Check(
    "theta_for",
    MODULE,
    hints={
        "theta_for": "Pair i turns theta ** (-2i / head_dim) radians a token, and the last pair is "
        "number head_dim / 2 - 1. Write down its wavelength and solve for theta.",
    },
    mistakes=(
        Mistake(
            "exponent-1",
            "The slowest pair is taken to have the exponent 1. The last i is head_dim / 2 - 1, so "
            "its exponent is (head_dim - 2) / head_dim; then it turns in fewer tokens than asked.",
            {" ** (head_dim / (head_dim - 2))": ""},
        ),
        Mistake(
            "exponent-upside-down",
            "The exponent stands upside down. The wavelength has theta to the power "
            "(head_dim - 2) / head_dim; to solve for theta is to take the inverse power.",
            {"(head_dim / (head_dim - 2))": "((head_dim - 2) / head_dim)"},
        ),
        Mistake(
            "without-2-pi",
            "Once round is 2π radians: the frequency is 2π by the wavelength, and not one by it.",
            {"(longest / (2 * math.pi))": "longest"},
        ),
        Mistake(
            "times-2-pi",
            "The wavelength is multiplied by 2π. It is 2π by the frequency, so one over the "
            "frequency is the wavelength divided by 2π.",
            {"(longest / (2 * math.pi))": "(longest * 2 * math.pi)"},
        ),
        Mistake(
            "half-way",
            "This pair goes half round, π, in that many tokens. Once round is 2π.",
            {"(longest / (2 * math.pi))": "(longest / math.pi)"},
        ),
        Mistake(
            "degrees",
            "Once round is taken for 360. Frequencies are radians per token, so it is 2π.",
            {"(longest / (2 * math.pi))": "(longest / 360)"},
        ),
        Mistake(
            "exponent-without-2",
            "The exponent lacks its 2: pair i has 2i / head_dim, and the last i is "
            "head_dim / 2 - 1. This theta is the square of the right one.",
            {"(head_dim / (head_dim - 2))": "(head_dim / (head_dim / 2 - 1))"},
        ),
        Mistake(
            "next-to-last",
            "This counts one pair too few. Pairs are numbered from 0 to head_dim / 2 - 1.",
            {"(head_dim / (head_dim - 2))": "(head_dim / (head_dim - 4))"},
        ),
    ),
)


@theta_for.probe("a head of six numbers, by hand")
def theta_by_hand(f: Any) -> Iterator[Case]:
    # Its pairs have the exponents 0, 1/3 and 2/3: 100 tokens a radian is 1,000 to the power 2/3.
    example = "longest = 200π and head_dim = 6"
    yield Case(call(f, 200 * math.pi, 6), 1000.0, example)


@theta_for.probe("the slowest pair goes once round in just that many tokens")
def theta_rounds(f: Any) -> Iterator[Case]:
    for longest, head_dim in ((1000, 32), (8192, 64), (131072, 128)):
        theta = float(call(f, longest, head_dim))
        turned = longest * theta ** -((head_dim - 2) / head_dim) if theta > 0 else math.nan
        example = f"longest = {longest} and head_dim = {head_dim}, for the angle after {longest}"
        yield Case(turned, 2 * math.pi, example)


rotate_neighbours = Check(
    "rotate_neighbours",
    MODULE,
    hints={
        "rotate_neighbours": "x[..., ::2] and x[..., 1::2] are the two numbers of all pairs. After "
        "the turn, stack them along a new last axis and flatten the last two.",
    },
    mistakes=(
        Mistake(
            "halves",
            "This pairs number i with number i + head_dim / 2: our layout. Meta's pairs are "
            "neighbours.",
            {"x[..., ::2], x[..., 1::2]": "x.chunk(2, dim=-1)",
             "torch.stack": "torch.cat", "turned.flatten(-2)": "turned"},
        ),
        Mistake(
            "joined-as-halves",
            "The pairs are neighbours on the way in, and on the way out all first numbers come "
            "before all second ones. Put them back side by side.",
            {"sin), dim=-1)": "sin), dim=-2)"},
        ),
        Mistake(
            "taken-as-halves",
            "The pairs are taken from the halves and put back as neighbours: every number changes "
            "its place, so even position 0 is not left alone.",
            {"x[..., ::2], x[..., 1::2]": "x.chunk(2, dim=-1)"},
        ),
        Mistake(
            "backwards",
            "The sign of the angle is wrong: everything turns backwards.",
            {"first * cos - second * sin, second * cos + first * sin":
             "first * cos + second * sin, second * cos - first * sin"},
        ),
        Mistake(
            "not-a-rotation",
            "Both sines have the same sign, which is no rotation: lengths change.",
            {"first * cos - second": "first * cos + second"},
        ),
        Mistake(
            "pair-exchanged",
            "The two numbers of each pair come back in the wrong order. Position 0 must stay as "
            "it is.",
            {"(first * cos - second * sin, second * cos + first * sin)":
             "(second * cos + first * sin, first * cos - second * sin)"},
        ),
        Mistake(
            "not-flattened",
            "The pairs have an axis of their own. They belong one after another in the last axis, "
            "as they came.",
            {"turned.flatten(-2)": "turned"},
        ),
        *(
            Mistake(
                "a-column-for-two",
                "cos and sin have one column for each pair, head_dim / 2 of them, and x has "
                "head_dim numbers, so they do not fit x as it is. Turn the first and the second "
                "numbers of the pairs one by one, or double the tables first: "
                "cos.repeat_interleave(2, -1).",
                {"return turned.flatten(-2)": f"return {product} + turned.flatten(-2) * sin"},
            )
            for product in ("x * cos", "cos * x")
        ),
    ),
)  # fmt: skip


def by_complex(x: Tensor, angles: Tensor) -> Tensor:
    """Meta's own way: neighbours as complex numbers, times a number of length 1."""
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


@rotate_neighbours.probe("a quarter turn of one pair, by hand")
def quarter_of_neighbours(f: Any) -> Iterator[Case]:
    x, cos, sin = torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[0.0, 1.0]]), torch.eye(2)[:1]
    example = "x = [[1, 2, 3, 4]], cos = [[0, 1]] and sin = [[1, 0]]"
    yield Case(call(f, x, cos, sin), torch.tensor([[-2.0, 1.0, 3.0, 4.0]]), example)


@rotate_neighbours.probe("every position is turned by its own angles")
def neighbours_everywhere(f: Any) -> Iterator[Case]:
    x, angles = torch.randn(2, 3, 5, 8), 3 * torch.randn(5, 4).double()
    got = call(f, x, angles.cos().float(), angles.sin().float())
    yield Case(got, by_complex(x, angles).float(), "", "batch heads time head_dim")


relative_score = Check(
    "relative_score",
    MODULE,
    hints={
        "relative_score": "torch.complex(first half, second half) gives the pairs; "
        "torch.polar(1, angle) is e to the i · angle. Re of q · k.conj() · e^(i · distance · "
        "frequency), summed over the pairs.",
    },
    mistakes=(
        Mistake(
            "no-conjugate",
            "The key is not conjugated, so the angles of query and key add up. What counts is "
            "their difference.",
            {"k.conj()": "k"},
        ),
        Mistake(
            "other-direction",
            "The distance counts the wrong way round: this is the score of a query that stands "
            "*before* the key.",
            {"distance * frequencies": "-distance * frequencies"},
        ),
        Mistake(
            "neighbours",
            "Neighbouring numbers are taken for pairs. In our layout number i of the first half "
            "belongs to number i of the second.",
            {"torch.complex(q[:half], q[half:]), torch.complex(k[:half], k[half:])":
             "torch.complex(q[::2], q[1::2]), torch.complex(k[::2], k[1::2])"},
        ),
        Mistake(
            "absolute-value",
            "The length of the complex number is taken. The dot product is its real part, and can "
            "be negative.",
            {"(q * k.conj() * turn).real.sum()": "(q * k.conj() * turn).abs().sum()"},
        ),
        Mistake(
            "sum-before-length",
            "The length of the sum is taken. The dot product is its real part, and can be "
            "negative.",
            {"(q * k.conj() * turn).real.sum()": "(q * k.conj() * turn).sum().abs()"},
        ),
        Mistake(
            "imaginary",
            "This is the imaginary part. The dot product of two pairs is the real part of "
            "q · conj(k).",
            {".real": ".imag"},
        ),
        Mistake(
            "still-complex",
            "The sum is a complex number. The dot product is its real part.",
            {".real.sum()": ".sum()"},
        ),
        Mistake(
            "mean",
            "The pairs are averaged. A dot product is their sum.",
            {".real.sum()": ".real.mean()"},
        ),
        Mistake(
            "one-pace",
            "Every pair turns by the distance itself. Each has its own frequency.",
            {"distance * frequencies": "distance * torch.ones(half)"},
        ),
        Mistake(
            "scaled",
            "This is divided by √head_dim. That is attention's next step; here the dot product "
            "itself is asked for.",
            {"turn).real.sum()": "turn).real.sum() / math.sqrt(2 * half)"},
        ),
        Mistake(
            "each-pair",
            "These are the scores of the pairs, one by one. The dot product is their sum.",
            {".real.sum()": ".real"},
        ),
    ),
)  # fmt: skip


def real(got: Any) -> Any:
    if isinstance(got, Tensor) and got.is_complex():
        raise Complaint("gives a complex number, and a dot product is a real one.")
    return got


@relative_score.probe("one pair by hand")
def one_pair(f: Any) -> Iterator[Case]:
    # A quarter turn leads (1, 2) to (-2, 1): its dot product with (3, 4) is -2.
    q, k, pace = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), torch.tensor([math.pi / 2])
    example = "q = [1, 2], k = [3, 4], distance = 1 and a frequency of π/2"
    yield Case(real(call(f, q, k, 1, pace)), -2.0, example)
    yield Case(real(call(f, q, k, 0, pace)), 11.0, example.replace("distance = 1", "distance = 0"))


def turned(x: Tensor, position: int, paces: Tensor) -> list[float]:
    """One vector, pair by pair, with Python's own sine and cosine."""
    half, found = len(paces), [0.0] * len(x)
    for i, pace in enumerate(paces.tolist()):
        a, b, angle = float(x[i]), float(x[i + half]), position * pace
        found[i] = a * math.cos(angle) - b * math.sin(angle)
        found[i + half] = b * math.cos(angle) + a * math.sin(angle)
    return found


@relative_score.probe("the score of vectors that are turned, wherever they stand")
def as_turned(f: Any) -> Iterator[Case]:
    paces = torch.tensor([1.0, 0.3, 0.05])
    for key_at, distance in ((0, 3), (7, 5), (2, -2)):
        q, k = torch.randn(2, 6)
        pairs = zip(turned(q, key_at + distance, paces), turned(k, key_at, paces), strict=True)
        example = f"a distance of {distance}"
        yield Case(real(call(f, q, k, distance, paces)), sum(a * b for a, b in pairs), example)


from_meta = Check(
    "from_meta",
    MODULE,
    hints={
        "from_meta": "The rows of a head are (pairs two): pair 0's two numbers, pair 1's, ... "
        "They become (two pairs). einops.rearrange says so in a line; head by head.",
    },
    mistakes=(
        Mistake(
            "other-way",
            "This goes from halves to neighbours, our layout to Meta's. Here the neighbours are "
            "given.",
            {'"(h pairs two) dim -> (h two pairs)': '"(h two pairs) dim -> (h pairs two)'},
        ),
        Mistake(
            "all-heads-at-once",
            "The rows of all heads are sorted together, so that heads exchange numbers. Each head "
            "keeps its rows and sorts them for itself.",
            {"h=n_heads": "h=1"},
        ),
        Mistake(
            "columns",
            "The columns are sorted. The rows of a weight are the numbers that come out, and those "
            "are what RoPE turns; columns are what goes in.",
            {'"(h pairs two) dim -> (h two pairs) dim"':
             '"dim (h pairs two) -> dim (h two pairs)"'},
        ),
        Mistake(
            "unchanged",
            "The rows are as they were. Neighbours have to be head_dim / 2 apart.",
            {"-> (h two pairs) dim": "-> (h pairs two) dim"},
        ),
        Mistake(
            "still-in-heads",
            "The heads still have an axis of their own. A weight has two: rows and columns.",
            {"-> (h two pairs) dim": "-> h (two pairs) dim"},
        ),
        Mistake(
            "second-half-first",
            "The second numbers of the pairs come first, and then the first: every pair turns "
            "backwards.",
            {"h=n_heads, two=2)": "h=n_heads, two=2).view("
             "n_heads, 2, -1, weight.shape[1]).flip(1).reshape(weight.shape)"},
        ),
    ),
)  # fmt: skip


def sorted_rows(weight: Tensor, n_heads: int) -> Tensor:
    """Row by row: where in a head's neighbours does each row of its halves stand?"""
    head_dim = len(weight) // n_heads
    half = head_dim // 2
    order = [
        head * head_dim + 2 * pair + number
        for head in range(n_heads)
        for number in range(2)
        for pair in range(half)
    ]
    return weight[order]


@from_meta.probe("one head of four rows")
def one_head(f: Any) -> Iterator[Case]:
    weight = torch.arange(4.0)[:, None].repeat(1, 4)
    right = torch.tensor([0.0, 2.0, 1.0, 3.0])[:, None].repeat(1, 4)
    example = "one head whose rows are 0 0 0 0, 1 1 1 1, 2 2 2 2 and 3 3 3 3"
    yield Case(call(f, weight, 1), right, example, "rows dim")


@from_meta.probe("every head for itself, queries and fewer keys alike")
def several_heads(f: Any) -> Iterator[Case]:
    for n_heads, head_dim, dim in ((2, 4, 8), (3, 8, 24), (1, 8, 24)):
        weight = torch.randn(n_heads * head_dim, dim)
        example = f"{n_heads} heads of {head_dim} rows and {dim} columns"
        yield Case(call(f, weight, n_heads), sorted_rows(weight, n_heads), example, "rows dim")
