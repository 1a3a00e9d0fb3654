"""Answers to the exercises of lesson 09 as beginners write them, right and wrong."""

import pytest
import torch
from answering import Answers, verdicts_of

import minillama

pytestmark = pytest.mark.usefixtures("as_readers_run")
answers = Answers()


# count_weights


@answers("count_weights")
def adds_up(config):
    total = config.vocab_size * config.dim
    kv_dim = config.n_kv_heads * config.dim // config.n_heads
    for _ in range(config.n_layers):
        total += config.dim * config.dim * 2
        total += config.dim * kv_dim * 2
        total += config.dim * config.hidden_dim * 3
        total += config.dim * 2
    total += config.dim
    if not config.tie_embeddings:
        total += config.dim * config.vocab_size
    return total


@answers("count_weights")
def on_meta(config):
    with torch.device("meta"):
        return sum(p.numel() for p in minillama.Llama(config).parameters())


@answers("count_weights", "all-heads-have-keys")
def forgets_sharing(config):
    layer = 4 * config.dim**2 + 3 * config.dim * config.hidden_dim + 2 * config.dim
    table = config.vocab_size * config.dim
    return config.n_layers * layer + config.dim + (1 if config.tie_embeddings else 2) * table


# flops_per_token


@answers("flops_per_token")
def by_parts(config, length):
    width, kv = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    projections = config.dim * (width + 2 * kv) + width * config.dim
    layer = 2 * projections + 2 * 3 * config.dim * config.hidden_dim
    layer += 2 * length * width  # scores
    layer += 2 * length * width  # the values
    return config.n_layers * layer + 2 * config.dim * config.vocab_size


@answers("flops_per_token", "no-attention")
def two_per_weight(config, length):
    kv = config.n_kv_heads * config.head_dim
    layer = 2 * config.dim**2 + 2 * config.dim * kv + 3 * config.dim * config.hidden_dim
    return 2 * (config.n_layers * layer + config.dim * config.vocab_size)


@answers("flops_per_token", "twice-the-weights")
def two_for_all_there_are(config, length):
    return 2 * adds_up(config)


@answers("flops_per_token", "training")
def six_for_each(config, length):
    return 6 * adds_up(config)


@answers("flops_per_token", "all-weights")
def weights_and_attention(config, length):
    attention = 4 * length * config.n_heads * config.head_dim
    return 2 * adds_up(config) + config.n_layers * attention


# read_early


@answers("read_early")
def functional(model, x):
    return torch.nn.functional.softmax(model.output(model.norm(x)), -1)


@answers("read_early", "no-norm")
def straight_out(model, x):
    return torch.softmax(model.output(x), -1)


@answers("read_early", "logits")
def by_the_models_own_parts(model, x):
    norm, config = model.norm, model.config
    return model.output(norm(x)).reshape(*x.shape[:-1], config.vocab_size)


# route


@answers("route")
def row_by_row(scores, top):
    out = torch.zeros_like(scores).view(-1, scores.shape[-1])
    for shares, row in zip(out, scores.view(-1, scores.shape[-1]), strict=True):
        best = row.argsort(descending=True)[:top]
        shares[best] = row[best].exp() / row[best].exp().sum()
    return out.view_as(scores)


@answers("route", "ties-share")
def with_minus_infinity(scores, top):
    last = scores.topk(top).values[..., -1:]
    return scores.masked_fill(scores < last, -torch.inf).softmax(-1)


@answers("route")
def renormalised(scores, top):
    shares = scores.softmax(-1)
    kept = torch.zeros_like(shares).scatter(-1, shares.topk(top).indices, 1.0) * shares
    return kept / kept.sum(-1, keepdim=True)


@answers("route", "softmax-over-all")
def not_renormalised(scores, top):
    shares = scores.softmax(-1)
    return torch.zeros_like(shares).scatter(-1, shares.topk(top).indices, 1.0) * shares


@answers("route", "zeros-in-softmax")
def zeros_before(scores, top):
    kept = scores * torch.zeros_like(scores).scatter(-1, scores.topk(top).indices, 1.0)
    return kept.softmax(-1)


test_an_answer_gets_its_verdict, test_a_blank_is_not_written_yet = verdicts_of(answers)
