"""What goes wrong in beam search."""

from minillama.course.checking import Mistake

GOES_ON = "if token not in stop and length < longest:"
SCORE = "total / length**length_penalty"
PARENTS = "cache.keys[:, parents], cache.values[:, parents]"
STAY = "[min(row, cache.batch_size - 1) for row in range(len(parents))]"
DONE = "if len(ended) == n_beams and hope <= ended[-1][1]:"
GREEDY = "Only the best beginning goes on, whatever n_beams is: that is greedy search."
GREEDY_LOOP = """    text, total = list(tokens), 0.0
    for _ in range(max_new_tokens):
        log_p = model(torch.tensor([text]))[0, -1].double().log_softmax(-1)
        text.append(int(log_p.argmax()))
        total += log_p.max().item()
        if text[-1] in stop:
            break
    new = text[len(tokens) :]
    return [(new, total / len(new) ** length_penalty)]
"""
NO_BEAMS = (
    "n_beams = 0 is not refused. Without a beam there is no text: raise a ValueError that says so."
)
EARLY = (
    "It is over as soon as n_beams texts have ended, which transformers calls "
    "early_stopping=True. One that goes on may still become better than those."
)
WITHOUT_CACHE = (
    "Each step reads every beginning anew, without the cache. The texts are the same, but "
    "the longer they get the more is read again: give each a row of the cache, and read "
    "its newest token alone."
)
BEYOND = (
    "It does not stop where the model's context ends. Prompt and text have max_seq_len places "
    "together, so the longest text is the smaller of max_new_tokens and what the prompt leaves."
)
ANY_PROMPT = (
    "A prompt that cannot be read is not refused with a ValueError. Whoever gives an empty one, or "
    "another tokenizer's ids, is to hear so before anything is computed: check_prompts does it."
)

