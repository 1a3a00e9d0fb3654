"""What goes wrong in an Attention: in the scores, the heads, the rotation and the cache."""

from minillama.course.checking import Mistake
from minillama.course.checks.first_attempts import ALL_AXES
from minillama.course.checks.scores import OUT, REPEATED, TILED, WEIGHTS, mistakes

RETURN = '        return self.wo(rearrange(fused_attend(q, k, v, mask), "b h t d -> b t (h d)"))'
MERGED = 'self.wo(rearrange(weights @ v, "b h t d -> b t (h d)"))'
RESHAPED = "self.wo((weights @ v).transpose(1, 2).reshape(*x.shape[:2], -1))"
IN_PLACE = {**ALL_AXES[2], "masked_fill(": "masked_fill_("}
ROTATION = "        q, k = apply_rope(q, cos, sin), apply_rope(k, cos, sin)\n"
UPDATE = "            k, v = cache.update(self.layer, k, v)  # (B, n_kv_heads, S, head_dim)\n"
SPLIT = {f'self.w{x}(x), "b t (h d) ->': f'self.w{x}(x), "b t (d h) ->' for x in "qkv"}
VIEWED = {
    f'rearrange(self.w{x}(x), "b t (h d) -> b h t d", d=self.head_dim)':
    f"self.w{x}(x).view(x.shape[0], -1, x.shape[1], self.head_dim)"
    for x in "qkv"
}  # fmt: skip
UNMERGED = {
    'rearrange(fused_attend(q, k, v, mask), "b h t d -> b t (h d)")':
    "fused_attend(q, k, v, mask).reshape(*x.shape[:2], -1)"
}  # fmt: skip
HEADS_MIXED = (
    "Heads are cut in the wrong order, every n_heads-th number for one head. A head is head_dim "
    'numbers in a row, "b t (h d)": trained weights are laid out so.'
)
TIME_MIXED = (
    "The heads are made by a view without a transpose. (batch, time, heads, head_dim) has to be "
    "read first and the axes exchanged then; otherwise a head holds pieces of several positions, "
    "and the future leaks into the past."
)
NOT_MERGED = (
    "The heads are not put back side by side. The axes of heads and time have to change places "
    "before the last two are joined, or a position gets pieces of others."
)
AFTER_CACHE = (
    "Keys are turned after they come from the cache. The old ones belong to earlier positions "
    "than the new tables: turn new keys once, before they are stored."
)

