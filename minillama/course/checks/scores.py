"""What goes wrong between queries, keys and values, in whatever function they meet.

Whoever writes `attention_weights`, `attend` or the whole of Attention can make the same mistakes.
They stand here once, as edits of a plain version that takes the place of the function's own lines.
"""

from collections.abc import Iterator, Mapping

from minillama.course.checking import Mistake
from minillama.course.checks.masks import HIDES_ITSELF, INVERTED, ONE_FUTURE, TAKEN_FOR_FIRST

PLAIN = """\
if mask is None:
    mask = causal_mask(q.shape[-2], k.shape[-2], q.device)
scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
scores = scores.masked_fill(~mask, -math.inf)
weights = scores.softmax(dim=-1)
"""
CAUSAL = "causal_mask(q.shape[-2], k.shape[-2], q.device)"
SCORES = "q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])"
FILL = "scores.masked_fill(~mask, -math.inf)"
SOFTMAX = "scores.softmax(dim=-1)"
TRIL = "torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device).tril"
LATER = "k.shape[-2] - q.shape[-2]"
DIVIDED_AGAIN = (
    "The mask comes after the softmax, and what is left is divided by its sum. That works until a "
    "hidden key has nearly all of the row: then 0 is divided by 0. Fill the scores with minus "
    "infinity before the softmax."
)

WEIGHTS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    (
        "mask-after-softmax",
        "The mask comes after the softmax. The hidden keys have had their share by then, so what "
        "is left no longer sums to 1: fill the scores with minus infinity before the softmax.",
        {FILL: "scores", SOFTMAX: f"{SOFTMAX} * mask"},
    ),
    (
        "shares-divided-again",
        DIVIDED_AGAIN,
        {
            FILL: "scores",
            SOFTMAX: f"{SOFTMAX} * mask\nweights = weights / weights.sum(-1, keepdim=True)",
        },
    ),
    (
        "mask-with-0",
        "Hidden scores are set to 0. A score of 0 is an ordinary one, and the softmax gives it a "
        "share: the future is still seen. Minus infinity gets a share of exactly 0.",
        {"-math.inf": "0.0"},
    ),
    ("hides-itself", HIDES_ITSELF, {CAUSAL: f"{TRIL}({LATER} - 1)"}),
    ("hides-itself", HIDES_ITSELF, {CAUSAL: f"{TRIL}({LATER} - 1)", "-math.inf": "-1e9"}),
    (
        "hides-itself",
        HIDES_ITSELF,
        {CAUSAL: f"{TRIL}({LATER} - 1)", SOFTMAX: f"{SOFTMAX}.nan_to_num()"},
    ),
    ("one-future", ONE_FUTURE, {CAUSAL: f"{TRIL}({LATER} + 1)"}),
    ("queries-taken-for-first", TAKEN_FOR_FIRST, {CAUSAL: f"{TRIL}()"}),
    (
        "queries-taken-for-first",
        TAKEN_FOR_FIRST,
        {CAUSAL: f"{TRIL}(0 if q.shape[-2] > 1 else {LATER})"},
    ),
    (
        "not-causal",
        "Without a mask everything is seen, the future too. No mask means causal: a query sees "
        "the keys that are not later than itself.",
        {CAUSAL: f"{TRIL}(k.shape[-2])"},
    ),
    ("mask-inverted", INVERTED, {"~mask": "mask"}),
    ("mask-inverted", INVERTED, {"~mask": "mask", "-math.inf": "-1e9"}),
    (
        "mask-inverted",
        INVERTED,
        {"if mask is None:": "if mask is not None:\n    mask = ~mask\nelse:"},
    ),
    (
        "mask-ignored",
        "The mask that is given is not used, so documents packed together see one another.",
        {"if mask is None:": "if True:"},
    ),
    (
        "mask-and-causal",
        "A mask that is given is mixed with the causal one. It is the whole rule: what it allows "
        "is seen, be it later or not.",
        {SCORES: f"{SCORES}\nmask = mask & {CAUSAL}"},
    ),
    (
        "mask-added",
        "The mask is added to the scores as a number, 1 for True and 0 for False: nothing is "
        "hidden. Fill the scores with minus infinity where the mask is False.",
        {FILL: "scores + mask.to(q.dtype)"},
    ),
    (
        "softmax-over-queries",
        "The softmax runs over the queries. Each query shares itself out among the keys: rows "
        "have to sum to 1, along the last axis.",
        {"dim=-1": "dim=-2"},
    ),
    (
        "softmax-over-heads",
        "The softmax runs over axis 1, which is that of the heads. Each query shares itself out "
        "among the keys, along the last axis.",
        {"dim=-1": "dim=1"},
    ),
    (
        "scaled-by-dim",
        "The scores are divided by head_dim without its root. They then shrink as heads grow, and "
        "attention becomes nearly even: a sum of head_dim products is as large as the root.",
        {"math.sqrt(q.shape[-1])": "q.shape[-1]"},
    ),
    (
        "not-scaled",
        "The scores are not divided by the root of head_dim. They grow with the width of a head, "
        "the softmax puts everything on one key, and hardly any gradient is left.",
        {" / math.sqrt(q.shape[-1])": ""},
    ),
    (
        "scaled-up",
        "The scores are multiplied by the root of head_dim. It is there to make them smaller, so "
        "that the softmax does not put everything on one key: divide.",
        {"/ math.sqrt": "* math.sqrt"},
    ),
    (
        "scaled-by-time",
        "The scores are divided by the root of the number of tokens. It is the width of a head, "
        "the last axis of q, that makes a sum of products large.",
        {"math.sqrt(q.shape[-1])": "math.sqrt(q.shape[-2])"},
    ),
    (
        "scaled-after-softmax",
        "The root of head_dim divides the weights and not the scores: they no longer sum to 1, "
        "and the softmax is as sharp as without it.",
        {" / math.sqrt(q.shape[-1])": "", SOFTMAX: f"{SOFTMAX} / math.sqrt(q.shape[-1])"},
    ),
    (
        "queries-for-keys",
        "The scores are the wrong way round: rows are keys. Each row belongs to a query, so it is "
        "q times k transposed.",
        {"q @ k.transpose(-2, -1)": "k @ q.transpose(-2, -1)"},
    ),
    (
        "view-for-transpose",
        "The keys are reshaped where they have to be transposed. A reshape reads the same numbers "
        "in the same order, so every column mixes several keys.",
        {"k.transpose(-2, -1)": "k.reshape(*k.shape[:-2], k.shape[-1], k.shape[-2])"},
    ),
    (
        "overflows",
        "The exponential of a large score is infinite, that of a small one 0, and neither can be "
        "divided by itself. torch.softmax subtracts the largest score of the row first, which "
        "changes nothing else.",
        {SOFTMAX: "scores.exp() / scores.exp().sum(-1, keepdim=True)"},
    ),
    (
        "shares-not-divided",
        "The exponentials are not divided by their sum. Weights are shares: rows sum to 1.",
        {SOFTMAX: "scores.exp()"},
    ),
    (
        "no-softmax",
        "The softmax is missing. Scores are any numbers, and weights are shares: none below 0, "
        "rows that sum to 1.",
        {"-math.inf": "0.0", SOFTMAX: "scores"},
    ),
)
OUT: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    (
        "keys-for-values",
        "The weights are put on the keys. Keys only say how much is taken; what is taken are the "
        "values.",
        {"weights @ v": "weights @ k"},
    ),
    (
        "weights-transposed",
        "The weights are transposed before they meet the values: every position gives what it "
        "should take. Row t of the weights belongs to query t.",
        {"weights @ v": "weights.transpose(-2, -1) @ v"},
    ),
    (
        "values-first",
        "The product is the wrong way round: the weights come first, as weights @ v. Each row of "
        "the weights, a query's shares, meets the values down the axis of the keys.",
        {"weights @ v": "v @ weights"},
    ),
    (
        "returns-weights",
        "The weights are returned. The result is their mean of the values, weights @ v.",
        {"weights @ v": "weights"},
    ),
)
FLOAT32_OUT = (
    "The result of bfloat16 stays float32. Whatever is computed in float32 goes back to q's "
    "dtype at the end."
)
TILED_HEADS = (
    "The key-value heads are handed out in turns, 0 1 0 1. Neighbouring query heads share one, "
    "0 0 1 1: that is how trained weights are laid out."
)