MISTAKES = (
    Mistake(
        "cache-not-reordered",
        "The rows of the cache stay where they are while the beginnings change places, so a "
        "beginning goes on with another one's past. Give each row its parent's: "
        "cache.keys[:, parents], and the values too.",
        {PARENTS: f"cache.keys[:, {STAY}], cache.values[:, {STAY}]"},
    ),
    Mistake(
        "logits-summed",
        "Logits are added up. Only log-probabilities can be compared between one beginning and "
        "another: logits are known up to a constant, another for every row. log_softmax first.",
        {"logits.log_softmax(-1)": "logits"},
    ),
    Mistake(
        "probabilities-summed",
        "Probabilities are added up. That of a text is the product of its tokens': add their "
        "logarithms.",
        {"logits.log_softmax(-1)": "logits.softmax(-1)"},
    ),
    Mistake(
        "sum-forgotten",
        "Each step looks at the newest token alone. A beginning's worth is the sum over all of "
        "its tokens.",
        {"log_probs[:, None] + logits": "0 * log_probs[:, None] + logits"},
    ),
    Mistake(
        "no-competition",
        "Every beginning goes on with its own best token. All continuations of all beginnings "
        "compete for the n_beams places: several may come from one, and none from another.",
        {"totals = (log_probs": "rows_of = (log_probs",
         "log_softmax(-1)).flatten()": "log_softmax(-1))\n"
         "        own = rows_of.topk(1 if length > 1 else min(n_beams, rows_of.shape[1]))\n"
         "        none = torch.full_like(rows_of, -torch.inf)\n"
         "        totals = none.scatter(1, own.indices, own.values).flatten()",
         "elif rank < n_beams:": "elif total > -math.inf:",
         "going = going[:n_beams]": "going = [step for step in going if step[2] > -math.inf]"},
    ),
    Mistake(
        "length-ignored",
        "The length penalty is not used: the score is the sum itself, and short texts win.",
        {SCORE: "total"},
    ),
    Mistake(
        "multiplied",
        "The sum is multiplied by the length to the power of the penalty, and so long texts "
        "are punished twice: divide.",
        {SCORE: "total * length**length_penalty"},
    ),
    Mistake(
        "prompt-counted",
        "The length counts the prompt too. Its tokens cost nothing: count the new ones.",
        {SCORE: "total / (length + len(tokens)) ** length_penalty"},
    ),
    Mistake(
        "stop-not-counted",
        "The length leaves out the stop token. Its probability is in the sum, so it counts.",
        {SCORE: "total / max(1, length - (token in stop)) ** length_penalty"},
    ),
    Mistake(
        "stop-cut-off",
        "The stop token is missing at the end of the texts. It tells a text that has ended "
        "from one that was cut off.",
        {"ended.append((text,": "ended.append((text[:-1] if token in stop else text,"},
    ),
    Mistake(
        "goes-on-after-stop",
        "Texts go on after their stop token. One that has ended leaves the race.",
        {GOES_ON: "if length < longest:"},
    ),
    Mistake(
        "first-end-wins",
        "It is over as soon as one text has ended. Another may have a better score.",
        {DONE: "if ended:"},
    ),
    Mistake(
        "early-stopping",
        EARLY,
        {DONE: "if len(ended) == n_beams:"},
    ),
    Mistake(
        "early-stopping",
        EARLY,
        {DONE: "if len(ended) == n_beams:", "elif rank < n_beams:": "else:"},
    ),
    Mistake(
        "early-stopping",
        EARLY,
        {DONE: "if len(ended) == n_beams:", "elif rank < n_beams:": "elif len(ended) < n_beams:"},
    ),
    Mistake(
        "hope-too-low",
        "It gives up texts that could still win: with a length penalty above 0 a longer text "
        "divides its sum by more. Hope is the sum now, divided by the greatest length allowed.",
        {"at_length = longest if length_penalty > 0 else length + 1": "at_length = length"},
    ),
    Mistake(
        "places-taken",
        "Texts that end take the places of those that could go on, so ever fewer are looked "
        "at. Take more candidates than n_beams from topk, so that n_beams can go on.",
        {"n_beams * (1 + len(set(stop)))": "n_beams"},
    ),
    Mistake(
        "worst-first",
        "The worst comes first, and where there are too many, the best are dropped.",
        {"-found[1]": "found[1]"},
    ),
    Mistake(
        "never-cut-off",
        "Texts that reach max_new_tokens without a stop token are missing. They count as they "
        "stand.",
        {"elif rank < n_beams:": "elif token in stop and rank < n_beams:"},
    ),
    Mistake("greedy", GREEDY, {"going = going[:n_beams]": "going = going[:1]"}),
    Mistake("greedy", GREEDY, {"    longest = min": "    n_beams = 1\n    longest = min"}),
    Mistake("greedy", GREEDY, {"    longest = min": f"{GREEDY_LOOP}    longest = min"}),
    Mistake(
        "without-cache",
        WITHOUT_CACHE,
        {"model(rows, cache)": "model(rows)",
         "[text[-1:] for text in beginnings]":
         "[[*tokens, *text] for text in beginnings]"},
    ),
    Mistake(
        "no-early-end",
        "It goes on to the last token allowed, although nothing better can come. Compare what "
        "is best of those that go on, if all that follows were certain, with the worst of the "
        "n_beams that have ended.",
        {DONE: "if False:"},
    ),
    Mistake(
        "batch-size-not-set",
        "The cache has other rows now, and still takes itself for one of as many as before. Say "
        "how many there are: cache.batch_size = len(parents).",
        {"cache.batch_size = len(parents)": "pass"},
    ),
    Mistake(
        "beyond-the-context",
        BEYOND,
        {"min(max_new_tokens, model.config.max_seq_len - len(tokens))": "max_new_tokens"},
    ),
    Mistake("any-prompt-accepted", ANY_PROMPT, {"check_prompts([tokens], model.config)": "pass"}),
    Mistake("no-beams-accepted", NO_BEAMS, {"n_beams < 1 or ": ""}),
)  # fmt: skip
