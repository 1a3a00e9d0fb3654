"""Solutions of lesson 18, sampling."""

import torch


@torch.no_grad()
def simple_generate(model, tokens, n, choose, stop=None):
    """Continue a list of token ids by up to n more, and return them all as one list.

    choose: takes the next token's logits, (vocab_size,), and returns its id. The token `stop` ends
    the text and is not part of it.
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
    """Count the tokens that top-p keeps in each row: (batch, vocab_size) to integers (batch)."""
    ordered = probabilities.sort(dim=-1, descending=True).values
    before = ordered.cumsum(-1) - ordered
    return (before < top_p).sum(-1)
