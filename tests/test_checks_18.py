"""Answers to lesson 18's exercises and to beam search as beginners write them."""

import copy
import math

import pytest
import torch
from answering import Answers, verdicts_of

from minillama.cache import KVCache

pytestmark = pytest.mark.usefixtures("as_readers_run")
answers = Answers()


# nucleus_size


@answers("nucleus_size")
def size_by_loops(probabilities, top_p):
    sizes = []
    for row in probabilities.tolist():
        total, n = 0.0, 0
        for p in sorted(row, reverse=True):
            if total >= top_p:
                break
            total, n = total + p, n + 1
        sizes.append(n)
    return torch.tensor(sizes)


@answers("nucleus_size", "more-than-there-are")
def size_by_counting_the_short_sums(probabilities, top_p):
    sums = torch.sort(probabilities, descending=True)[0].cumsum(1)
    return (sums < top_p).sum(1) + 1


@answers("nucleus_size", "one-too-few")
def size_without_the_crossing(probabilities, top_p):
    return (torch.sort(probabilities, -1, True).values.cumsum(-1) < top_p).sum(-1)


@answers("nucleus_size", "crossing-forgotten")
def size_up_to_top_p(probabilities, top_p):
    sums = torch.sort(probabilities, dim=-1, descending=True)[0].cumsum(-1)
    return (sums <= top_p).sum(dim=-1)


@answers("nucleus_size", "crossing-forgotten")
def size_up_to_top_p_but_one(probabilities, top_p):
    return size_up_to_top_p(probabilities, top_p).clamp(min=1)


@answers("nucleus_size", "over-the-batch")
def size_down_the_batch(probabilities, top_p):
    ordered = torch.sort(probabilities, dim=1, descending=True).values
    return (ordered.cumsum(dim=0) - ordered < top_p).sum(1)


@answers("nucleus_size", "not-sorted")
def size_as_they_stand(probabilities, top_p):
    return (probabilities.cumsum(-1) - probabilities < top_p).sum(-1)


@answers("nucleus_size", "all-rows-together")
def size_of_all(probabilities, top_p):
    ordered = probabilities.sort(descending=True).values
    return (ordered.cumsum(-1) - ordered < top_p).sum()


# gumbel_draw


@answers("gumbel_draw")
def by_exponentials(logits, points):
    """The largest of p / e, with e exponential, as GPU samplers have it."""
    return (logits.softmax(-1) / -points.log()).argmax(dim=1)


@answers("gumbel_draw")
def by_a_loop(logits, points):
    found = []
    for row, us in zip(logits, points, strict=True):
        sums = [float(x) - math.log(-math.log(float(u))) for x, u in zip(row, us, strict=True)]
        found.append(max(range(len(sums)), key=sums.__getitem__))
    return torch.tensor(found)


@answers("gumbel_draw", "sign")
def noise_upside_down(logits, points):
    return torch.argmax(logits + torch.log(-torch.log(points)), dim=-1)


@answers("gumbel_draw", "probabilities")
def noise_on_probabilities(logits, points):
    return (torch.softmax(logits, -1) - torch.log(-torch.log(points))).argmax(-1)


@answers("gumbel_draw", "one-logarithm")
def exponential_noise(logits, points):
    return (logits - points.log()).argmax(-1)


@answers("gumbel_draw", "no-noise")
def one_noise_a_row(logits, points):
    return (logits - torch.log(-torch.log(points[:, 0:1]))).argmax(-1)


@answers("gumbel_draw", "one-noise-for-all-rows")
def one_noise_for_all(logits, points):
    return (logits - (-points[0].log()).log()).argmax(dim=-1)


# apply_eta


@answers("apply_eta")
def row_by_row(logits, epsilon):
    rows = []
    for row in logits:
        p = row.softmax(0)
        h = torch.distributions.Categorical(probs=p).entropy()
        limit = min(epsilon, math.sqrt(epsilon) * math.exp(-h.item()))
        rows.append(torch.where(p >= limit, row, torch.tensor(-math.inf, dtype=row.dtype)))
    return torch.stack(rows)


