"""What goes wrong on the way from logits to the distribution of the next token."""

from minillama.course.checking import Mistake

PENALTY = (
    "    if repetition_penalty != 1:\n"
    "        seen = torch.zeros_like(logits, dtype=torch.bool)\n"
    "        for row, text in enumerate(texts):\n"
    "            seen[row, list(text)] = True\n"
    "        logits = apply_repetition_penalty(logits, seen, repetition_penalty)\n"
)
NO_REPEAT = (
    "    if no_repeat_ngram > 0:\n"
    "        logits = apply_no_repeat_ngram(logits, texts, no_repeat_ngram)\n"
)
GREEDY = (
    "    if temperature == 0:\n"
    "        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits)\n"
)
TEMPERATURE = "    if temperature != 1:\n        logits = apply_temperature(logits, temperature)\n"
TOP_K = "    if top_k > 0:\n        logits = apply_top_k(logits, top_k)\n"
TOP_P = "    if top_p < 1:\n        logits = apply_top_p(logits, top_p)\n"
MIN_P = "    if min_p > 0:\n        logits = apply_min_p(logits, min_p)\n"
SOFTMAX = "    return logits.softmax(-1)"
EMPTY_TEXT = (
    "A text without tokens is too much for the penalty. There is nothing to mark then; but "
    "torch.tensor([]) is of float32, which is no index: give it dtype=torch.long, or use the list."
)

