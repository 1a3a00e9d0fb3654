"""What goes wrong in a Block."""

from minillama.course.checking import Mistake

ATTENTION = "        x = x + self.attention(self.attention_norm(x), cos, sin, mask, cache)\n"
FEED_FORWARD = "        return x + self.feed_forward(self.ffn_norm(x))"
COMES_OUT = "self.attention(self.attention_norm(x), cos, sin, mask, cache)"
ON_X = "self.attention(x, cos, sin, mask, cache)"
POST_NORM = (
    "The norms stand behind attention and feed-forward, as in 2017. LLaMA normalises what goes in, "
    "and leaves the stream itself alone: that is why deep stacks learn without a slow start."
)
RESIDUAL = (
    "A residual is missing: what comes out replaces the stream. It has to be added to it, or "
    "what the layers below have written is lost."
)
ONE_NORM = (
    "One norm serves both places. Attention and feed-forward each have a norm with a weight of "
    "their own."
)
PARALLEL = (
    "Attention and feed-forward work side by side on the same x. The feed-forward comes after: it "
    "reads the stream to which attention has been added."
)
NO_NORM = (
    "A norm is missing. Both attention and feed-forward read a normalised copy of the stream, "
    "whose numbers grow from layer to layer."
)

MISTAKES = (
    Mistake(
        "post-norm",
        POST_NORM,
        {ATTENTION: f"        x = self.attention_norm(x + {ON_X})\n",
         FEED_FORWARD: "        return self.ffn_norm(x + self.feed_forward(x))"},
    ),
    Mistake(
        "post-norm",
        POST_NORM,
        {ATTENTION: f"        x = x + self.attention_norm({ON_X})\n",
         FEED_FORWARD: "        return x + self.ffn_norm(self.feed_forward(x))"},
    ),
    Mistake(
        "stream-normalised",
        "The stream itself is normalised, and not a copy of it. What the layers below have "
        "written then shrinks at every block: keep x, and add to it.",
        {ATTENTION: f"        x = self.attention_norm(x)\n        x = x + {ON_X}\n",
         FEED_FORWARD:
         "        x = self.ffn_norm(x)\n        return x + self.feed_forward(x)"},
    ),
    Mistake("one-norm-twice", ONE_NORM,
            {FEED_FORWARD: FEED_FORWARD.replace("ffn_norm", "attention_norm")}),
    Mistake("one-norm-twice", ONE_NORM,
            {ATTENTION: ATTENTION.replace("attention_norm", "ffn_norm")}),
    Mistake(
        "norms-exchanged",
        "The two norms have changed places: attention_norm stands before attention, ffn_norm "
        "before the feed-forward.",
        {ATTENTION: ATTENTION.replace("attention_norm", "ffn_norm"),
         FEED_FORWARD: FEED_FORWARD.replace("ffn_norm", "attention_norm")},
    ),
    Mistake("no-norm", NO_NORM,
            {ATTENTION: f"        x = x + {ON_X}\n",
             FEED_FORWARD: "        return x + self.feed_forward(x)"}),
    Mistake("no-norm", NO_NORM, {ATTENTION: f"        x = x + {ON_X}\n"}),
    Mistake("no-norm", NO_NORM, {FEED_FORWARD: "        return x + self.feed_forward(x)"}),
    Mistake("residual-missing", RESIDUAL,
            {ATTENTION: ATTENTION.replace("x + ", ""),
             FEED_FORWARD: FEED_FORWARD.replace("x + ", "")}),
    Mistake("residual-missing", RESIDUAL, {ATTENTION: ATTENTION.replace("x + ", "")}),
    Mistake("residual-missing", RESIDUAL, {FEED_FORWARD: FEED_FORWARD.replace("x + ", "")}),
    Mistake("parallel", PARALLEL,
            {ATTENTION: f"        added = {COMES_OUT}\n",
             FEED_FORWARD: FEED_FORWARD.replace("x + ", "x + added + ")}),
    Mistake("parallel", PARALLEL,
            {ATTENTION: f"        added = {COMES_OUT}\n",
             FEED_FORWARD: "        return x + added + "
             "self.feed_forward(self.attention_norm(x))"}),
    Mistake(
        "feed-forward-first",
        "The feed-forward comes before attention. It works on what attention has gathered, so "
        "attention is first.",
        {ATTENTION: "        x = x + self.feed_forward(self.ffn_norm(x))\n",
         FEED_FORWARD: f"        return x + {COMES_OUT}"},
    ),
    Mistake(
        "feed-forward-of-attention-only",
        "The feed-forward reads what attention has just added, and not the stream. Add first; "
        "it reads a normalised copy of everything that has been written.",
        {ATTENTION: f"        added = {COMES_OUT}\n",
         FEED_FORWARD: "        return x + added + self.feed_forward(self.ffn_norm(added))"},
    ),
    Mistake(
        "old-stream-kept",
        "What attention found never reaches the result: the feed-forward's part is added to "
        "the x from before. Add it to the stream that has attention's part.",
        {ATTENTION: f"        h = x + {COMES_OUT}\n",
         FEED_FORWARD: "        return x + self.feed_forward(self.ffn_norm(h))"},
    ),
    Mistake(
        "mask-dropped",
        "The mask is not handed on to attention, so documents packed together see one another.",
        {ATTENTION: ATTENTION.replace("mask, cache", "None, cache")},
    ),
    Mistake(
        "cache-dropped",
        "The cache is not handed on to attention, and new tokens see nothing of the text.",
        {ATTENTION: ATTENTION.replace("mask, cache", "mask, None")},
    ),
    Mistake(
        "tables-swapped",
        "Cosines and sines are handed on in the wrong order: cos is first.",
        {ATTENTION: ATTENTION.replace("cos, sin", "sin, cos")},
    ),
    Mistake(
        "layer-ignored",
        "Attention is not told its layer's number, so every layer keeps its keys and values in "
        "the place of layer 0.",
        {"Attention(config, layer)": "Attention(config)"},
    ),
    Mistake(
        "cache-advanced",
        "The block moves the cache's position on. All layers write at the same place, so it "
        "moves once per forward of the model, after the last layer.",
        {FEED_FORWARD: "        if cache is not None:\n"
         f"            cache.advance(x.shape[1])\n{FEED_FORWARD}"},
    ),
    Mistake(
        "eps-ignored",
        "The norms do not use the config's norm_eps. Published models differ in it.",
        {"self.attention_norm = RMSNorm(config.dim, config.norm_eps)":
         "self.attention_norm = RMSNorm(config.dim, 1e-6)",
         "self.ffn_norm = RMSNorm(config.dim, config.norm_eps)":
         "self.ffn_norm = RMSNorm(config.dim, 1e-6)"},
    ),
)  # fmt: skip