def mistakes(
    anchor: str, before: str, result: str, known: tuple[tuple[str, str, Mapping[str, str]], ...]
) -> Iterator[Mistake]:
    """Mistakes of PLAIN, which then stands, with its result, in front of a line of the source."""
    indent = anchor[: len(anchor) - len(anchor.lstrip())]
    for name, why, edits in known:
        text = f"{before}{PLAIN}return {result}\n"
        for old, new in edits.items():
            assert text.count(old) == 1, (name, old)
            text = text.replace(old, new)
        lines = [f"{indent}{line}" for line in text.splitlines()]
        yield Mistake(name, why, {anchor: "\n".join([*lines, anchor])})


# The plain version needs a key-value head for each query head.
REPEATED = "".join(f"{x} = {x}.repeat_interleave(q.shape[1] // {x}.shape[1], 1)\n" for x in "kv")
TILED = (
    (
        "tiled-heads",
        TILED_HEADS,
        {line: f"{line[0]} = {line[0]}.repeat(1, q.shape[1] // {line[0]}.shape[1], 1, 1)"
         for line in REPEATED.splitlines()},
    ),
    *(
        (
            "heads-not-repeated",
            "There are fewer key-value heads than query heads, and each query head needs one: "
            "several share it. Give k and v as many heads as q has first, as repeat_heads does, "
            "or tell scaled_dot_product_attention enable_gqa=True.",
            {line: "" for line in REPEATED.splitlines()} | product,
        )
        for product in (
            {},
            {"q @ k.transpose(-2, -1)": 'torch.einsum("bhtd,bhsd->bhts", q, k)'},
            {"q @ k.transpose(-2, -1)": 'torch.einsum("...td,...sd->...ts", q, k)'},
        )
    ),
    (
        "first-head-only",
        "Every query head uses the first key-value head. Neighbouring query heads share one: "
        "0 0 1 1.",
        {line: f"{line[0]} = {line[0]}[:, :1]" for line in REPEATED.splitlines()},
    ),
)  # fmt: skip
GROUPS_HINT = "query head h has key-value head h // (n_heads / n_kv_heads)"
