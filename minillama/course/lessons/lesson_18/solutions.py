"""Solutions of lesson 18, sampling."""

import torch


@torch.no_grad()
def simple_generate(model, tokens, n, choose, stop=None):
    """Continue a list of token ids by up to n more, and return them all as one list.

    choose: from the logits of the next token, (vocab_size,), to its id. A stop token ends the text.
    """
    text = list(tokens)
    for _ in range(n):
        logits = model(torch.tensor([text]))[0, -1]
        token = int(choose(logits))
        if token == stop:
            break
        text.append(token)
    return text


def nucleus_size(probabilities, top_p):
    """How many tokens top-p keeps in each row: (batch, vocab_size) to whole numbers (batch)."""
    ordered = probabilities.sort(dim=-1, descending=True).values
    before = ordered.cumsum(-1) - ordered
    return (before < top_p).sum(-1)


def until(parts, stop):
    """Yield what comes before the text `stop`, which may be spread over several of the parts."""
    held = ""
    for part in parts:
        held += part
        if stop in held:
            yield held[: held.index(stop)]
            return
        sizes = range(min(len(held), len(stop) - 1), 0, -1)
        unsure = next((n for n in sizes if held.endswith(stop[:n])), 0)
        yield held[: len(held) - unsure]
        held = held[len(held) - unsure :]
    yield held