@answers("apply_eta")
def with_logarithms(logits, epsilon):
    log_p = logits.log_softmax(-1)
    entropy = -(log_p.exp() * log_p.clamp(min=-1e4)).sum(-1, keepdim=True)
    bar = (0.5 * math.log(epsilon) - entropy).clamp(max=math.log(epsilon))
    return logits.masked_fill(log_p < bar, float("-inf"))


@answers("apply_eta", "nan-after-a-cut")
def zero_times_infinity(logits, epsilon):
    log_p = logits.log_softmax(-1)
    entropy = -(log_p.exp() * log_p).sum(-1, keepdim=True)
    limit = torch.clamp(epsilon**0.5 * torch.exp(-entropy), max=epsilon)
    return torch.where(log_p.exp() < limit, -math.inf, logits)


@answers("apply_eta", "epsilon-alone")
def epsilon_sampling(logits, epsilon):
    return logits.masked_fill(logits.softmax(-1) < epsilon, -math.inf)


@answers("apply_eta", "epsilon-alone")
def epsilon_sampling_by_logarithms(logits, epsilon):
    p = logits.exp() / logits.exp().sum(-1, keepdim=True)
    return torch.where(p < epsilon, -math.inf, logits)


@answers("apply_eta", "plus-entropy")
def to_the_power_of_plus(logits, epsilon):
    p = logits.softmax(-1)
    entropy = torch.special.entr(p).sum(-1, keepdim=True)
    limit = (epsilon**0.5 * torch.exp(entropy)).clamp(max=epsilon)
    return torch.where(p >= limit, logits, -math.inf)


@answers("apply_eta", "plus-entropy")
def entropy_without_its_minus(logits, epsilon):
    p = logits.softmax(-1)
    entropy = (p * p.log()).sum(-1, keepdim=True)
    limit = (epsilon**0.5 * torch.exp(-entropy)).clamp(max=epsilon)
    return logits.masked_fill(p < limit, -math.inf)


@answers("apply_eta", "probabilities-cut")
def probabilities_with_zeros(logits, epsilon):
    p = logits.softmax(-1)
    entropy = torch.special.entr(p).sum(-1, keepdim=True)
    return p * (p >= (epsilon**0.5 * torch.exp(-entropy)).clamp(max=epsilon))


@answers("apply_eta", "larger-of-both")
def the_larger(logits, epsilon):
    p = logits.softmax(-1)
    entropy = torch.special.entr(p).sum(-1, keepdim=True)
    return logits.masked_fill(
        p < (epsilon**0.5 * torch.exp(-entropy)).clamp(min=epsilon), -math.inf
    )


# until


@answers("until")
def character_by_character(parts, stop):
    held = ""
    for part in parts:
        for character in part:
            held += character
            if held.endswith(stop):
                yield held[: -len(stop)]
                return
            while not stop.startswith(held):
                for n in range(1, len(held) + 1):
                    if stop.startswith(held[n:]):
                        yield held[:n]
                        held = held[n:]
                        break
    yield held


@answers("until", "only-whole-parts")
def looks_at_each_part(parts, stop):
    for part in parts:
        if stop in part:
            yield part.split(stop)[0]
            return
        yield part


@answers("until", "all-held-back")
def joins_first(parts, stop):
    yield "".join(parts).split(stop)[0]


@answers("until", "rest-lost")
def forgets_the_rest(parts, stop):
    held = ""
    for part in parts:
        held += part
        if stop in held:
            yield held.split(stop)[0]
            return
        n = max((n for n in range(len(stop)) if held.endswith(stop[:n])), default=0)
        yield held[: len(held) - n]
        held = held[len(held) - n :]


@answers("until", "too-much-held-back")
def holds_as_much_as_the_stop(parts, stop):
    held = ""
    for part in parts:
        held += part
        if stop in held:
            yield held.split(stop)[0]
            return
        keep = len(stop) - 1
        yield held[:-keep] if keep else held
        held = held[-keep:] if keep else ""
    yield held


