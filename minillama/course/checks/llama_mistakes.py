"""What goes wrong in a Llama."""

from collections.abc import Iterator, Mapping

from minillama.course.checking import Mistake

EMBED = "x = self.tok_embeddings(tokens)"
LOOP = "            x = block(x, cos, sin, mask, cache)\n"
ADVANCE = "        if cache is not None:\n            cache.advance(time)\n"
RETURN = "return self.output(self.norm(x))"
ROWS = "cos, sin = self.cos[start:end], self.sin[start:end]"
NOT_LOGITS = (
    "Probabilities come out. The model gives logits: the loss and the sampler take the softmax "
    "themselves, and would do it twice."
)
TOO_MUCH = (
    "More tokens than max_seq_len are not refused with a ValueError that says so. There are no "
    "rows of cos and sin for them: torch stops at shapes that tell nobody why, or goes on and is "
    "wrong."
)
OFF_BY_ONE = (
    "The positions of new tokens are off by one when there is a cache. They go on at the cache's "
    "position: every distance to the tokens before is wrong by one."
)


def either_way(name: str, why: str, edits: Mapping[str, str]) -> Iterator[Mistake]:
    """A mistake, of a model that leaves out the mask where it can, and of one that never does."""
    yield Mistake(name, why, edits)
    yield Mistake(name, why, {**edits, "elif 1 < time < end:": "else:"})


