"""What goes wrong in a KVCache."""

from minillama.course.checking import Mistake

WRITE_K = "self.keys[layer, :, :, self.position : end] = k\n"
WRITE_V = "self.values[layer, :, :, self.position : end] = v\n"
RETURN = (
    "return self.keys[layer, :, :, :end].to(k.dtype), self.values[layer, :, :, :end].to(v.dtype)"
)
END = "end = self.end_after(k.shape[0], k.shape[2])\n"
GROW = "self.position += n"
NOTED = "self.documents[:, self.position : end] = 0 if documents is None else documents"
REFUSE = 'raise ValueError(\n                f"the cache'
COPIED = (
    "update gives back copies. Every layer would copy the whole text for every token: make room "
    "once, write into it, and give back a slice of it, which is a view and costs nothing."
)
ON_CPU = (
    "The device is not used: the cache stays on the CPU, and a model on a GPU can neither write "
    "into it nor read from it."
)
FORGOTTEN = (
    "Setting the position back forgets nothing. Tokens after the position are as good as gone: the "
    "next ones are written over them."
)

ANOTHER_ERROR = (
    "Tokens that do not fit are refused by another error than a ValueError. That is the one which "
    "is promised, so whoever catches it to make room would miss this one."
)
OTHER_NAMES = (
    "The attributes have names of their own. The rest of the package, such as beam_search, reads "
    "and sets keys, values, batch_size, max_seq_len, position and documents, and would not find "
    "them: call them so."
)
IN_UPDATE = (
    "update moves the position on. All layers write at the same place, so the second layer would "
    "already land behind the first: only advance moves it, once per forward."
)