# beam_search


def plain_beams(
    model, tokens, n_beams, *, max_new_tokens=256, length_penalty=1.0, stop=(), flaw=None
):
    """Each beginning with a cache of its own, which is copied where several go on from one."""
    if n_beams < 1 and flaw != "no-beams-accepted":
        raise ValueError("no beams")
    room = model.config.max_seq_len - len(tokens)
    fits = len(tokens) > 0 and room >= 0 and set(tokens) <= set(range(model.config.vocab_size))
    if not fits and flaw != "any-prompt-accepted":
        raise ValueError("no prompt")
    if flaw != "beyond-the-context":
        max_new_tokens = min(max_new_tokens, room)
    going, ended = [(0.0, [], KVCache(model.config, 1))], []
    for length in range(1, max_new_tokens + 1):
        steps = []
        for total, text, cache in going:
            if flaw == "without-cache":
                logits = model(torch.tensor([[*tokens, *text]]))
            else:
                logits = model(torch.tensor([text[-1:] or tokens]), cache)
            log_p = logits[0, -1].double().log_softmax(-1)
            steps += [(total + p, [*text, i], cache) for i, p in enumerate(log_p.tolist())]
        steps.sort(key=lambda step: step[0], reverse=True)
        for total, text, _ in steps[:n_beams]:
            if text[-1] in stop or length == max_new_tokens:
                ended.append((text, total / length**length_penalty))
        ended = sorted(ended, key=lambda pair: pair[1], reverse=True)[:n_beams]
        going = [step for step in steps if step[1][-1] not in stop][:n_beams]
        going = [(total, text, copy.deepcopy(cache)) for total, text, cache in going]
        at_length = max_new_tokens if length_penalty > 0 else length + 1
        hope = going[0][0] / at_length**length_penalty if going else -math.inf
        if len(ended) == n_beams and hope <= ended[-1][1] and flaw != "no-early-end":
            break
    return ended


@answers("beam_search")
def a_cache_each(*args, **kwargs):
    return plain_beams(*args, **kwargs)


@answers("beam_search", "without-cache")
def recomputes_everything(*args, **kwargs):
    return plain_beams(*args, flaw="without-cache", **kwargs)


@answers("beam_search", "without-cache")
def recomputes_everything_to_the_end(model, tokens, n_beams, *, max_new_tokens=256, **options):
    """One batch without a cache, to the last token allowed."""
    length_penalty, stop = options.get("length_penalty", 1.0), options.get("stop", ())
    going, ended = [(0.0, [])], []
    for length in range(1, max_new_tokens + 1):
        logits = model(torch.tensor([[*tokens, *text] for _, text in going]))[:, -1]
        sums = torch.tensor([total for total, _ in going])[:, None] + logits.log_softmax(-1)
        best = sums.flatten().topk(min(n_beams * (1 + len(stop)), sums.numel()))
        steps = []
        for total, place in zip(*(found.tolist() for found in best), strict=True):
            row, token = divmod(place, sums.shape[1])
            steps.append((total, [*going[row][1], token]))
        over = [s for s in steps[:n_beams] if s[1][-1] in stop or length == max_new_tokens]
        ended += [(text, total / length**length_penalty) for total, text in over]
        going = [s for s in steps if s[1][-1] not in stop][:n_beams]
    return sorted(ended, key=lambda found: -found[1])[:n_beams]


