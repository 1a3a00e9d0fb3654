"""Answers to the checks of the model's parts as others write them: from scratch, in other words.

`flaw` is None in a right answer; each flaw is a mistake that must be found and named.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from minillama.course.registry import CHECKS
from minillama.course.source.blanks import BLANK
from minillama.model import Block as packages_block
from minillama.norm import RMSNorm
from minillama.rope import apply_rope as packages_rope

pytestmark = pytest.mark.usefixtures("as_readers_run")


def freqs(flaw):
    """Frequencies pair by pair, in Python."""

    def rope_frequencies(cfg, device=None):
        out, width = [], cfg.dim if flaw == "model-dim" else cfg.head_dim
        base = 10_000.0 if flaw == "theta-ignored" else cfg.rope_theta
        kind = None if cfg.rope_scaling is None or flaw == "scaling-ignored" else cfg.rope_scaling
        if kind and kind.kind == "ntk" and flaw != "ntk-theta-not-used":
            power = 1 if flaw == "ntk-without-exponent" else width / (width - 2)
            base = base * kind.factor**power
        for i in range(width // 2):
            step = {"exponent-without-2": 1, "exponent-doubled": 4}.get(flaw, 2)
            w = base ** (-step * i / width)
            if flaw == "turns-for-radians":
                w *= 2 * math.pi
            if kind and kind.kind == "linear":
                w = w * kind.factor if flaw == "factor-multiplied" else w / kind.factor
            if kind and kind.kind == "llama3":
                old = cfg.max_seq_len if flaw == "new-context" else kind.original_max_seq_len
                low, high = kind.low_freq_factor, kind.high_freq_factor
                if flaw == "factors-fixed":
                    low, high = 1, 4
                turns = old * w if flaw == "turns-without-2-pi" else old * w / (2 * math.pi)
                s = (turns - low) / (high if flaw == "share-of-the-middle" else high - low)
                s = s if flaw == "share-not-cut-off" else min(1.0, max(0.0, s))
                s = 1 - s if flaw == "middle-turned-round" and 0 < s < 1 else s
                if flaw == "no-blend":
                    s = float(s >= 1)
                s = 1 - s if flaw == "bands-swapped" else s
                slow = w * kind.factor if flaw == "factor-multiplied" else w / kind.factor
                step = s + (1 - s) * kind.factor
                w = w / step if flaw == "factors-blended" else s * w + (1 - s) * slow
            out.append(w)
        if flaw == "slowest-first":
            out.reverse()
        if flaw == "one-for-every-number":
            out = out + out
        return torch.tensor(out, device=device)

    return rope_frequencies


FREQS = """exponent-without-2 exponent-doubled theta-ignored model-dim scaling-ignored bands-swapped
ntk-without-exponent turns-for-radians factor-multiplied new-context turns-without-2-pi no-blend
slowest-first one-for-every-number factors-fixed share-of-the-middle share-not-cut-off
middle-turned-round factors-blended ntk-theta-not-used""".split()


def in_one_line(count, width):
    """The line that most write, with what they get wrong in it."""

    def rope_frequencies(config, device=None):
        theta, kind = config.rope_theta, getattr(config.rope_scaling, "kind", "")
        if kind == "ntk":
            theta *= config.rope_scaling.factor ** (config.head_dim / (config.head_dim - 2))
        inv = 1 / theta ** (count(config).to(device) / width(config))
        if kind == "linear":
            inv /= config.rope_scaling.factor
        if kind == "llama3":
            s = config.rope_scaling
            turns = s.original_max_seq_len * inv / (2 * math.pi)
            share = (turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor)
            inv = torch.lerp(inv / s.factor, inv, share.clip(0, 1))
        return inv

    return rope_frequencies


def without_device(answer):
    return lambda config, device=None: answer(config)


def raised_theta(exponent):
    def ntk_theta(config):
        scaling = config.rope_scaling
        raised = scaling is not None and scaling.kind == "ntk"
        return config.rope_theta * (scaling.factor ** exponent(config) if raised else 1)

    return ntk_theta


def tables(flaw):
    """Both tables from a power of a unit complex number."""

    def rope_tables(cfg, device=None):
        plain = {"theta-ignored": "theta-ignored", "exponent-without-2": "exponent-without-2"}
        w = freqs(plain.get(flaw, flaw if flaw == "scaling-ignored" else None))(cfg, device)
        t = torch.arange(cfg.max_seq_len, device=device) + (flaw == "starts-at-1")
        if flaw == "one-short":
            t = t[:-1]
        phase = torch.einsum("t,i->ti", t.float(), w) * (-1 if flaw == "backwards" else 1)
        if flaw == "doubled":
            phase = torch.cat([phase, phase], -1)
        z = torch.polar(torch.ones_like(phase), phase)
        pair = (z.imag, z.real) if flaw == "swapped" else (z.real, z.imag)
        return tuple(p.T for p in pair) if flaw == "transposed" else pair

    return rope_tables


TABLES = """theta-ignored exponent-without-2 scaling-ignored starts-at-1 backwards doubled swapped
one-short transposed""".split()


def rope(flaw, style="rotate_half"):
    """Hugging Face's rotate_half, or complex numbers."""

    def apply_rope(x, c, s):
        if flaw == "in-place":
            h = x.shape[-1] // 2
            x1 = x[..., :h].clone()
            x[..., :h] = x1 * c - x[..., h:] * s
            x[..., h:] = x[..., h:] * c + x1 * s
            return x
        if flaw == "in-place(of float)":
            a, b = x.float().chunk(2, -1)
            old = a.clone()
            a *= c
            a -= b * s
            b *= c
            b += old * s
            return torch.cat((a, b), -1).to(x.dtype)
        if flaw == "heads-for-time":
            c, s = c.unsqueeze(1), s.unsqueeze(1)
        if flaw == "backwards":
            s = -s
        if flaw == "swapped":
            c, s = s, c
        if flaw == "position-off-by-one":
            c, s = torch.cat([c[-1:], c[:-1]]), torch.cat([s[-1:], s[:-1]])
        if flaw == "one-angle-for-all":
            c, s = c[0], s[0]
        if flaw == "interleaved":
            z = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)).contiguous())
            return torch.view_as_real(z * torch.complex(c, s)).flatten(-2).to(x.dtype)
        if style == "complex":
            h = x.shape[-1] // 2
            z = torch.complex(x[..., :h].float(), x[..., h:].float()) * torch.complex(c, s)
            return torch.cat([z.real, z.imag], -1).to(x.dtype)
        cos, sin = torch.cat([c, c], -1), torch.cat([s, s], -1)
        if flaw == "half-turned":
            cos, sin = torch.cat([c, c * 0 + 1], -1), torch.cat([s, s * 0], -1)
        if flaw == "a-column-for-two":
            cos, sin = c, s
        if flaw == "tables-rounded(to x)":  # as Hugging Face has it
            cos, sin = cos.to(x.dtype), sin.to(x.dtype)
        if flaw == "tables-rounded(to bfloat16)":
            cos, sin = cos.bfloat16().float(), sin.bfloat16().float()
        a, b = x.chunk(2, -1)
        rotated = torch.cat([b if flaw == "not-a-rotation" else -b, a], -1)
        out = x * cos + rotated * sin
        return out if flaw == "float32-out" else out.to(x.dtype)

    return apply_rope