MISTAKES = (
    Mistake(
        "no-final-norm",
        "The last norm is missing. The stream has grown over all blocks, and logits as large "
        "as that make the model far too sure.",
        {RETURN: "return self.output(x)"},
    ),
    Mistake(
        "norm-first",
        "The embedding is normalised before the blocks, where there is no norm of the model's "
        "own: each block normalises its copies itself. `norm` is the last one.",
        {EMBED: "x = self.norm(self.tok_embeddings(tokens))", RETURN: "return self.output(x)"},
    ),
    Mistake(
        "embedding-scaled",
        "The embedding is multiplied by the root of dim, as in 2017. LLaMA takes it as it is.",
        {EMBED: f"{EMBED} * math.sqrt(self.config.dim)"},
    ),
    Mistake(
        "embedding-normalised-too",
        "The embedding is normalised before the blocks. LLaMA takes it as it is; only the "
        "copies that attention and feed-forward read are normalised.",
        {EMBED: "x = self.norm(self.tok_embeddings(tokens))"},
    ),
    Mistake(
        "positions-restart",
        "With a cache every piece starts at position 0 again. New tokens come after those in "
        "the cache: their rows of cos and sin begin at its position.",
        {ROWS: "cos, sin = self.cos[:time], self.sin[:time]"},
    ),
    Mistake(
        "position-off-by-one",
        OFF_BY_ONE,
        {ROWS: "back = 1 if start else 0\n"
         "        cos, sin = self.cos[start - back : end - back], "
         "self.sin[start - back : end - back]"},
    ),
    Mistake(
        "position-off-by-one",
        OFF_BY_ONE,
        {ROWS: "on = 1 if start else 0\n"
         "        at = (torch.arange(start, end) + on).clamp(max=len(self.cos) - 1)\n"
         "        cos, sin = self.cos[at], self.sin[at]"},
    ),
    Mistake(
        "positions-from-1",
        "Positions are counted from 1. Distances are right all the same, but the last token of "
        "a full context has no row in the tables.",
        {ROWS: "cos, sin = self.cos[start + 1 : end + 1], self.sin[start + 1 : end + 1]"},
    ),
    Mistake(
        "same-position",
        "All tokens stand at the same position, so the model cannot tell what came first.",
        {ROWS: "cos, sin = self.cos[:1].expand(time, -1), self.sin[:1].expand(time, -1)"},
    ),
    Mistake(
        "cache-not-advanced",
        "The cache's position does not move, so every forward writes over the tokens before.",
        {ADVANCE: ""},
    ),
    Mistake(
        "cache-advanced-by-one",
        "The cache's position moves by 1, however many tokens were read. After a prompt of several "
        "the next token is written over the second of them: it moves by the number of new tokens.",
        {"cache.advance(time)": "cache.advance(1)"},
    ),
    Mistake(
        "cache-ignored",
        "The cache makes no difference: nothing is written into it, and its position is neither "
        "read nor moved, so new tokens are read as the beginning of a text. Begin at its position, "
        "hand it to the blocks, and advance it at the end.",
        {"start = 0 if cache is None else cache.position": "cache, start = None, 0"},
    ),
    *either_way(
        "cache-advanced-per-layer",
        "The cache's position moves after every layer. All layers write at the same place: it "
        "moves once per forward, after the last.",
        {ADVANCE: "",
         LOOP: f"{LOOP}            if cache is not None:\n                cache.advance(time)\n"},
    ),
    *either_way(
        "cache-advanced-first",
        "The cache's position moves before the layers have written. They then write behind a "
        "gap of zeros, which is seen like text: it moves after the last layer.",
        {ADVANCE: "",
         EMBED: f"if cache is not None:\n            cache.advance(time)\n        {EMBED}"},
    ),
    *either_way(
        "cache-dropped",
        "The blocks do not get the cache, so new tokens see nothing of the text before.",
        {LOOP: LOOP.replace("mask, cache", "mask, None")},
    ),
    Mistake(
        "layer-numbers-missing",
        "The blocks are not told their numbers. In a cache they all use the place of layer 0 "
        "and overwrite one another.",
        {"Block(config, layer) for": "Block(config) for"},
    ),
    Mistake(
        "one-block-for-all",
        "The same block stands in every layer. Each layer has weights of its own: make a new "
        "Block for each.",
        {"Block(config, layer) for layer in range(config.n_layers)":
         "[Block(config)] * config.n_layers"},
    ),
    Mistake(
        "blocks-ignored",
        "What the blocks return is not used: x goes from the embedding straight to the output.",
        {LOOP: LOOP.replace("x = ", "")},
    ),
    Mistake(
        "last-block-skipped",
        "The last block is left out.",
        {"for block in self.layers:": "for block in self.layers[:-1]:"},
    ),
    Mistake(
        "documents-ignored",
        "The documents make no difference. Texts packed together, and padding, then see one "
        "another.",
        {"if documents is not None:": "if False:"},
    ),
    Mistake(
        "future-seen-in-documents",
        "Inside a document later tokens are seen. With documents too a query sees only what is "
        "not later than itself.",
        {"mask = attention_mask(time, documents)":
         "mask = (documents[:, -time:, None] == documents[:, None])[:, None]"},
    ),
    Mistake(
        "documents-not-noted",
        "The cache is not told the documents. When the next token comes, it can no longer tell "
        "what was padding.",
        {"            documents = cache.update_documents(documents, batch, time)":
         "            pass"},
    ),
    Mistake(
        "mask-without-the-past",
        "The mask of a later piece covers only its own tokens. It needs a column for each key "
        "in the cache as well.",
        {"causal_mask(time, end, tokens.device)": "causal_mask(time, time, tokens.device)"},
    ),
    Mistake("probabilities", NOT_LOGITS, {RETURN: f"{RETURN}.softmax(-1)"}),
    Mistake("probabilities", NOT_LOGITS, {RETURN: f"{RETURN}.log_softmax(-1)"}),
    Mistake(
        "last-position-only",
        "Only the last position's logits come out. Training needs those of every position.",
        {RETURN: f"{RETURN}[:, -1:]"},
    ),
    Mistake(
        "last-position-only",
        "Only the last position's logits come out. Training needs those of every position.",
        {RETURN: f"{RETURN}[:, -1]"},
    ),
    Mistake(
        "no-output",
        "The vectors of the stream come out. `output` turns each into a logit for every token.",
        {RETURN: "return self.norm(x)"},
    ),
    Mistake(
        "output-bias",
        "The output has a bias. LLaMA has none anywhere.",
        {"config.vocab_size, bias=False)": "config.vocab_size)"},
    ),
    Mistake(
        "eps-ignored",
        "The last norm does not use the config's norm_eps. Published models differ in it.",
        {"RMSNorm(config.dim, config.norm_eps)": "RMSNorm(config.dim, 1e-6)"},
    ),
    Mistake("too-much-accepted", TOO_MUCH, {"if end > self.config.max_seq_len:": "if False:"}),
    Mistake(
        "too-much-accepted",
        TOO_MUCH,
        {"if end > self.config.max_seq_len:": "if False:",
         ROWS: "at = torch.arange(start, end).clamp(max=len(self.cos) - 1)\n"
         "        cos, sin = self.cos[at], self.sin[at]"},
    ),
)  # fmt: skip