MISTAKES = (
    Mistake(
        "position-not-advanced",
        "advance does not move the position, so every forward writes over the tokens before.",
        {GROW: "pass"},
    ),
    Mistake(
        "advanced-by-1",
        "advance counts one token whatever n is. A prompt is many tokens at once.",
        {GROW: "self.position += 1"},
    ),
    Mistake(
        "position-replaced",
        "advance sets the position to n. It is how many tokens are new: add it.",
        {GROW: "self.position = n"},
    ),
    Mistake(
        "advanced-per-layer",
        IN_UPDATE,
        {RETURN: f"self.position = end\n        {RETURN}", GROW: "pass"},
    ),
    Mistake("advanced-per-layer", IN_UPDATE, {RETURN: f"self.position = end\n        {RETURN}"}),
    Mistake(
        "only-new-returned",
        "update gives back only the new keys and values. The queries would see nothing of the "
        "text before.",
        {RETURN: "return k, v"},
    ),
    Mistake(
        "only-old-returned",
        "update gives back what was there before, without the new. A token sees itself too.",
        {RETURN: RETURN.replace(":end]", ":self.position]")},
    ),
    Mistake(
        "all-room-returned",
        "update gives back the whole room, with zeros for tokens that are not there yet. They "
        "would be seen like keys: end where the new tokens end.",
        {RETURN: RETURN.replace(":end]", ":]")},
    ),
    Mistake(
        "written-at-0",
        "New keys and values are always written at the beginning, over those of the first "
        "tokens. They belong at the position.",
        {WRITE_K: WRITE_K.replace("self.position : end", ": k.shape[2]"),
         WRITE_V: WRITE_V.replace("self.position : end", ": k.shape[2]")},
    ),
    Mistake(
        "layer-ignored",
        "All layers use one place, so each overwrites the one before. Every layer has keys and "
        "values of its own.",
        {WRITE_K: WRITE_K.replace("layer", "0"), WRITE_V: WRITE_V.replace("layer", "0"),
         RETURN: RETURN.replace("layer", "0")},
    ),
    Mistake(
        "new-first",
        "The new keys stand before the old. Keys are in the order of the text, the new ones "
        "last, or every distance is wrong and the mask hides the wrong ones.",
        {WRITE_K: WRITE_K + "        p, n = self.position, end - self.position\n"
         "        old = self.keys[layer, :, :, :p].clone(), self.values[layer, :, :, :p].clone()\n",
         WRITE_V: WRITE_V +
         "        self.keys[layer, :, :, n:end], self.values[layer, :, :, n:end] = old\n"
         "        self.keys[layer, :, :, :n], self.values[layer, :, :, :n] = k, v\n"},
    ),
    Mistake(
        "keys-and-values-swapped",
        "Keys and values come back exchanged: keys are first.",
        {RETURN: RETURN.replace(".keys", ".k").replace(".values", ".keys").replace(
            ".k[", ".values[")},
    ),
    Mistake(
        "values-are-keys",
        "The keys are kept as the values too. v has a place of its own.",
        {WRITE_V: WRITE_V.replace("= v", "= k")},
    ),
    Mistake(
        "values-not-written",
        "The values are not written, so the cache gives back zeros for them.",
        {WRITE_V: "\n"},
    ),
    Mistake(
        "written-one-late",
        "Everything is written one place too far, and the place before it stays zero.",
        {WRITE_K: WRITE_K.replace("self.position : end", "self.position + 1 : end + 1"),
         WRITE_V: WRITE_V.replace("self.position : end", "self.position + 1 : end + 1"),
         "self.max_seq_len, config.head_dim)": "self.max_seq_len + 1, config.head_dim)"},
    ),
    Mistake(
        "cannot-forget",
        FORGOTTEN,
        {"self.position = 0": "self.position, self.filled = 0, {}",
         END: END + "        start = self.filled.get(layer, 0)\n"
         "        end = self.filled[layer] = start + k.shape[2]\n",
         WRITE_K: WRITE_K.replace("self.position", "start"),
         WRITE_V: WRITE_V.replace("self.position", "start")},
    ),
    Mistake(
        "own-dtype-returned",
        "Keys and values come back in the dtype in which they are kept. A model that computes "
        "in another one cannot multiply them: back to the dtype of k.",
        {RETURN: RETURN.replace(".to(k.dtype)", "").replace(".to(v.dtype)", "")},
    ),
    Mistake(
        "dtype-ignored",
        "The cache is not kept in the dtype that is asked for. In bfloat16 it takes half the "
        "memory.",
        {"self.keys = torch.zeros(shape, dtype=dtype": "self.keys = torch.zeros(shape",
         "self.values = torch.zeros(shape, dtype=dtype": "self.values = torch.zeros(shape"},
    ),
    Mistake(
        "device-ignored",
        ON_CPU,
        {"self.keys = torch.zeros(shape, dtype=dtype, device=device)":
         "self.keys = torch.zeros(shape, dtype=dtype)",
         "self.values = torch.zeros(shape, dtype=dtype, device=device)":
         "self.values = torch.zeros(shape, dtype=dtype)"},
    ),
    Mistake(
        "documents-on-the-cpu",
        "The documents are kept on the CPU wherever the keys are. A mask made of them could not "
        "meet scores on a GPU: make their table on the device of the keys.",
        {"dtype=torch.long, device=self.keys.device": "dtype=torch.long"},
    ),
    Mistake(
        "copied",
        COPIED,
        {RETURN: RETURN.replace(".to(k.dtype)", ".to(k.dtype).clone()").replace(
            ".to(v.dtype)", ".to(v.dtype).clone()")},
    ),
    Mistake(
        "all-heads-have-room",
        "There is room for n_heads heads. Only the n_kv_heads key-value heads are kept: with "
        "grouped heads they are fewer, and that is what grouping saves.",
        {"config.n_kv_heads, self": "config.n_heads, self"},
    ),
    Mistake(
        "too-much-accepted",
        "More tokens than there is room for are not refused. The model would go on with some "
        "of them lost.",
        {"if end > self.max_seq_len:": "if False:",
         WRITE_K: "end = min(end, self.max_seq_len)\n        " + WRITE_K.replace(
             "= k", "= k[:, :, : end - self.position]"),
         WRITE_V: WRITE_V.replace("= v", "= v[:, :, : end - self.position]")},
    ),
    Mistake(
        "full-cache-accepted",
        "A full cache takes one token more without a word. torch spreads a single token into an "
        "empty slice, so its key and value are lost: raise a ValueError where position + time is "
        "beyond max_seq_len.",
        {"if end > self.max_seq_len:": "end = min(end, self.max_seq_len)\n        if False:"},
    ),
    Mistake(
        "documents-beyond-the-end",
        "update_documents takes documents for which there is no room, and they are lost. It ends "
        "at end_after too, which refuses them.",
        {"end = self.end_after(batch, time)": "end = self.position + time"},
    ),
    Mistake(
        "another-error",
        ANOTHER_ERROR,
        {f"end > self.max_seq_len:\n            {REFUSE}":
         f"end > self.max_seq_len:\n            {REFUSE.replace('Value', 'Index')}"},
    ),
    Mistake(
        "any-batch-accepted",
        "A batch of another size is not refused. PyTorch copies one text into all rows without "
        "a word, and the texts of the others are lost.",
        {"if batch != self.batch_size:": "if False:"},
    ),
    Mistake(
        "documents-not-kept",
        "Only the documents of the new tokens come back. The queries need those of the tokens "
        "before as well.",
        {"return self.documents[:, :end]": "return self.documents[:, self.position : end]"},
    ),
    Mistake(
        "documents-none-forgotten",
        "None makes the cache forget its documents. After a prompt with padding None means "
        "that the new tokens are document 0; the padding stays hidden.",
        {"if documents is None and self.documents is None:": "if documents is None:"},
    ),
    Mistake(
        "none-is-padding",
        "Tokens without a document are noted as -1, which is padding. They are document 0.",
        {NOTED: NOTED.replace("0 if", "-1 if")},
    ),
    Mistake(
        "other-names",
        OTHER_NAMES,
        {"self.keys = torch": "self.k = torch", WRITE_K: WRITE_K.replace("keys", "k"),
         "self.values = torch": "self.v = torch", WRITE_V: WRITE_V.replace("values", "v"),
         RETURN: RETURN.replace(".keys", ".k").replace(".values", ".v"),
         "device=self.keys.device": "device=self.k.device"},
    ),
    Mistake(
        "earlier-are-padding",
        "Tokens from before there were documents are noted as -1, which is padding. They are "
        "document 0.",
        {"torch.zeros(shape, dtype=torch.long": "torch.full(shape, -1, dtype=torch.long"},
    ),
)  # fmt: skip
