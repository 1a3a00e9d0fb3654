"""Answers to the exercises of lesson 19 as beginners write them, right and wrong."""

import pytest
import torch
from answering import Answers, verdicts_of

from minillama.cache import KVCache
from minillama.course.registry import CHECKS

pytestmark = pytest.mark.usefixtures("as_readers_run")
answers = Answers()


# tokens_that_fit


@answers("tokens_that_fit")
def by_layers(config, free, bytes_per_number=2):
    per_layer = config.n_kv_heads * (config.dim // config.n_heads) * bytes_per_number
    per_token = 0
    for _ in range(config.n_layers):
        per_token += per_layer  # keys
        per_token += per_layer  # values
    return int(free / per_token)


@answers("tokens_that_fit", "query-heads")
def by_dim(config, free, bytes_per_number=2):
    return free // (2 * config.n_layers * config.dim * bytes_per_number)


# write_greedily


@answers("write_greedily")
def prefill_and_loop(model, prompt, n):
    cache = KVCache(model.config, 1)
    logits = model(torch.tensor(prompt)[None], cache)
    out = [int(logits[0, -1].argmax())]
    for _ in range(n - 1):
        logits = model(torch.tensor([[out[-1]]]), cache)
        out.append(int(logits[0, -1].argmax()))
    return out


@answers("write_greedily")
def gives_a_tensor(model, prompt, n):
    cache, piece, out = KVCache(model.config, 1), torch.tensor([prompt]), []
    for _ in range(n):
        piece = model(piece, cache)[:, -1].softmax(-1).argmax(-1, keepdim=True)
        out.append(piece)
    return torch.cat(out, dim=1)


@answers("write_greedily", "tables-for-ids")
def lists_what_the_model_reads(model, prompt, n):
    cache, piece, out = KVCache(model.config, 1), torch.tensor([prompt]), []
    for _ in range(n):
        piece = model(piece, cache)[:, -1:].argmax(-1)
        out.append(piece)
    return out


@answers("write_greedily", "read-again")
def as_before(model, prompt, n):
    text = list(prompt)
    for _ in range(n):
        text.append(model(torch.tensor([text]))[0, -1].argmax().item())
    return text[len(prompt) :]


@answers("write_greedily", "reads-the-last")
def chosen_then_read(model, prompt, n):
    cache = KVCache(model.config, 1)
    logits, out = model(torch.tensor([prompt]), cache), []
    for _ in range(n):
        out.append(logits[0, -1].argmax().item())
        logits = model(torch.tensor([[out[-1]]]), cache)
    return out


# keep_beginning


@answers("keep_beginning")
def by_enumerate(cache, old, new):
    n = 0
    for a, b in zip(old, new, strict=False):
        if a != b:
            break
        n += 1
    n = min(n, len(new) - 1)
    cache.position = n
    return new[n:]


@answers("keep_beginning", "nothing-left")
def all_that_is_equal(cache, old, new):
    n = 0
    while n < len(old) and n < len(new) and old[n] == new[n]:
        n += 1
    cache.position = n
    return new[n:]


@answers("keep_beginning", "position-added")
def advances_back(cache, old, new):
    n = 0
    while n < min(len(old), len(new) - 1) and old[n] == new[n]:
        n += 1
    cache.advance(n)
    return new[n:]


@answers("keep_beginning")
def advances_by_less_than_nothing(cache, old, new):
    n = 0
    while n < min(len(old), len(new) - 1) and old[n] == new[n]:
        n += 1
    cache.advance(n - len(old))
    return new[n:]


# slide


@answers("slide")
def by_index(keys, values, k, v, window):
    keys, values = torch.cat((keys, k), 2), torch.cat((values, v), 2)
    start = max(0, keys.size(2) - window)
    return keys[:, :, start:], values[:, :, start:]


@answers("slide", "one-too-few")
def room_for_one_more(keys, values, k, v, window):
    keys, values = torch.cat((keys, k), 2), torch.cat((values, v), 2)
    start = max(0, keys.size(2) - (window - 1))
    return keys[:, :, start:], values[:, :, start:]


def test_what_an_answer_asks_of_the_model_is_asked_of_a_llama():
    def generates(model, prompt, n):
        return model.generate(prompt, n)

    result = CHECKS["write_greedily"].run(generates)
    assert "'Llama' object has no attribute 'generate'" in result.message


test_an_answer_gets_its_verdict, test_a_blank_is_not_written_yet = verdicts_of(answers)