def one_batch(flaw, rank_matters=True, at_once=False):
    """As the hint says, with a cache made for one text."""

    def beam_search(model, tokens, n_beams, *, max_new_tokens=256, length_penalty=1.0, stop=()):
        cache, piece = KVCache(model.config, 1), torch.tensor([tokens])
        going, ended = [(0.0, [])], []
        for length in range(1, max_new_tokens + 1):
            sums = model(piece, cache)[:, -1].log_softmax(-1)
            sums += torch.tensor([total for total, _ in going])[:, None]
            if flaw == "no-competition":
                n = n_beams if length == 1 else 1
                steps = [(row[i].item(), r, i) for r, row in enumerate(sums)
                         for i in row.sort(descending=True).indices[:n].tolist()]  # fmt: skip
                steps.sort(key=lambda step: -step[0])
            else:
                best = sums.flatten().topk(min(2 * n_beams, sums.numel()))
                places = zip(best.values.tolist(), best.indices.tolist(), strict=True)
                steps = [(total, *divmod(place, sums.shape[1])) for total, place in places]
            on = []
            for rank, (total, row, token) in enumerate(steps):
                if at_once and len(ended) == n_beams:
                    break
                text = [*going[row][1], token]
                if token not in stop and length < max_new_tokens:
                    on.append((total, text, row))
                elif rank < n_beams or not rank_matters:
                    ended.append((text, total / length**length_penalty))
            on = on[:n_beams]
            if not on or (flaw == "early-stopping" and len(ended) >= n_beams):
                break
            rows, going = [row for _, _, row in on], [(total, text) for total, text, _ in on]
            piece = torch.tensor([text[-1:] for _, text in going])
            cache.keys, cache.values = cache.keys[:, rows], cache.values[:, rows]
            if flaw != "batch-size-not-set":
                cache.batch_size = len(rows)
        return sorted(ended, key=lambda found: -found[1])[:n_beams]

    return beam_search


for flaw in ("early-stopping", "no-competition", "batch-size-not-set"):
    answers.add("beam_search", one_batch(flaw), flaw, flaw)
answers.add("beam_search", one_batch("early-stopping", False), "early-stopping", "any-rank")
answers.add("beam_search", one_batch("early-stopping", False, True), "early-stopping", "at-once")


@answers("beam_search", "any-prompt-accepted")
def any_prompt(*args, **kwargs):
    return plain_beams(*args, flaw="any-prompt-accepted", **kwargs)


@answers("beam_search", "beyond-the-context")
def without_the_context(*args, **kwargs):
    return plain_beams(*args, flaw="beyond-the-context", **kwargs)


@answers("beam_search", "no-early-end")
def to_the_last_token(*args, **kwargs):
    return plain_beams(*args, flaw="no-early-end", **kwargs)


@answers("beam_search", "no-beams-accepted")
def without_a_beam(*args, **kwargs):
    return plain_beams(*args, flaw="no-beams-accepted", **kwargs)


@answers("beam_search", "greedy")
def argmax_every_time(model, tokens, n_beams, *, max_new_tokens=256, length_penalty=1.0, stop=()):
    cache, piece, text, score = KVCache(model.config, 1), torch.tensor([tokens]), [], 0.0
    while len(text) < max_new_tokens:
        best = model(piece, cache)[0, -1].log_softmax(-1).max(-1)
        text.append(best.indices.item())
        score += best.values.item()
        if text[-1] in stop:
            break
        piece = torch.tensor([text[-1:]])
    return [(text, score / len(text) ** length_penalty)]


@answers("beam_search", "length-ignored")
def no_length_penalty(*args, length_penalty=1.0, **kwargs):
    return plain_beams(*args, length_penalty=0, **kwargs)


@answers("beam_search", "greedy")
def one_beam_only(model, tokens, n_beams, **kwargs):
    return plain_beams(model, tokens, 1, **kwargs)


@answers("beam_search", "stop-cut-off")
def without_the_stop(*args, stop=(), **kwargs):
    found = plain_beams(*args, stop=stop, **kwargs)
    return [(text[:-1] if text[-1] in stop else text, score) for text, score in found]


@answers("beam_search", "?")
def texts_alone(*args, **kwargs):
    return [text for text, _ in plain_beams(*args, **kwargs)]


test_an_answer_gets_its_verdict, test_a_blank_is_not_written_yet = verdicts_of(answers)
