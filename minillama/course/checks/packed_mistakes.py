"""What goes wrong in packed batches: edits of the reference, and why they are wrong."""

from minillama.course.checking import Mistake

BEGIN = "range(start, end - 1, seq_len)"
SIZE = "min(seq_len, end - 1 - begin)"
TARGETS = "targets[b, t : t + size] = self._tokens[start + 1 : start + 1 + size]"
INSIDE = "targets[b, t : t + size - 1] = self._tokens[start + 1 : start + size]"
ACROSS = "if t:\n                    targets[b, t - 1] = self._tokens[start]\n                "
ORDER = "np.random.default_rng([self.seed, epoch]).permutation(n_rows)"
SHUFFLED = "[parts[i] for i in np.random.default_rng(seed).permutation(len(parts))]"
PACKED = "        self._rows = [[parts[i] for i in row] for row in rows]\n"

MISTAKES = (
    Mistake(
        "targets-not-shifted",
        "The targets are the tokens themselves. What is to be predicted at each place is the "
        "next token: a model that copies would have a loss of 0.",
        {"[start + 1 : start + 1 + size]": "[start : start + size]"},
    ),
    Mistake(
        "shifted-twice",
        "The targets are two tokens ahead. At each place it is the next token that counts.",
        {BEGIN: "range(start, end - 2, seq_len)", SIZE: "min(seq_len, end - 2 - begin)",
         "[start + 1 : start + 1 + size]": "[start + 2 : start + 2 + size]"},
    ),
    Mistake(
        "target-crosses",
        "Documents are laid end to end, and at the last token of one the target is the first "
        "of the next. Nothing in a document says what the next will be: a document of n tokens "
        "has n - 1 places, and its last token is only a target.",
        {BEGIN: "range(start, end, seq_len)", SIZE: "min(seq_len, end - begin)",
         TARGETS: ACROSS + INSIDE},
    ),
    Mistake(
        "targets-from-row",
        "The targets are the row's tokens moved by one. Where a document ends, that gives the "
        "next document's first token in place of its own last one: take the targets from the "
        "document.",
        {TARGETS: ACROSS + INSIDE},
    ),
    Mistake(
        "last-token-placed",
        "A document's last token gets a place too. There is nothing to predict there, so a "
        "document of n tokens needs only n - 1 places.",
        {BEGIN: "range(start, end, seq_len)", SIZE: "min(seq_len, end - begin)",
         TARGETS: INSIDE},
    ),
    Mistake(
        "last-target-lost",
        "A document's last token is never a target, so a model would not learn where documents "
        "end.",
        {BEGIN: "range(start, end - 2, seq_len)", SIZE: "min(seq_len, end - 2 - begin)"},
    ),
    Mistake(
        "first-token-lost",
        "A document's first token has no place, so what follows it is never learnt.",
        {BEGIN: "range(start + 1, end - 1, seq_len)"},
    ),
    Mistake(
        "padding-learnt",
        "The targets at empty places are 0 and not IGNORED, so the model learns to predict "
        "token 0 there.",
        {"np.full(shape, IGNORED)": "np.zeros(shape, np.int64)"},
    ),
    Mistake(
        "padding-no-token",
        "The tokens at empty places are no ids, and the embedding has no row for them. Put any "
        "id there, such as 0: no target hangs on it.",
        {"np.zeros(shape, np.int64), ": "np.full(shape, PADDING), "},
    ),
    Mistake(
        "padding-in-document",
        "Empty places have the number of a document. They are PADDING, a document of their "
        "own, so that no token looks at them.",
        {"np.full(shape, PADDING)": "np.zeros(shape, np.int64)"},
    ),
    Mistake(
        "not-numbered",
        "All documents have the same number. Attention then looks from one document into its "
        "neighbours in the row, which have nothing to do with it.",
        {"documents[b, t : t + size] = document": "documents[b, t : t + size] = 0"},
    ),
    Mistake(
        "no-documents",
        "documents is None, which says that each row is one stretch of text. Attention then "
        "looks from one document into its neighbours, which have nothing to do with it.",
        {"*map(torch.from_numpy, (tokens, targets, documents))":
         "*map(torch.from_numpy, (tokens, targets)), None"},
    ),
    Mistake(
        "long-cut-off",
        "Of a document too long for a row only the beginning is used.",
        {BEGIN: BEGIN + "[:1]"},
    ),
    Mistake(
        "long-left-out",
        "Documents too long for a row are left out. They are cut into parts.",
        {BEGIN: BEGIN + "\n            if end - 1 - start <= seq_len"},
    ),
    Mistake(
        "lost-at-cuts",
        "Where a long document is cut a target is lost: a part's last target is also the next "
        "part's first token, so parts begin seq_len apart.",
        {BEGIN: "range(start, end - 1, seq_len + 1)"},
    ),
    Mistake(
        "cut-too-early",
        "A row is given seq_len tokens in all. It has seq_len places, and the target of the "
        "last place is one token more: otherwise a target is lost at each cut.",
        {SIZE: "min(seq_len, end - begin) - 1"},
    ),
    Mistake(
        "cut-anywhere",
        "Documents run over from row to row. One that fits a row is to stand there whole: in "
        "the second row its tokens would not see how it began.",
        {PACKED: "        self._rows, room = [], 0\n"
         "        for document, begin, size in parts:\n"
         "            while size:\n"
         "                if room == 0:\n"
         "                    self._rows.append([])\n"
         "                    room = seq_len\n"
         "                n = min(size, room)\n"
         "                self._rows[-1].append((document, begin, n))\n"
         "                begin, size, room = begin + n, size - n, room - n\n"},
    ),
    Mistake(
        "a-row-each",
        "Every document has a row to itself. Most of the row is then padding, which costs as "
        "much time as text.",
        {PACKED: "        self._rows = [[part] for part in parts]\n"},
    ),
    Mistake(
        "not-every-document-once",
        "In an epoch some documents come twice and others not at all. Permute the rows once an "
        "epoch and take one batch after the other from that.",
        {ORDER: "np.random.default_rng([self.seed, epoch]).integers(n_rows, size=n_rows)"},
    ),
    Mistake(
        "last-batch-lost",
        "The rows that do not fill a whole batch are lost at the end of each epoch: round up.",
        {"-(-len(self._rows) // self.batch_size)": "len(self._rows) // self.batch_size"},
    ),
    Mistake(
        "same-order",
        "Every epoch has the same order: the epoch has to go into the seed. Then other "
        "documents meet in a batch each time.",
        {"[self.seed, epoch]": "self.seed"},
    ),
    Mistake(
        "not-shuffled",
        "The documents come as they stand in the corpus, in every epoch and whatever the seed: "
        "shuffle them.",
        {SHUFFLED: "parts", ORDER: "np.arange(n_rows)"},
    ),
    Mistake(
        "same-every-seed",
        "Every seed gives the same batches: the seed is not used.",
        {"default_rng(seed)": "default_rng(0)", "[self.seed, epoch]": "[0, epoch]"},
    ),
    Mistake(
        "depends-on-calls",
        "A batch depends on how many were made before. A run that goes on at step 1,000 would "
        "see other batches than one that was never stopped: make the epoch's generator from "
        "the seed and the epoch each time.",
        {ORDER: "self.order()",
         "    def batch(": "    def order(self):\n"
         "        size = self.steps_per_epoch\n"
         "        self.calls = getattr(self, 'calls', -1) + 1\n"
         "        rng = np.random.default_rng([self.seed, self.calls // size])\n"
         "        order = rng.permutation(size * self.batch_size)\n"
         "        return np.roll(order, -self.batch_size * (self.calls % size))\n\n"
         "    def batch(",
         "order[step * self.batch_size : (step + 1) * self.batch_size]":
         "order[: self.batch_size]"},
    ),
    Mistake(
        "rows-counted",
        "steps_per_epoch is the number of rows. A batch has batch_size of them.",
        {"-(-len(self._rows) // self.batch_size)": "len(self._rows)"},
    ),
    Mistake(
        "padding-counted",
        "efficiency is the share of the places that are empty. It is that of the others.",
        {"return filled / (len(self._rows) * self.seq_len)":
         "return 1 - filled / (len(self._rows) * self.seq_len)"},
    ),
)  # fmt: skip
