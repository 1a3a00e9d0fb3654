"""What goes wrong in a Llama as a module: in its weights, how they are found, drawn and saved."""

from minillama.course.checking import Mistake

SAME_AT_START = (
    "A new model's weights are PyTorch's own first draw. Its embedding is fifty times too large "
    "for an output that shares it, so the first loss is far above ln(vocab_size): draw all "
    "matrices with the standard deviation 0.02."
)
GIVE_SELF = (
    "_apply returns nothing, and what it returns is what `.to(...)`, `.float()` and `.cuda()` "
    "return: `model = model.cuda()` would then be None. Let _apply end with `return self`."
)

MODULE_MISTAKES = (
    Mistake(
        "not-tied",
        "The output has weights of its own though tie_embeddings is True. Then the embedding's "
        "parameter is the output's too: one tensor, learnt from both sides.",
        {"if self.config.tie_embeddings:": "if False:"},
    ),
    Mistake(
        "always-tied",
        "The output shares the embedding's weights though tie_embeddings is False.",
        {"if self.config.tie_embeddings:": "if True:"},
    ),
    Mistake(
        "plain-list",
        "The blocks stand in a plain list, where PyTorch does not find their weights: they would "
        "be neither trained nor saved. Put them into an nn.ModuleList.",
        {"nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))":
         "[Block(config, layer) for layer in range(config.n_layers)]"},
    ),
    Mistake(
        "config-renamed",
        "The config is kept under another name. The rest of the package reads `model.config`, such "
        "as the sampler, which takes the length of the context from it.",
        {"self.config = config": "self.cfg = config",
         "if end > self.config.max": "if end > self.cfg.max",
         "of {self.config.max_seq_len}": "of {self.cfg.max_seq_len}",
         "2 * self.config.n_layers": "2 * self.cfg.n_layers",
         "if self.config.tie": "if self.cfg.tie",
         "rope_tables(self.config,": "rope_tables(self.cfg,"},
    ),
    Mistake(
        "tables-on-the-cpu",
        "The RoPE tables are made on the CPU wherever the model is. Once the weights are on a GPU, "
        "torch refuses to multiply by them: make them on the device of the weights.",
        {"rope_tables(self.config, self.norm.weight.device)": "rope_tables(self.config)"},
    ),
    Mistake(
        "tables-left-behind",
        "_apply puts back the RoPE tables that the model had before. When the weights go to a GPU, "
        "the tables stay on the CPU, and torch refuses to multiply by them: compute them again "
        "where the weights are now.",
        {"        super()._apply(fn, recurse)\n        self.tie_and_tabulate()":
         "        before = self.cos, self.sin\n        super()._apply(fn, recurse)\n"
         "        self.cos, self.sin = before"},
    ),
    Mistake(
        "mask-on-the-cpu",
        "The causal mask is made on the CPU wherever the tokens are. Once they are on a GPU, torch "
        "refuses to put it over the scores: give causal_mask the device of the tokens.",
        {"causal_mask(time, end, tokens.device)": "causal_mask(time, end)"},
    ),
    Mistake(
        "tables-rounded",
        "The RoPE tables are rounded with the weights. After `.bfloat16()` neighbouring "
        "positions of a slow pair are one: compute the tables again, in float32.",
        {"        super()._apply(fn, recurse)\n        self.tie_and_tabulate()":
         "        super()._apply(fn, recurse)"},
    ),
    Mistake(
        "tables-saved",
        "The RoPE tables are saved with the weights, and published files, which have none, no "
        "longer fit. Register them with persistent=False.",
        {'"cos", cos, persistent=False': '"cos", cos', '"sin", sin, persistent=False':
         '"sin", sin'},
    ),
    Mistake(
        "load-exchanged",
        "from_pretrained hands load_model its arguments in another order: path, dtype, device.",
        {"load_model(path, dtype, device)": "load_model(path, device, dtype)"},
    ),
    Mistake(
        "save-exchanged",
        "save_pretrained hands save_model its arguments in another order: the model, path, format.",
        {"save_model(self, path, format)": "save_model(self, format, path)"},
    ),
    Mistake("pytorchs-first-weights", SAME_AT_START, {"        self.init_weights()\n": ""}),
    Mistake(
        "drawn-uniformly",
        "The weights come from a uniform distribution. Such numbers end at 1.73 standard "
        "deviations; init_weights says normal, which has a few that are larger: that is normal_.",
        {"normal_(std=0.02 / math.sqrt(2 * self.config.n_layers))":
         "uniform_(-1, 1).mul_(0.02 * 3**0.5 / math.sqrt(2 * self.config.n_layers))",
         "normal_(std=0.02)": "uniform_(-0.02 * 3**0.5, 0.02 * 3**0.5)"},
    ),
    Mistake(
        "norms-left",
        "init_weights leaves the norms as they are. It draws all weights anew: whatever a norm "
        "has learnt goes back to 1.",
        {"parameter.fill_(1.0)": "pass"},
    ),
    Mistake(
        "residuals-not-smaller",
        "wo and w_down are drawn like the others. They write to the stream 2 n_layers times, "
        "so each gets 0.02 / sqrt(2 n_layers), and the sum starts as large as one.",
        {"std=0.02 / math.sqrt(2 * self.config.n_layers)": "std=0.02"},
    ),
    Mistake(
        "wrong-matrix-smaller",
        "The wrong matrix of the feed-forward is drawn smaller. It is the one that writes to "
        "the stream, w_down.",
        {'"w_down.weight")': '"w_up.weight")'},
    ),
    Mistake(
        "output-smaller",
        "An output with weights of its own is drawn smaller. It does not write to the stream, "
        "so no sum grows by it: it is drawn with 0.02, like the embedding.",
        {'"w_down.weight")': '"w_down.weight", "output.weight")'},
    ),
    Mistake(
        "apply-returns-nothing",
        GIVE_SELF,
        {"        self.tie_and_tabulate()\n        return self":
         "        self.tie_and_tabulate()"},
    ),
    Mistake(
        "norms-drawn",
        "The norms' weights are drawn like matrices, and nearly nothing passes them. They "
        "start at 1.",
        {"parameter.fill_(1.0)": "parameter.normal_(std=0.02)"},
    ),
    Mistake(
        "shared-counted-twice",
        "n_parameters counts a shared embedding twice. It is one set of numbers.",
        {"parameter.numel() for parameter in self.parameters()":
         "tensor.numel() for tensor in self.state_dict().values()"},
    ),
)  # fmt: skip
