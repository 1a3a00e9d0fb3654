"""What goes wrong in a first attempt at attention, as edits of the plain version in scores."""

from collections.abc import Mapping

from minillama.course.checks.scores import CAUSAL, DIVIDED_AGAIN, FILL, SOFTMAX

SCALE = " / math.sqrt(q.shape[-1])"
NOT_ENOUGH = (
    "Hidden scores are set to a number that is not low enough: where the others are lower still, "
    "the hidden keys get the shares. Minus infinity is below everything."
)
BATCH = (
    "`len` is the length of the first axis, which is the batch. The number of queries is "
    "q.shape[-2], that of keys k.shape[-2]."
)
OF_BATCH = "causal_mask(len(q), len(k), q.device)"
ALL_AXES: tuple[str, str, Mapping[str, str]] = (
    "all-axes-reversed",
    "`.T` reverses all axes, and k has the axes (batch, heads, time, head_dim). Only the last "
    "two are to be swapped: `k.mT`, or `k.transpose(-2, -1)`.",
    {"k.transpose(-2, -1)": "k.T"},
)

FIRST_ATTEMPTS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ALL_AXES,
    (
        "keys-not-transposed",
        "The keys are not transposed. Both q and k have the axes (..., time, head_dim), and a "
        "product takes rows times columns: swap the last two of k, `k.mT` or "
        "`k.transpose(-2, -1)`.",
        {"k.transpose(-2, -1)": "k"},
    ),
    (
        "neither-scaled-nor-masked",
        "Two steps are missing between the scores and the softmax: divide them by the root of "
        "head_dim, then fill them with minus infinity where the mask is False.",
        {SCALE: "", FILL: "scores"},
    ),
    (
        "mask-not-used",
        "Nothing is hidden: no mask reaches the softmax. If masked_fill is there, its result is "
        "thrown away. It makes a new tensor: write scores = scores.masked_fill(...), or use "
        "masked_fill_.",
        {FILL: "scores"},
    ),
    ("len-is-the-batch", BATCH, {CAUSAL: OF_BATCH}),
    ("len-is-the-batch", BATCH, {CAUSAL: OF_BATCH, "masked_fill(": "masked_fill_("}),
    (
        "shares-divided-again",
        DIVIDED_AGAIN,
        {
            FILL: "scores",
            SOFTMAX: f"{SOFTMAX} * mask\n"
            "weights = weights / (weights.sum(-1, keepdim=True) + 1e-9)",
        },
    ),
    ("not-low-enough", NOT_ENOUGH, {"-math.inf": "-10.0"}),
    ("not-low-enough", NOT_ENOUGH, {"-math.inf": "-100.0"}),
    ("not-low-enough", NOT_ENOUGH, {"-math.inf": "-1e4"}),
)