ROPE = """in-place heads-for-time position-off-by-one backwards swapped one-angle-for-all
interleaved half-turned not-a-rotation float32-out""".split()
ROPE += [
    "a-column-for-two",
    "in-place(of float)",
    "tables-rounded(to x)",
    "tables-rounded(to bfloat16)",
]


def scores_to_weights(flaw, q, k, mask, width=None):
    """Everything between queries, keys and weights, written out."""
    T, S = q.size(-2), k.size(-2)
    root = {
        "not-scaled": 1.0,
        "scaled-after-softmax": 1.0,
        "scaled-by-dim": q.size(-1),
        "scaled-up": q.size(-1) ** -0.5,
        "scaled-by-time": T**0.5,
        "scaled-by-model-dim": (width or 1) ** 0.5,
    }.get(flaw, q.size(-1) ** 0.5)
    att = torch.einsum("...td,...sd->...ts", q, k) / root
    if flaw == "queries-for-keys":
        att = torch.einsum("...td,...sd->...st", q, k) / root
    shift = {"one-future": 1, "not-causal": S}.get(flaw, -str(flaw).startswith("hides-itself"))
    device = None if flaw == "device-ignored" else q.device
    hidden = torch.ones(T, S, device=device).triu(1 + S - T + shift).bool()
    if flaw == "queries-taken-for-first":
        hidden = torch.ones(T, S).triu(1).bool()
    if mask is not None and flaw != "mask-ignored":
        hidden = hidden | ~mask if flaw == "mask-and-causal" else ~mask
    if flaw == "mask-inverted":
        hidden = ~hidden
    if flaw == "mask-added":
        att = att + (~hidden).to(att.dtype)
    elif flaw != "mask-after-softmax":
        soft = flaw in (None, "hides-itself(softly)", "softmax-over-queries")
        value = 0.0 if flaw == "mask-with-0" else -1e9 if soft else float("-inf")
        att = torch.where(hidden, torch.full_like(att, value), att)
    axis = {"softmax-over-queries": -2, "softmax-over-heads": 1}.get(flaw, -1)
    if flaw == "overflows":
        att = torch.exp(att)
        att = att / att.sum(axis, keepdim=True)
    else:
        att = F.softmax(att, axis)
    if flaw == "hides-itself(but-not-nan)":
        att = att.nan_to_num(0.0)
    if flaw == "mask-after-softmax":
        att = att.masked_fill(hidden, 0.0)
    return att / q.size(-1) ** 0.5 if flaw == "scaled-after-softmax" else att


SCORES = """not-scaled scaled-after-softmax scaled-by-dim scaled-up scaled-by-time queries-for-keys
hides-itself hides-itself(softly) hides-itself(but-not-nan)
one-future not-causal queries-taken-for-first mask-ignored
mask-and-causal mask-inverted mask-added mask-with-0 mask-after-softmax softmax-over-queries
softmax-over-heads overflows""".split()


def weights(flaw):
    def attention_weights(q, k, mask=None):
        return scores_to_weights(flaw, q, k, mask)

    return attention_weights


def attends(flaw, heads_as="repeat"):
    """For `attend`, and with shared heads for the two others."""

    def attend(query, key, value, mask=None):
        if heads_as == "sdpa":
            T, S = query.size(-2), key.size(-2)
            mask = torch.ones(T, S).tril(S - T).bool() if mask is None else mask
            return F.scaled_dot_product_attention(
                query, key, value, mask, enable_gqa=query.dim() == 4
            )
        if query.dim() == 4:
            g = query.size(1) // key.size(1)
            if flaw == "heads-not-repeated":
                g = 1
            if flaw == "tiled-heads":
                key, value = key.repeat(1, g, 1, 1), value.repeat(1, g, 1, 1)
            else:
                key, value = key.repeat_interleave(g, 1), value.repeat_interleave(g, 1)
        att = scores_to_weights(flaw, query, key, mask)
        if flaw == "weights-transposed":
            att = att.mT
        return torch.matmul(att, key if flaw == "keys-for-values" else value)

    return attend