MISTAKES = (
    Mistake(
        "temperature-after-top-p",
        "Top-p comes before the temperature. It goes by the probabilities that tokens are "
        "drawn with, and those are known only when the logits have been divided.",
        {TEMPERATURE: "", TOP_P: TOP_P + TEMPERATURE},
    ),
    Mistake(
        "temperature-last",
        "The temperature comes last, when top-p and min-p have chosen. They go by the "
        "probabilities that tokens are drawn with, and those are known only when the logits "
        "have been divided.",
        {TEMPERATURE: "", SOFTMAX: TEMPERATURE + SOFTMAX},
    ),
    Mistake(
        "top-p-first",
        "Top-p comes before the temperature and top-k. It comes after both: it goes by the "
        "probabilities that tokens are drawn with.",
        {TEMPERATURE: "", TOP_K + TOP_P: TOP_P + TOP_K + TEMPERATURE},
    ),
    Mistake(
        "top-p-before-top-k",
        "Top-p comes before top-k. The other way round it adds up the probabilities of what "
        "top-k has left, which are larger, and so keeps fewer tokens.",
        {TOP_K + TOP_P: TOP_P + TOP_K},
    ),
    Mistake(
        "penalty-last",
        "The penalty comes last. It belongs first: a token that it makes unlikely must be able "
        "to lose its place among the top-k and top-p.",
        {PENALTY: "", SOFTMAX: PENALTY + SOFTMAX},
    ),
    Mistake(
        "greedy-before-penalty",
        "For temperature 0 the largest logit is taken before the penalty. Greedy texts are "
        "those that repeat most, and need it.",
        {PENALTY: "", GREEDY: GREEDY + PENALTY},
    ),
    Mistake(
        "greedy-before-ban",
        "For temperature 0 the largest logit is taken before repeated n-grams are ruled out. "
        "Greedy texts are those that repeat most, and need it.",
        {NO_REPEAT: "", GREEDY: GREEDY + NO_REPEAT},
    ),
    Mistake(
        "ban-last",
        "Repeated n-grams are ruled out last. What top-k, top-p or min-p has left may then be "
        "ruled out altogether, and nothing remains to draw: rule out first.",
        {NO_REPEAT: "", SOFTMAX: NO_REPEAT + SOFTMAX},
    ),
    Mistake(
        "min-p-before-temperature",
        "Min-p comes before the temperature. It goes by the probabilities that tokens are "
        "drawn with, and those are known only when the logits have been divided.",
        {MIN_P: "", TEMPERATURE: MIN_P + TEMPERATURE},
    ),
    Mistake(
        "min-p-before-top-p",
        "Min-p comes before top-p. The other way round, top-p adds up the probabilities of "
        "all tokens, and not only of those that min-p has left.",
        {MIN_P: "", TOP_P: MIN_P + TOP_P},
    ),
    Mistake("min-p-not-used", "min_p is not used.", {MIN_P: ""}),
    Mistake("ban-not-used", "no_repeat_ngram is not used.", {NO_REPEAT: ""}),
    Mistake(
        "first-text-for-all",
        "All rows are penalised for the text of the first. Each row is a text of its own.",
        {"enumerate(texts)": "enumerate([texts[0]] * len(texts))"},
    ),
    Mistake(
        "only-the-latest-penalised",
        "Only the latest tokens of a text are penalised, as by llama.cpp's window of 64. What "
        "stands further back was seen as well: mark all of the text.",
        {"list(text)": "list(text)[-64:]"},
    ),
    Mistake(
        "no-greedy",
        "Temperature 0 divides by zero. It means greedy: all probability on the largest logit.",
        {GREEDY: ""},
    ),
    Mistake(
        "greedy-by-small-temperature",
        "Temperature 0 is replaced by a small one, so equal logits share the probability. "
        "Greedy is to give the same text every time: take the lowest id of equals.",
        {GREEDY: "    if temperature == 0:\n"
         "        largest = logits == logits.amax(-1, keepdim=True)\n"
         "        return largest.to(logits) / largest.sum(-1, keepdim=True)\n"},
    ),
    Mistake(
        "greedy-all-equals",
        "Of equal logits each gets the probability 1 for temperature 0, and together they have "
        "more than 1. One token has it: the lowest id of equals, which argmax finds.",
        {"F.one_hot(logits.argmax(-1), logits.shape[-1])":
         "(logits == logits.amax(-1, keepdim=True))"},
    ),
    Mistake(
        "greedy-highest-id",
        "Of equal logits greedy takes the highest id. Take the lowest, as argmax does.",
        {"F.one_hot(logits.argmax(-1), logits.shape[-1])":
         "F.one_hot(logits.shape[-1] - 1 - logits.flip(-1).argmax(-1), logits.shape[-1])"},
    ),
    Mistake(
        "greedy-gives-ids",
        "For temperature 0 the ids come back. A distribution is asked for: 1 at the largest "
        "logit and 0 elsewhere.",
        {"F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits)": "logits.argmax(-1)"},
    ),
    Mistake(
        "greedy-whole-numbers",
        "For temperature 0 the probabilities are whole numbers: give them the logits' dtype.",
        {".to(logits)": ""},
    ),
    Mistake(
        "temperature-on-probabilities",
        "The temperature divides probabilities. It divides logits; softmax comes last.",
        {"apply_temperature(logits, temperature)":
         "apply_temperature(logits.softmax(-1), temperature)"},
    ),
    Mistake("temperature-not-used", "The temperature is not used.", {TEMPERATURE: ""}),
    Mistake("top-k-not-used", "top_k is not used.", {TOP_K: ""}),
    Mistake("top-p-not-used", "top_p is not used.", {TOP_P: ""}),
    Mistake("penalty-not-used", "The repetition penalty is not used.", {PENALTY: ""}),
    Mistake(
        "penalty-below-1-ignored",
        "A penalty below 1 is ignored. It makes the tokens that were seen likelier, and only 1 "
        "changes nothing.",
        {"repetition_penalty != 1": "repetition_penalty > 1"},
    ),
    Mistake(
        "empty-text-refused",
        EMPTY_TEXT,
        {"seen[row, list(text)] = True": "seen[row, torch.tensor(text)] = True"},
    ),
    Mistake(
        "penalty-on-all",
        "All tokens are penalised, and not only those that were seen.",
        {"(logits, seen, rep": "(logits, torch.ones_like(seen), rep"},
    ),
    Mistake(
        "top-k-always",
        "top_k = 0 stands for all tokens, and not for none.",
        {TOP_K: "    logits = apply_top_k(logits, top_k)\n"},
    ),
    Mistake(
        "logits-given",
        "Logits come back: softmax is missing.",
        {SOFTMAX: "    return logits"},
    ),
    Mistake(
        "softmax-twice",
        "Softmax is taken twice. The second takes probabilities for logits, and makes all "
        "tokens nearly equal.",
        {SOFTMAX: SOFTMAX + ".softmax(-1)"},
    ),
    Mistake(
        "softmax-over-batch",
        "Softmax is taken along the axis of the batch. It is along the vocabulary, the last "
        "axis.",
        {"logits.softmax(-1)": "logits.softmax(0)"},
    ),
    Mistake(
        "log-probabilities",
        "Logarithms of the probabilities come back, and not the probabilities.",
        {"logits.softmax(-1)": "logits.log_softmax(-1)"},
    ),
    Mistake(
        "not-renormalised",
        "The probabilities do not add up to 1: those of the tokens that were dropped are "
        "missing. Take softmax after the dropping, and it divides by the sum of what is left.",
        {TOP_K: "    whole = logits.softmax(-1)\n" + TOP_K,
         SOFTMAX: "    return whole.masked_fill(logits == -torch.inf, 0.0)"},
    ),
)  # fmt: skip
