"""Solutions of lesson 18, sampling."""

import torch


def nucleus_size(probabilities, top_p):
    """How many tokens top-p keeps in each row: (batch, vocab_size) to whole numbers (batch)."""
    ordered = probabilities.sort(dim=-1, descending=True).values
    before = ordered.cumsum(-1) - ordered
    return (before < top_p).sum(-1)


def gumbel_draw(logits, points):
    """A token a row by the Gumbel-max trick; points: a random number in (0, 1) for each logit."""
    noise = -torch.log(-torch.log(points))
    return (logits + noise).argmax(-1)


def apply_eta(logits, epsilon):
    """Keep what is at least min(ε, √ε · e^-entropy) probable; the rest becomes -inf."""
    probabilities = logits.softmax(-1)
    entropy = torch.special.entr(probabilities).sum(-1, keepdim=True)
    limit = torch.minimum(torch.full_like(entropy, epsilon), epsilon**0.5 * torch.exp(-entropy))
    return logits.masked_fill(probabilities < limit, -torch.inf)


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