def only_four_axes(q, k, v, mask=None):
    _, _, t, _ = q.shape
    scores = q @ k.transpose(2, 3)  # and not scaled
    mask = torch.tril(torch.ones(t, k.shape[2])).bool() if mask is None else mask
    return torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=3) @ v


def causal(flaw):
    def causal_mask(T, S, device=None):
        if flaw == "numbers":
            return torch.tril(torch.ones(T, S, device=device), S - T)
        square = torch.ones(S, S, device=device)
        square = {
            "hides-itself": lambda: square.tril(-1),
            "one-future": lambda: square.tril(1),
            "backwards": lambda: square.triu(),
            "inverted": lambda: square.triu(1),
        }.get(flaw, square.tril)().bool()
        if flaw == "queries-taken-for-first":
            return square[:T]
        return square if flaw == "square" else square[-T:]

    return causal_mask


CAUSAL = "numbers hides-itself one-future backwards inverted queries-taken-for-first square".split()


def documents(flaw):
    def attention_mask(T, docs):
        B, S = docs.shape
        device = None if flaw == "device-ignored" else docs.device
        m = torch.zeros(B, 1, T, S, dtype=torch.bool, device=device)
        for b in range(B):
            ids = docs[0 if flaw == "first-row-for-all" else b].tolist()
            for t in range(T):
                p = t if flaw == "queries-taken-for-first" else S - T + t
                for s in range(S):
                    ok = s <= p + (flaw == "one-future") - (flaw == "hides-itself")
                    ok = True if flaw == "future-seen" else ok
                    near = ids[s] == ids[p] or flaw == "documents-ignored"
                    near = near or (flaw == "padding-seen" and ids[s] == -1)
                    near = near and not (flaw == "padding-sees-nothing" and ids[s] == -1)
                    m[b, 0, t, s] = ok and near
        if flaw == "no-head-axis":
            return m.squeeze(1)
        return ~m if flaw == "inverted" else m

    return attention_mask


DOCUMENTS = """first-row-for-all queries-taken-for-first one-future hides-itself future-seen
documents-ignored padding-seen padding-sees-nothing no-head-axis inverted device-ignored""".split()


def triangle(table):
    """A mask from a table of ones that is not square: (time, keys, device) to a mask."""

    def causal_mask(time, keys, device=None):
        return table(torch.ones(time, keys, device=device), keys - time)

    return causal_mask


TRIANGLES = {
    "one-future": lambda ones, _: ones.tril(1).bool(),
    "one-future(with shift)": lambda ones, shift: ones.tril(shift + 1) == 1,
    "one-future(by triu)": lambda ones, _: ~ones.triu(2).bool(),
    "hides-itself": lambda ones, _: ones.tril(-1).bool(),
    "backwards": lambda ones, _: ones.triu().bool(),
    "backwards(with shift)": lambda ones, shift: ones.triu(shift) > 0,
    "inverted": lambda ones, _: ones.triu(1).bool(),
    "inverted(with shift)": lambda ones, shift: ones.triu(shift + 1).bool(),
    "queries-taken-for-first": lambda ones, _: ones.tril().bool(),
    "numbers": lambda ones, _: ones.tril(),
    "numbers(whole)": lambda ones, shift: ones.tril(shift).long(),
    "numbers(one future)": lambda ones, _: ones.tril(1),
    "numbers(infinite)": lambda ones, _: (ones * -math.inf).triu(1),
    "numbers(to be added)": lambda ones, shift: torch.zeros_like(ones).masked_fill(
        ones.triu(shift + 1) == 1, -math.inf
    ),
    "device-ignored": lambda ones, shift: torch.ones(ones.shape).tril(shift).bool(),
    "device-ignored(listed)": lambda ones, shift: torch.tensor(
        [[s <= t + shift for s in range(ones.shape[1])] for t in range(len(ones))]
    ),
}
# The triangle that has to be hidden is not the inverted mask here: documents come on top.
DOCUMENT_TRIANGLES = {
    name.replace("inverted", "only-the-future"): table
    for name, table in TRIANGLES.items()
    if not name.startswith("device")
}


def of_documents(table):
    def attention_mask(time, documents):
        keys = documents.shape[1]
        if isinstance(table, str):  # as the causal part alone would be
            earlier = torch.arange(keys) <= torch.arange(keys)[keys - time :, None]
        else:
            earlier = triangle(table)(time, keys, documents.device)
        same = documents[:, -time:, None] == documents[:, None]
        return (same * earlier if earlier.dtype != torch.bool else same & earlier)[:, None]

    return attention_mask


