"""The checks of lesson 06's exercises."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.config import ModelConfig
from minillama.course import oracles
from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call

MODULE = "course.exercises.lesson_06"
HEADS_AXES = "batch heads time head_dim"
VIEW = "x.view(batch, time, n_heads, dim // n_heads).transpose(1, 2)"

split_heads = Check(
    "split_heads",
    MODULE,
    hints={"split_heads": "First cut the last axis in two, then let heads and time change places."},
    mistakes=(
        Mistake(
            "view-without-transpose",
            "The numbers are read straight into (batch, heads, time, head_dim). `view` only counts "
            "off numbers in the order in which they lie, position by position: so a head gets "
            "pieces of several positions. Cut the last axis first, then exchange the axes.",
            {VIEW: "x.reshape(batch, n_heads, time, dim // n_heads)"},
        ),
        Mistake(
            "not-exchanged",
            "The axis of dim is cut, but heads and time have not changed places: attention would "
            "take heads for positions.",
            {".transpose(1, 2)": ""},
        ),
        Mistake(
            "every-n-th-number",
            "A head gets every n_heads-th number. It is head_dim numbers in a row, that is how the "
            "rows of wq are laid out.",
            {VIEW: "x.view(batch, time, dim // n_heads, n_heads).permute(0, 3, 1, 2)"},
        ),
        Mistake(
            "sizes-exchanged",
            "There are as many heads as a head should be wide: n_heads and dim // n_heads have "
            "changed places.",
            {VIEW: "x.view(batch, time, dim // n_heads, n_heads).transpose(1, 2)"},
        ),
        Mistake(
            "width-and-time-exchanged",
            "The last two axes stand the other way round: each head is to be (time, head_dim), a "
            "row for every position.",
            {VIEW: "x.view(batch, time, n_heads, dim // n_heads).permute(0, 2, 3, 1)"},
        ),
        Mistake(
            "heads-before-batch",
            "The axis of heads has come to stand before the batch. Only heads and time change "
            "places.",
            {".transpose(1, 2)": ".permute(2, 0, 1, 3)"},
        ),
    ),
)  # fmt: skip


def numbered(time: int, heads: int, width: int) -> torch.Tensor:
    """(heads, time, width), each number three digits: position, head, place in the head."""
    t, h, d = (torch.arange(1.0, size + 1) for size in (time, heads, width))
    return 100 * t[:, None] + 10 * h[:, None, None] + d


def flat(heads: torch.Tensor) -> torch.Tensor:
    """(..., heads, time, width) to (..., time, heads * width), head by head."""
    return torch.cat(list(heads.unbind(-3)), dim=-1)


@split_heads.probe("two positions, two heads of two numbers")
def split_by_hand(f: Any) -> Iterator[Case]:
    x = torch.tensor([[[111.0, 112, 121, 122], [211, 212, 221, 222]]])
    right = torch.tensor([[[[111.0, 112], [211, 212]], [[121, 122], [221, 222]]]])
    example = "x = [[[111, 112, 121, 122], [211, 212, 221, 222]]] and n_heads = 2"
    yield Case(call(f, x, 2), right, example, HEADS_AXES)


@split_heads.probe("any numbers of them")
def split_sizes(f: Any) -> Iterator[Case]:
    for time, heads, width in ((3, 2, 4), (4, 3, 2), (2, 1, 4), (5, 4, 1)):
        right = numbered(time, heads, width) + torch.tensor([0.0, 1000.0])[:, None, None, None]
        example = f"2 texts of {time} positions and {heads} heads of {width} numbers"
        yield Case(call(f, flat(right), heads), right, example, HEADS_AXES)


JOINED = "x.transpose(1, 2).reshape(batch, time, n_heads * head_dim)"

join_heads = Check(
    "join_heads",
    MODULE,
    hints={"join_heads": "The way back: heads and time change places, then two axes become one."},
    mistakes=(
        Mistake(
            "reshape-without-transpose",
            "The numbers are read straight into (batch, time, dim), so a position gets the numbers "
            "of several positions of one head. Let heads and time change places first.",
            {JOINED: "x.reshape(batch, time, n_heads * head_dim)"},
        ),
        Mistake(
            "number-by-number",
            "The heads are joined number by number: the first of each head, then the second. Each "
            "head keeps its numbers in a row.",
            {JOINED: "x.permute(0, 2, 3, 1).reshape(batch, time, n_heads * head_dim)"},
        ),
        Mistake(
            "not-joined",
            "Heads and time have changed places, but the heads are still an axis of their own.",
            {JOINED: "x.transpose(1, 2)"},
        ),
        Mistake(
            "summed",
            "The heads are added up. They are put side by side, and wo then mixes them.",
            {JOINED: "x.sum(1)"},
        ),
        Mistake(
            "averaged",
            "The heads are averaged. They are put side by side, and wo then mixes them.",
            {JOINED: "x.mean(1)"},
        ),
        Mistake(
            "heads-after-one-another",
            "The positions of one head follow those of another along the axis of time. Every "
            "position is to have all of its heads, side by side.",
            {JOINED: "x.reshape(batch, n_heads * time, head_dim)"},
        ),
    ),
)  # fmt: skip


@join_heads.probe("two positions, two heads of two numbers")
def join_by_hand(f: Any) -> Iterator[Case]:
    x = torch.tensor([[[[111.0, 112], [211, 212]], [[121, 122], [221, 222]]]])
    right = torch.tensor([[[111.0, 112, 121, 122], [211, 212, 221, 222]]])
    example = "heads [[111, 112], [211, 212]] and [[121, 122], [221, 222]]"
    yield Case(call(f, x), right, example, "batch time dim")


@join_heads.probe("any numbers of them")
def join_sizes(f: Any) -> Iterator[Case]:
    for time, heads, width in ((3, 2, 4), (4, 3, 2), (2, 1, 4), (5, 4, 1)):
        x = numbered(time, heads, width) + torch.tensor([0.0, 1000.0])[:, None, None, None]
        example = f"2 texts of {time} positions and {heads} heads of {width} numbers"
        yield Case(call(f, x), flat(x), example, "batch time dim")


PER_LAYER = "2 * config.n_kv_heads * config.head_dim"

cache_bytes = Check(
    "cache_bytes",
    MODULE,
    hints={"cache_bytes": "For each token and layer: a key and a value for each key-value head."},
    mistakes=(
        Mistake(
            "keys-only",
            "Only the keys are counted, or only the values. Both are kept: twice as much.",
            {PER_LAYER: "config.n_kv_heads * config.head_dim"},
        ),
        Mistake(
            "query-heads",
            "The query heads are counted. Queries are used once and forgotten; what is kept are "
            "keys and values, for n_kv_heads.",
            {"n_kv_heads": "n_heads"},
        ),
        Mistake(
            "one-layer",
            "This is one layer's. Each layer has keys and values of its own.",
            {" * config.n_layers": ""},
        ),
        Mistake(
            "numbers-not-bytes",
            "This is how many numbers there are. Each takes bytes_per_number bytes.",
            {" * bytes_per_number": ""},
        ),
        Mistake(
            "always-two-bytes",
            "bytes_per_number is not used: it is 2 in bfloat16, but 4 in float32.",
            {"* bytes_per_number": "* 2"},
        ),
        Mistake(
            "full-context",
            "The whole context is counted, max_seq_len. Asked for are so many `tokens`.",
            {"* tokens": "* config.max_seq_len"},
        ),
        Mistake(
            "one-token",
            "This is for one token. Every token leaves its keys and values.",
            {" * tokens": ""},
        ),
        Mistake(
            "dim-for-each-head",
            "Each head is counted as wide as the model. It has head_dim numbers.",
            {"config.head_dim": "config.dim"},
        ),
        Mistake(
            "head-width-forgotten",
            "A key is counted as one number. It has head_dim of them.",
            {" * config.head_dim": ""},
        ),
    ),
)  # fmt: skip


def cache_case(f: Any, config: ModelConfig, tokens: int, size: int, example: str) -> Case:
    # Counted one by one, so that nothing depends on a formula.
    places = sum(2 for _ in range(config.n_layers) for _ in range(config.n_kv_heads))
    right = sum([places * (config.dim // config.n_heads)] * tokens) * size
    args = (config, tokens) if size == 2 else (config, tokens, size)
    return Case(call(f, *args), right, example, rtol=1e-9, atol=0.1)


@cache_bytes.probe("one token of a small model")
def cache_small(f: Any) -> Iterator[Case]:
    config = ModelConfig.preset("tiny")
    example = "the preset tiny (2 layers, 2 key-value heads of 16 numbers) and 1 token"
    yield cache_case(f, config, 1, 2, example)


@cache_bytes.probe("other models, lengths and kinds of number")
def cache_others(f: Any) -> Iterator[Case]:
    for name, tokens, size in (("llama-2-70b", 100, 2), ("llama-7b", 3, 2), ("tiny", 10, 4)):
        config = ModelConfig.preset(name)
        kind = "" if size == 2 else f" and bytes_per_number = {size}"
        yield cache_case(f, config, tokens, size, f"the preset {name}, {tokens} tokens{kind}")


REPEATED = "heads.repeat_interleave(n_heads // len(heads), dim=0).flatten(0, 1)"

more_heads = Check(
    "more_heads",
    MODULE,
    hints={"more_heads": "Cut the rows into heads, repeat whole heads, and join the rows again."},
    mistakes=(
        Mistake(
            "tiled-heads",
            "The heads come as 0 1 0 1. Query heads that are neighbours share one, so each has to "
            "stand several times in a row: 0 0 1 1.",
            {REPEATED: "heads.repeat(n_heads // len(heads), 1, 1).flatten(0, 1)"},
        ),
        Mistake(
            "rows-repeated",
            "Single rows are repeated, so a head has each number several times and the rest of its "
            "numbers go to the next head. Cut the rows into heads, and repeat those.",
            {REPEATED: "weight.repeat_interleave(n_heads // len(heads), dim=0)"},
        ),
        Mistake(
            "n-heads-of-each",
            "Every head is repeated n_heads times. There are to be n_heads in all.",
            {"n_heads // len(heads)": "n_heads"},
        ),
        Mistake(
            "not-repeated",
            "Nothing is repeated: there are as many heads as before.",
            {REPEATED: "heads.flatten(0, 1)"},
        ),
        Mistake(
            "columns-repeated",
            "The columns are repeated, which stand for the numbers of x. Heads are groups of rows.",
            {REPEATED: "weight.repeat_interleave(n_heads // len(heads), dim=1)"},
        ),
        Mistake(
            "not-joined",
            "The heads are an axis of their own. A weight has two axes: join the rows again.",
            {".flatten(0, 1)": ""},
        ),
    ),
)  # fmt: skip


def wider(weight: torch.Tensor, head_dim: int, n_heads: int) -> torch.Tensor:
    """Row by row: which row of the old weight each row of the new one is."""
    group = n_heads // (len(weight) // head_dim)
    rows = [
        head // group * head_dim + place for head in range(n_heads) for place in range(head_dim)
    ]
    return weight[rows]


@more_heads.probe("two heads of two rows become four")
def more_by_hand(f: Any) -> Iterator[Case]:
    weight = torch.tensor([[11.0], [12], [21], [22]])
    right = torch.tensor([[11.0], [12], [11], [12], [21], [22], [21], [22]])
    example = "weight = [[11], [12], [21], [22]], head_dim = 2 and n_heads = 4"
    yield Case(call(f, weight, 2, 4), right, example, "rows dim")


@more_heads.probe("any numbers of them")
def more_sizes(f: Any) -> Iterator[Case]:
    for kv_heads, n_heads, head_dim in ((2, 6, 4), (3, 6, 2), (1, 4, 3), (4, 4, 2)):
        weight = torch.randn(kv_heads * head_dim, 5)
        right = wider(weight, head_dim, n_heads)
        example = f"{kv_heads} heads of {head_dim} rows and n_heads = {n_heads}"
        yield Case(call(f, weight, head_dim, n_heads), right, example, "rows dim")


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