MISTAKES = (
    *mistakes(RETURN, REPEATED, MERGED, (*WEIGHTS, *OUT[:2], *TILED, ALL_AXES)),
    *mistakes(RETURN, REPEATED, RESHAPED, (ALL_AXES, (*ALL_AXES[:2], IN_PLACE))),
    *mistakes(
        RETURN,
        REPEATED,
        MERGED,
        (
            (
                "scaled-by-model-dim",
                "The scores are divided by the root of dim, the width of the model. Each head "
                "adds up head_dim products, so it is the root of head_dim.",
                {"math.sqrt(q.shape[-1])": "math.sqrt(x.shape[-1])"},
            ),
        ),
    ),
    Mistake("heads-cut-wrongly", HEADS_MIXED, SPLIT),
    Mistake(
        "heads-cut-wrongly",
        HEADS_MIXED,
        SPLIT | {'"b h t d -> b t (h d)"': '"b h t d -> b t (d h)"'},
    ),
    Mistake("view-without-transpose", TIME_MIXED, VIEWED),
    Mistake("view-without-transpose", TIME_MIXED, VIEWED | UNMERGED),
    Mistake("heads-not-merged", NOT_MERGED, UNMERGED),
    Mistake(
        "heads-merged-wrongly",
        "The heads are joined in the wrong order, number by number. Each keeps its head_dim "
        'numbers in a row, "b t (h d)", as they were cut.',
        {'"b h t d -> b t (h d)"': '"b h t d -> b t (d h)"'},
    ),
    Mistake(
        "values-turned-too",
        "The values are turned as well. RoPE makes scores depend on distance; values are what "
        "is passed on, and turned ones say something else at every position.",
        {ROTATION: f"{ROTATION}        v = apply_rope(v, cos, sin)\n"},
    ),
    Mistake(
        "only-q-turned",
        "Only the queries are turned. A score then depends on where the query stands and not "
        "on how far away the key is: turn both.",
        {ROTATION: "        q = apply_rope(q, cos, sin)\n"},
    ),
    Mistake(
        "only-k-turned",
        "Only the keys are turned. A score then depends on where the key stands and not on how "
        "far away it is: turn both.",
        {ROTATION: "        k = apply_rope(k, cos, sin)\n"},
    ),
    Mistake(
        "not-turned",
        "RoPE is missing. Without it attention cannot tell near from far, or who came first.",
        {ROTATION: ""},
    ),
    Mistake(
        "turned-backwards",
        "Queries and keys are turned the wrong way, so earlier looks like later to trained "
        "weights.",
        {ROTATION: ROTATION.replace("cos, sin", "cos, -sin")},
    ),
    Mistake(
        "neighbours-turned",
        "Neighbouring numbers are turned as pairs. Number i of a head's first half belongs to "
        "number i of its second half, as in Hugging Face's weights.",
        {ROTATION:
         "        def turn(x):\n"
         "            a, b = x[..., ::2], x[..., 1::2]\n"
         "            return torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)\n"
         "        q, k = turn(q), turn(k)\n"},
    ),
    Mistake(
        "turned-before-the-split",
        "The rotation comes before the heads are cut. Each head has its own pairs, so cut "
        "first: RoPE wants (batch, heads, time, head_dim).",
        {'rearrange(self.wq(x), "': 'rearrange(apply_rope(self.wq(x), cos, sin), "',
         'rearrange(self.wk(x), "': 'rearrange(apply_rope(self.wk(x), cos, sin), "',
         ROTATION: ""},
    ),
    Mistake(
        "turned-before-the-transpose",
        "The rotation comes while the axes are still (batch, time, heads, head_dim), so heads "
        "are taken for positions. RoPE wants time as the axis before the last.",
        {ROTATION:
         "        q = apply_rope(q.transpose(1, 2), cos, sin).transpose(1, 2)\n"
         "        k = apply_rope(k.transpose(1, 2), cos, sin).transpose(1, 2)\n"},
    ),
    Mistake(
        "turned-after-the-cache",
        AFTER_CACHE,
        {ROTATION: "        q = apply_rope(q, cos, sin)\n",
         UPDATE: f"{UPDATE}        k = apply_rope(k, cos, sin)\n"},
    ),
    Mistake(
        "turned-again",
        "Keys from the cache are turned again. They were turned when they were stored, and "
        "each turn moves them further from their place.",
        {UPDATE: f"{UPDATE}            k = apply_rope(k, cos, sin)\n"},
    ),
    Mistake(
        "cache-ignored",
        "The cache is not used: new tokens see only one another, and the text before them is "
        "forgotten.",
        {UPDATE: "            pass\n"},
    ),
    Mistake(
        "cache-not-read",
        "Keys and values are stored, and what the cache gives back is not used: new tokens see "
        "only one another.",
        {UPDATE: UPDATE.replace("k, v = ", "")},
    ),
    Mistake(
        "layer-ignored",
        "Every layer keeps its keys and values in the place of layer 0. The layers then "
        "overwrite one another.",
        {UPDATE: UPDATE.replace("self.layer", "0")},
    ),
    Mistake(
        "mask-dropped-for-one",
        "A single query gets no mask. It may look at every earlier key only where there is no "
        "padding among them: hand the mask on, which hides it.",
        {"fused_attend(q, k, v, mask)": "fused_attend(q, k, v, None if x.shape[1] == 1 else mask)"},
    ),
    Mistake(
        "mask-dropped-with-a-cache",
        "With a cache the mask is not used, only the causal one. The mask hides padding as well, "
        "whose keys lie in the cache like those of text: hand it on.",
        {"fused_attend(q, k, v, mask)": "fused_attend(q, k, v, mask if cache is None else None)"},
    ),
    Mistake(
        "cache-advanced",
        "Attention moves the cache's position on. All layers write at the same place, so it "
        "moves once per forward of the model, after the last layer.",
        {UPDATE: f"            new = k.shape[2]\n{UPDATE}            cache.advance(new)\n"},
    ),
    Mistake(
        "values-from-keys",
        "The values are made by wk. They have a matrix of their own, wv.",
        {"self.wv(x)": "self.wk(x)"},
    ),
    Mistake(
        "no-output-matrix",
        "wo is not used. It mixes what the heads have found before it goes to the stream.",
        {"self.wo(rearrange(fused_attend(q, k, v, mask), \"b h t d -> b t (h d)\"))":
         'rearrange(fused_attend(q, k, v, mask), "b h t d -> b t (h d)")'},
    ),
    Mistake(
        "residual-inside",
        "x is added to the result. That is the block's part, which would then do it twice.",
        {"return self.wo(": "return x + self.wo("},
    ),
    Mistake(
        "biases",
        "The matrices have biases. LLaMA's have none, and its weights have no place for them.",
        {f"self.{w} = nn.Linear(config.{shape}, bias=False)":
         f"self.{w} = nn.Linear(config.{shape})"
         for w, shape in {"wq": "dim, config.n_heads * config.head_dim",
                          "wk": "dim, config.n_kv_heads * config.head_dim",
                          "wv": "dim, config.n_kv_heads * config.head_dim",
                          "wo": "n_heads * config.head_dim, config.dim"}.items()},
    ),
    Mistake(
        "kv-heads-ignored",
        "There are as many key-value heads as query heads. n_kv_heads of the config says how "
        "many there are; several query heads share one.",
        {"self.wk = nn.Linear(config.dim, config.n_kv_heads":
         "self.wk = nn.Linear(config.dim, config.n_heads",
         "self.wv = nn.Linear(config.dim, config.n_kv_heads":
         "self.wv = nn.Linear(config.dim, config.n_heads"},
    ),
)  # fmt: skip