def first_attempt(flaw):
    """attention_weights as a beginner writes it, a line a step."""

    def attention_weights(q, k, mask=None):
        time, keys, root = q.shape[-2], k.shape[-2], q.shape[-1] ** 0.5
        if flaw.startswith("all-axes-reversed"):
            scores = torch.matmul(q, k.T) / root
        elif flaw == "keys-not-transposed":
            scores = torch.matmul(q, k) / root
        else:
            scores = torch.matmul(q, k.mT)
        if flaw == "neither-scaled-nor-masked":
            return scores.softmax(-1)
        if flaw == "all-axes-reversed(alone)":
            return torch.softmax(scores, -1)
        scores = scores / root
        if mask is None:
            shape = (len(q), len(k)) if flaw == "len-is-the-batch" else (time, keys)
            mask = torch.arange(shape[1]) <= torch.arange(shape[1])[shape[1] - shape[0] :, None]
            if flaw != "device-ignored":
                mask = mask.to(q.device)
        low = flaw.partition("(")[2].rstrip(")")
        if flaw.startswith("mask-not-used"):
            scores.masked_fill(~mask, -math.inf)
        elif flaw.startswith("shares-divided-again"):
            shares = scores.softmax(-1)
            shares = shares * mask if low == "times" else torch.where(mask, shares, 0.0)
            total = shares.sum(-1, keepdim=True)
            return shares / (total + 1e-9 if low == "plus" else total)
        elif low:
            scores = scores.masked_fill(~mask, float(low))
        else:
            scores.masked_fill_(~mask, -math.inf)
        return F.softmax(scores, -1)

    return attention_weights


FIRST = """all-axes-reversed all-axes-reversed(alone) keys-not-transposed neither-scaled-nor-masked
mask-not-used len-is-the-batch not-low-enough(-10) not-low-enough(-20) not-low-enough(-50)
not-low-enough(-100) not-low-enough(-1e4) not-low-enough(-65504)
shares-divided-again(times) shares-divided-again(where) shares-divided-again(plus)
mask-with-0(0)""".split()


def with_values(weights):
    return lambda q, k, v, mask=None: weights(q, k, mask) @ v


def only_repeats(weights):
    def attend(q, k, v, mask=None):
        k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
        return weights(q, k, mask) @ v

    return attend


def repeats(flaw):
    def repeat_heads(x, n_heads):
        b, kv, s, d = x.shape
        g = n_heads // kv
        if flaw == "tiled-heads":
            return torch.cat([x] * g, 1)
        if flaw == "n-heads-of-each":
            return x.repeat_interleave(n_heads, dim=1)
        if flaw == "reshaped-across-keys":
            return x[:, :, :, None].expand(b, kv, s, g, d).reshape(b, n_heads, s, d)
        if flaw == "not-repeated":
            return x
        return x.unsqueeze(2).expand(b, kv, g, s, d).flatten(1, 2)

    return repeat_heads


REPEATS = "tiled-heads n-heads-of-each reshaped-across-keys not-repeated".split()


def attention(flaw):
    """Meta's style: view, transpose, repeat, and rotation written out."""

    class Attention(nn.Module):
        def __init__(self, cfg, layer=0):
            super().__init__()
            self.cfg, self.number = cfg, layer
            inner, bias = cfg.n_heads * cfg.head_dim, flaw == "biases"
            kv = cfg.n_heads if flaw == "kv-heads-ignored" else cfg.n_kv_heads
            self.wo = nn.Linear(inner, cfg.dim, bias=bias)
            self.wv = nn.Linear(cfg.dim, kv * cfg.head_dim, bias=bias)
            self.wk = nn.Linear(cfg.dim, kv * cfg.head_dim, bias=bias)
            self.wq = nn.Linear(cfg.dim, inner, bias=bias)

        def cut(self, y):
            B, T, _ = y.shape
            d = self.cfg.head_dim
            if flaw == "view-without-transpose":
                return y.view(B, -1, T, d)
            if flaw == "heads-cut-wrongly":
                return y.view(B, T, d, -1).permute(0, 3, 1, 2)
            return y.view(B, T, -1, d).transpose(1, 2)

        def forward(self, x, cos, sin, mask=None, cache=None):
            (B, T, D), layer = x.shape, 0 if flaw == "layer-ignored" else self.number
            turn = rope(
                {"turned-backwards": "backwards", "neighbours-turned": "interleaved"}.get(flaw)
            )
            if flaw and flaw.startswith("turned-before"):
                turn = packages_rope
            if flaw == "turned-before-the-split":
                q, k = self.cut(turn(self.wq(x), cos, sin)), self.cut(turn(self.wk(x), cos, sin))
            else:
                q, k = self.cut(self.wq(x)), self.cut(self.wk(x))
            v = self.cut(self.wk(x) if flaw == "values-from-keys" else self.wv(x))
            if flaw == "turned-before-the-transpose":
                q = turn(q.transpose(1, 2), cos, sin).transpose(1, 2)
                k = turn(k.transpose(1, 2), cos, sin).transpose(1, 2)
            elif flaw not in ("not-turned", "turned-before-the-split"):
                if flaw != "only-k-turned":
                    q = turn(q, cos, sin)
                if flaw not in ("only-q-turned", "turned-after-the-cache"):
                    k = turn(k, cos, sin)
                if flaw == "values-turned-too":
                    v = turn(v, cos, sin)
            if cache is not None and flaw != "cache-ignored":
                both = cache.update(layer, k, v)
                k, v = (k, v) if flaw == "cache-not-read" else both
                if flaw == "cache-advanced":
                    cache.advance(T)
            if flaw in ("turned-after-the-cache", "turned-again") and (
                cache is not None or flaw == "turned-after-the-cache"
            ):
                k = turn(k, cos, sin)
            if (flaw == "mask-dropped-for-one" and T == 1) or (
                flaw == "mask-dropped-with-a-cache" and cache is not None
            ):
                mask = torch.ones(T, k.shape[2]).tril(k.shape[2] - T).bool()
            g = self.cfg.n_heads // k.shape[1]
            spread = (lambda y: y.repeat(1, g, 1, 1)) if flaw == "tiled-heads" else (
                lambda y: y.repeat_interleave(g, 1)
            )  # fmt: skip
            if flaw and flaw.startswith("heads-not-repeated"):
                spread = lambda y: y  # noqa: E731
            if flaw == "heads-not-repeated(kernel)":
                S = k.shape[2]
                mask = torch.ones(T, S).tril(S - T).bool() if mask is None else mask
                out = F.scaled_dot_product_attention(q, k, v, mask)
            elif flaw == "all-axes-reversed":
                out = first_attempt(flaw)(q, spread(k), mask) @ spread(v)
            else:
                out = scores_to_weights(flaw, q, spread(k), mask, D) @ spread(v)
            if flaw == "heads-merged-wrongly":
                out = out.permute(0, 2, 3, 1).reshape(B, T, -1)
            elif flaw == "heads-not-merged":
                out = out.reshape(B, T, -1)
            else:
                out = out.transpose(1, 2).reshape(B, T, -1)
            return out if flaw == "no-output-matrix" else self.wo(out)

    return Attention


ATTENTION = [*SCORES, "scaled-by-model-dim", "mask-dropped-for-one", "mask-dropped-with-a-cache"]
ATTENTION += """tiled-heads view-without-transpose heads-cut-wrongly turned-backwards not-turned
neighbours-turned turned-before-the-split turned-before-the-transpose only-q-turned only-k-turned
turned-after-the-cache turned-again values-turned-too values-from-keys cache-ignored cache-not-read
cache-advanced layer-ignored heads-merged-wrongly heads-not-merged no-output-matrix biases
kv-heads-ignored heads-not-repeated heads-not-repeated(kernel) all-axes-reversed""".split()


def rooms(flaw):
    """A cache that cuts a layer's table out first; one flaw, or two with an "and" between."""
    several = (flaw or "").split(" and ")

    class KVCache:
        def __init__(self, cfg, batch_size, max_seq_len=None, dtype=torch.float32, device=None):
            self.max_seq_len = max_seq_len or cfg.max_seq_len
            if self.max_seq_len > cfg.max_seq_len:
                raise RuntimeError("no")
            heads = cfg.n_heads if flaw == "all-heads-have-room" else cfg.n_kv_heads
            device = None if flaw == "device-ignored" else device
            dtype = None if flaw == "dtype-ignored" else dtype
            room = (cfg.n_layers, batch_size, heads, self.max_seq_len, cfg.dim // cfg.n_heads)
            tables = [torch.zeros(room, dtype=dtype, device=device) for _ in "kv"]
            if flaw == "other-names":
                self.tables = tables
            else:
                self.keys, self.values = tables
            self.filled = [0] * cfg.n_layers
            self.position, self.batch_size = 0, batch_size

        def check(self, n, batch):
            full = self.position + n > self.max_seq_len
            if flaw == "another-error(several)":
                full = self.position == self.max_seq_len
            if full and "full-cache-accepted" not in several:
                raise (IndexError if flaw == "another-error" else ValueError)("full")
            if "any-batch-accepted" not in several and batch != self.batch_size:
                raise IndexError("batch")

        def update(self, layer, k, v):
            self.check(k.shape[2], k.shape[0])
            layer = 0 if flaw == "layer-ignored" else layer
            n, p = k.shape[2], self.filled[layer] if flaw == "cannot-forget" else self.position
            self.filled[layer], out = p + n, []
            tables = self.tables if flaw == "other-names" else (self.keys, self.values)
            for table, new in zip(tables, (k, k if flaw == "values-are-keys" else v), strict=True):
                table = table[layer]
                if flaw == "new-first":
                    table[:, :, n : n + p] = table[:, :, :p].clone()
                start = {"new-first": 0, "written-at-0": 0}.get(flaw, p)
                table[:, :, start : start + n] = new
                out.append(table[:, :, : p + n])
            if flaw == "(copies)":
                out = [torch.cat([t[:, :, :p], t[:, :, p:]], 2) for t in out]
            if flaw == "advanced-per-layer":
                self.position += k.shape[2]
            if flaw == "only-new-returned":
                return k, v
            out = out if flaw == "own-dtype-returned" else [t.to(k.dtype) for t in out]
            return out[::-1] if flaw == "keys-and-values-swapped" else tuple(out)

        def advance(self, n):
            if flaw == "position-replaced":
                self.position = n
            elif flaw == "advanced-by-1":
                self.position += 1
            elif flaw not in ("position-not-advanced", "advanced-per-layer"):
                self.position += n

    return KVCache


class CountedOtherwise:
    """The position is called `length`."""

    def __init__(self, cfg, batch_size, max_seq_len=None, dtype=torch.float32, device=None):
        self.batch_size, self.max_seq_len = batch_size, max_seq_len or cfg.max_seq_len
        room = (cfg.n_layers, batch_size, cfg.n_kv_heads, self.max_seq_len, cfg.head_dim)
        self.keys, self.values = torch.zeros(2, *room, dtype=dtype, device=device)
        self.length = 0

    def update(self, layer, k, v):
        end = self.length + k.shape[2]
        for table, new in ((self.keys, k), (self.values, v)):
            table[layer, :, :, self.length : end] = new
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def advance(self, n):
        self.length += n


ROOMS = """any-batch-accepted layer-ignored values-are-keys cannot-forget new-first
advanced-per-layer only-new-returned own-dtype-returned keys-and-values-swapped
position-replaced advanced-by-1 position-not-advanced another-error another-error(several)
full-cache-accepted device-ignored dtype-ignored other-names written-at-0
all-heads-have-room""".split()


def feedforward(flaw):
    class SwiGLU(nn.Module):
        def __init__(self, width, hidden):
            super().__init__()
            for name, shape in {"w_down": (hidden, width), "w_gate": (width, hidden)}.items():
                setattr(self, name, nn.Linear(*shape, bias=flaw == "biases"))
            self.w_up = nn.Linear(width, hidden, bias=flaw == "biases")

        def forward(self, x):
            g, u = x @ self.w_gate.weight.T, x @ self.w_up.weight.mT
            act = {"relu": torch.relu, "gelu": F.gelu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
            act = act.get(flaw, lambda z: z / (1 + torch.exp(-z)))
            if flaw == "silu-on-up":
                g, u = u, g
            if flaw == "silu-after-product":
                return self.w_down(act(g * u))
            if flaw == "no-silu":
                return self.w_down(g * u)
            if flaw == "silu-on-both":
                u = act(u)
            return self.w_down(act(g) + u if flaw == "sum" else act(g) * u)

    return SwiGLU


FEEDFORWARD = """biases relu gelu sigmoid tanh silu-on-up silu-after-product no-silu silu-on-both
sum""".split()


def block(flaw):
    """With parts from scratch too, and the stream under another name."""

    class Block(nn.Module):
        def __init__(self, cfg, layer=0):
            super().__init__()
            self.feed_forward = feedforward(None)(cfg.dim, cfg.hidden_dim)
            self.attention = attention(None)(cfg, 0 if flaw == "layer-ignored" else layer)
            eps = 1e-6 if flaw == "eps-ignored" else cfg.norm_eps
            self.ffn_norm = nn.RMSNorm(cfg.dim, eps)
            self.attention_norm = nn.RMSNorm(cfg.dim, eps)

        def forward(self, x, cos, sin, mask=None, cache=None):
            one, two = self.attention_norm, self.ffn_norm
            if flaw == "one-norm-twice":
                two = one
            if flaw == "norms-exchanged":
                one, two = two, one

            def mix(y):
                allowed, past = mask, cache
                if flaw == "mask-dropped":
                    allowed = None
                if flaw == "cache-dropped":
                    past = None
                return self.attention(y, cos, sin, allowed, past)

            if flaw == "post-norm":
                h = one(x + mix(x))
                return two(h + self.feed_forward(h))
            if flaw == "post-norm(of-the-branch)":
                h = x + one(mix(x))
                return h + two(self.feed_forward(h))
            if flaw == "stream-normalised":
                h = one(x)
                h = two(h + mix(h))
                return h + self.feed_forward(h)
            if flaw == "parallel":
                return x + mix(one(x)) + self.feed_forward(two(x))
            if flaw == "feed-forward-first":
                h = x + self.feed_forward(two(x))
                return h + mix(one(h))
            if flaw == "residual-missing":
                return self.feed_forward(two(mix(one(x))))
            if flaw == "no-norm":
                h = x + mix(x)
                return h + self.feed_forward(h)
            if flaw == "in-place":
                x += mix(one(x))
                x += self.feed_forward(two(x))
                return x
            h = x + mix(one(x))
            return (x if flaw == "old-stream-kept" else h) + self.feed_forward(two(h))

    return Block


BLOCK = """layer-ignored eps-ignored one-norm-twice norms-exchanged mask-dropped cache-dropped
post-norm post-norm(of-the-branch) stream-normalised parallel feed-forward-first residual-missing
no-norm in-place old-stream-kept""".split()


def first_weights(flaw):
    """Part by part, each drawn by torch's own initialisers."""

    def init_weights(model):
        n = model.config.n_layers * (1 if flaw == "one-write-a-layer" else 2)
        less = {"residuals-not-smaller": 1, "no-root": n}.get(flaw, n**0.5)

        def draw(matrix, less=1):
            std = 0.02 / less
            if flaw == "drawn-uniformly":
                return nn.init.uniform_(matrix.weight, -std * 3**0.5, std * 3**0.5)
            if flaw == "mean-for-std":
                return matrix.weight.data.normal_(std)
            return nn.init.normal_(matrix.weight, std=std)

        draw(model.tok_embeddings)
        if not model.config.tie_embeddings:
            draw(model.output, less if flaw == "output-smaller" else 1)
        for layer in model.layers:
            for name, part in [
                *layer.attention.named_children(),
                *layer.feed_forward._modules.items(),
            ]:
                small = {
                    "wrong-matrix-smaller": ("wo", "w_up"),
                    "only-wo-smaller": ("wo",),
                    "only-w-down-smaller": ("w_down",),
                }.get(flaw, ("wo", "w_down"))
                draw(part, less if name in small else 1)
        for module in model.modules():
            if not isinstance(module, nn.Linear | nn.Embedding) and hasattr(module, "weight"):
                if flaw == "norms-drawn":
                    draw(module)
                elif flaw != "norms-left":
                    nn.init.ones_(module.weight)

    return init_weights


def not_under_no_grad(model):
    for p in model.parameters():
        p.fill_(1) if p.dim() == 1 else p.normal_(0, 0.02)


def never_written(model):
    for p in model.parameters():
        p = torch.ones(p.shape) if p.dim() == 1 else 0.02 * torch.randn(p.shape)


FIRST_WEIGHTS = """drawn-uniformly norms-left norms-drawn residuals-not-smaller only-wo-smaller
only-w-down-smaller wrong-matrix-smaller output-smaller one-write-a-layer no-root
mean-for-std""".split()


def llama(flaw):
    """Tables computed in each forward, or in buffers that `_apply` computes anew."""
    buffers = ("(buffers)", "tables-rounded", "tables-saved", "tables-left-behind")

    class Llama(nn.Module):
        def __init__(self, cfg):
            super().__init__()
            self.cfg = self.config = cfg
            self.norm = RMSNorm(cfg.dim, cfg.norm_eps)
            numbers = [0 if flaw == "layer-numbers-missing" else i for i in range(cfg.n_layers)]
            kind = packages_block if flaw else block(None)
            blocks = [kind(cfg, i) for i in numbers]
            if flaw == "one-block-for-all":
                blocks = blocks[:1] * cfg.n_layers
            self.layers = blocks if flaw == "plain-list" else nn.ModuleList(blocks)
            self.tok_embeddings = nn.Embedding(cfg.vocab_size, cfg.dim)
            self.output = nn.Linear(cfg.dim, cfg.vocab_size, bias=flaw == "output-bias")
            if cfg.tie_embeddings and flaw != "not-tied":
                self.output.weight = self.tok_embeddings.weight
            if flaw != "pytorchs-first-weights":
                first_weights(None)(self)
            if flaw == "config-renamed":
                del self.config
            self.register_buffer("places", torch.arange(cfg.max_seq_len), persistent=False)
            if flaw != "other-names":
                self.cos, self.sin = tables(None)(cfg)
            if flaw in buffers:
                self.tabulate()

        def tabulate(self):
            del self.cos, self.sin
            cos, sin = tables(None)(self.cfg, self.norm.weight.device)
            self.register_buffer("cos", cos, persistent=flaw == "tables-saved")
            self.register_buffer("sin", sin, persistent=flaw == "tables-saved")

        def _apply(self, fn, recurse=True):
            kept = dict(self._buffers)
            super()._apply(fn, recurse)
            if flaw in ("(buffers)", "tables-saved"):
                self.tabulate()
            for name, table in kept.items() if flaw == "tables-left-behind" else ():
                setattr(self, name, table)
            return self

        @property
        def n_parameters(self):
            if flaw == "shared-counted-twice":
                return sum(p.nelement() for p in self.state_dict().values())
            return sum(p.nelement() for p in self.parameters())

        def forward(self, tokens, cache=None, mask=None):
            T = tokens.shape[1]
            cache = None if flaw == "cache-ignored" else cache
            p0 = cache.position if cache is not None else 0
            if p0 + T > self.cfg.max_seq_len and flaw != "too-much-accepted":
                raise ValueError("too long")
            device = None if flaw == "tables-on-the-cpu" else tokens.device
            first = {"positions-restart": 0, "position-off-by-one": max(p0 - 1, 0)}.get(flaw, p0)
            places = torch.arange(first, first + T, device=device)
            if flaw == "(positions in a buffer)":
                places = self.places[p0 : p0 + T]
            phase = places[:, None] * freqs(None)(self.cfg, device)
            cos, sin, S = phase.cos(), phase.sin(), p0 + T
            if flaw in buffers:
                cos, sin = self.cos[p0:S], self.sin[p0:S]
            if flaw == "tables-rounded(forward)":
                cos, sin = cos.to(self.norm.weight.dtype), sin.to(self.norm.weight.dtype)
            if flaw == "(a mask always)" and mask is None:
                mask = torch.ones(T, S, device=tokens.device).tril(S - T).bool()[None, None]
            if flaw == "mask-on-the-cpu" and mask is None:
                mask = torch.ones(T, S).tril(S - T).bool()[None, None]
            if flaw == "mask-without-the-past" and mask is None:
                mask = torch.ones(T, T, device=tokens.device).tril().bool()[None, None]
            h = self.tok_embeddings(tokens)
            if flaw == "embedding-scaled":
                h = h * self.cfg.dim**0.5
            for layer in self.layers:
                mask = None if flaw == "mask-ignored" else mask
                h = layer(h, cos, sin, mask, None if flaw == "cache-dropped" else cache)
                if cache is not None and flaw == "cache-advanced-per-layer":
                    cache.advance(T)
            if cache is not None and flaw not in ("cache-advanced-per-layer", "cache-not-advanced"):
                cache.advance(1 if flaw == "cache-advanced-by-one" else T)
            h = h if flaw == "no-final-norm" else self.norm(h)
            if flaw == "last-position-only":
                h = h[:, -1]
            logits = F.linear(h, self.output.weight, self.output.bias)
            return logits.softmax(-1) if flaw == "probabilities" else logits

    return Llama


LLAMA = """layer-numbers-missing one-block-for-all not-tied pytorchs-first-weights
positions-restart position-off-by-one mask-ignored mask-on-the-cpu mask-without-the-past
embedding-scaled cache-dropped cache-advanced-per-layer cache-not-advanced cache-advanced-by-one
no-final-norm last-position-only probabilities plain-list config-renamed other-names cache-ignored
too-much-accepted tables-on-the-cpu tables-left-behind tables-rounded tables-rounded(forward)
tables-saved output-bias shared-counted-twice""".split()

RIGHT = {
    "rope_frequencies": freqs(None),
    "rope_frequencies in one line": in_one_line(
        lambda config: torch.arange(config.head_dim // 2), lambda config: config.head_dim // 2
    ),
    "rope_tables": tables(None),
    "ntk_theta": raised_theta(lambda config: config.head_dim / (config.head_dim - 2)),
    "apply_rope": rope(None),
    "apply_rope as complex numbers": rope(None, "complex"),
    "causal_mask": causal(None),
    "causal_mask by a triangle": triangle(lambda ones, shift: ones.tril(shift).bool()),
    "causal_mask moved at the end": lambda time, keys, device=None: (
        torch.ones(time, keys).tril(keys - time).bool().to(device)
    ),
    "attention_mask": documents(None),
    "attention_mask by a triangle": of_documents(lambda ones, shift: ones.tril(shift) > 0),
    "attention_weights filled in place": first_attempt(""),
    "attention_weights with -1e9": first_attempt("(-1e9)"),
    "attend with -1e9": with_values(first_attempt("(-1e9)")),
    "attention_weights": weights(None),
    "attend": attends(None),
    "attend by PyTorch's kernel": attends(None, "sdpa"),
    "fused_attend": attends(None),
    "grouped_attend": attends(None, "sdpa"),
    "repeat_heads": repeats(None),
    "Attention": attention(None),
    "KVCache": rooms(None),
    "KVCache that gives copies": rooms("(copies)"),
    "SwiGLU": feedforward(None),
    "Block": block(None),
    "Llama": llama(None),
    "Llama with positions in a buffer": llama("(positions in a buffer)"),
    "Llama with tables in buffers": llama("(buffers)"),
    "Llama with a mask always": llama("(a mask always)"),
    "init_weights": first_weights(None),
}
WRONG = [
    *(("rope_frequencies", flaw, freqs(flaw)) for flaw in FREQS),
    (
        "rope_frequencies",
        "dim-for-head-dim",
        in_one_line(lambda config: torch.arange(0, config.head_dim, 2), lambda config: config.dim),
    ),
    (
        "rope_frequencies",
        "model-dim",
        in_one_line(lambda config: torch.arange(0, config.dim, 2), lambda config: config.dim),
    ),
    (
        "rope_frequencies",
        "without-step-2",
        in_one_line(lambda config: torch.arange(config.head_dim), lambda config: config.head_dim),
    ),
    ("rope_frequencies", "device-forgotten", without_device(freqs(None))),
    ("rope_tables", "device-forgotten", without_device(tables(None))),
    ("ntk_theta", "one-less", raised_theta(lambda c: c.head_dim / (c.head_dim - 1))),
    ("ntk_theta", "model-dim", raised_theta(lambda config: config.dim / (config.dim - 2))),
    *(("rope_tables", flaw, tables(flaw)) for flaw in TABLES),
    *(("apply_rope", flaw, rope(flaw)) for flaw in ROPE),
    *(("causal_mask", flaw, causal(flaw)) for flaw in CAUSAL),
    *(("attention_mask", flaw, documents(flaw)) for flaw in DOCUMENTS),
    *(("causal_mask", flaw, triangle(table)) for flaw, table in TRIANGLES.items()),
    *(("attention_mask", flaw, of_documents(t)) for flaw, t in DOCUMENT_TRIANGLES.items()),
    ("attention_mask", "device-ignored(causal)", of_documents("on the CPU")),
    *(("attention_weights", flaw, weights(flaw)) for flaw in [*SCORES, "device-ignored"]),
    *(("attention_weights", flaw, first_attempt(flaw)) for flaw in [*FIRST, "device-ignored"]),
    *(("attend", flaw, with_values(first_attempt(flaw))) for flaw in FIRST),
    *(("attend", flaw, attends(flaw)) for flaw in SCORES),
    *(("attend", flaw, attends(flaw)) for flaw in ("keys-for-values", "weights-transposed")),
    ("attend", "not-scaled", only_four_axes),
    ("causal_mask", "inverted", lambda T, S, device=None: torch.ones(T, S).triu(1).bool()),
    *(("fused_attend", flaw, attends(flaw)) for flaw in [*SCORES, "tiled-heads"]),
    ("fused_attend", "heads-not-repeated", attends("heads-not-repeated")),
    ("fused_attend", "all-axes-reversed", only_repeats(first_attempt("all-axes-reversed"))),
    ("grouped_attend", "tiled-heads", attends("tiled-heads")),
    *(("repeat_heads", flaw, repeats(flaw)) for flaw in REPEATS),
    *(("Attention", flaw, attention(flaw)) for flaw in ATTENTION),
    *(("KVCache", flaw, rooms(flaw)) for flaw in ROOMS),
    ("KVCache", "other-names(position)", CountedOtherwise),
    ("KVCache", "full-cache-accepted(too)", rooms("full-cache-accepted and any-batch-accepted")),
    *(("SwiGLU", flaw, feedforward(flaw)) for flaw in FEEDFORWARD),
    *(("Block", flaw, block(flaw)) for flaw in BLOCK),
    *(("Llama", flaw, llama(flaw)) for flaw in LLAMA),
    *(("init_weights", flaw, first_weights(flaw)) for flaw in FIRST_WEIGHTS),
    ("init_weights", "no-grad-missing", not_under_no_grad),
    ("init_weights", "new-tensors", never_written),
]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_in_another_style_passes(name):
    result = CHECKS[name.split()[0]].run(RIGHT[name])
    assert result.passed, result.message


@pytest.mark.parametrize(
    ("name", "flaw", "answer"), WRONG, ids=[f"{name}-{flaw}" for name, flaw, _ in WRONG]
)
def test_a_wrong_answer_in_another_style_is_named(name, flaw, answer):
    result = CHECKS[name].run(answer)
    assert not result.passed
    assert result.mistake == flaw.split("(")[0], result.message


@pytest.mark.parametrize("name", sorted({name.split()[0] for name in RIGHT}))
def test_a_blank_is_not_written_yet(name):
    def blank(*args, **kwargs):
        raise NotImplementedError(BLANK)

    result = CHECKS[name].run(blank)
    assert not result.passed and result.mistake == "not-written"
