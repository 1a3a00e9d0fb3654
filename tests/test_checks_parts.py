"""Answers to the checks of the model's parts as others write them: from scratch, in other words."""

from answering import verdicts

ANSWERS = r"""
# The norm
RMSNorm
- right:
    class RMSNorm(nn.Module):
        def __init__(self, dim, eps):
            super().__init__()
            self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps
        def forward(self, x):
            w, eps, wide = self.weight, self.eps, x.to(torch.float32)
            return F.rms_norm(wide, x.shape[-1:], eps=eps).type_as(x) * w
~ right: w * (wide / (wide.pow(2).sum(-1, keepdim=True) / len(w) + eps) ** 0.5).to(x.dtype)
~ unbiased-variance: x / (x.std(-1, keepdim=True) + eps) * w
~ sum-of-squares: x / x.norm(dim=-1, keepdim=True) * w
~ low-precision: x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps) * w
~ no-keepdim: x / torch.sqrt(x.pow(2).mean(-1) + eps) * w
~ over-everything: x / torch.sqrt(x.pow(2).mean() + eps) * w
~ over-time-too: x / x.norm(dim=(-2, -1), keepdim=True) * (x.shape[-1] * x.shape[-2]) ** 0.5 * w
~ in-place: wide.mul_(torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).type_as(x) * w
# Rotary positions
rope_frequencies(config, device=None)
- right:
    out, width, base, kind = [], config.head_dim, config.rope_theta, config.rope_scaling
    if kind and kind.kind == "ntk":
        base = base * kind.factor ** (width / (width - 2))
    for i in range(width // 2):
        w = base ** (-2 * i / width)
        if kind and kind.kind == "linear":
            w = w / kind.factor
        if kind and kind.kind == "llama3":
            turns = kind.original_max_seq_len * w / (2 * math.pi)
            s = (turns - kind.low_freq_factor) / (kind.high_freq_factor - kind.low_freq_factor)
            s = min(1.0, max(0.0, s))
            w = s * w + (1 - s) * w / kind.factor
        out.append(w)
    return torch.tensor(out, device=device)
~ theta-ignored: config.rope_theta => 10_000.0
~ model-dim: config.head_dim => config.dim
rope_tables(config, device=None)
- right:
    t = torch.arange(config.max_seq_len, device=device)
    w = rope_frequencies(config, device)
    phase = torch.einsum("t,i->ti", t.float(), w)
    z = torch.polar(torch.ones_like(phase), phase)
    return z.real, z.imag
~ exponent-without-2: rope_frequencies(config, device) => rope_frequencies(config, device) ** 0.5
apply_rope(x, c, s)
    h = x.shape[-1] // 2
- right:
    a, b = x.chunk(2, -1)
    rotated = torch.cat([-b, a], -1)
    return (x * torch.cat([c, c], -1) + rotated * torch.cat([s, s], -1)).to(x.dtype)
- right:
    z = torch.complex(x[..., :h].float(), x[..., h:].float()) * torch.complex(c, s)
    return torch.cat([z.real, z.imag], -1).to(x.dtype)
- in-place:
    old = x[..., :h].clone()
    x[..., :h] = old * c - x[..., h:] * s
    x[..., h:] = x[..., h:] * c + old * s
    return x
- in-place:
    a, b = x.float().chunk(2, -1)
    old = a.clone()
    return torch.cat((a.mul_(c).sub_(b * s), b.mul_(c).add_(old * s)), -1).to(x.dtype)
# Masks
causal_mask(time, keys, device=None)
    ones, shift = torch.ones(time, keys, device=device), keys - time
    square = torch.ones(keys, keys, device=device).tril().bool()
- right: square[-time:]
- right: ones.tril(shift).bool()
- right: torch.ones(time, keys).tril(shift).bool().to(device)
- one-future: ones.tril(1).bool()
- hides-itself: ones.tril(-1).bool()
- backwards: ones.triu().bool()
- inverted: ones.triu(1).bool()
- numbers: ones.tril(shift)
- numbers: ones.tril(shift).long()
- device-ignored: torch.from_numpy(np.arange(keys) <= np.arange(shift, keys)[:, None])
attention_mask(time, documents)
    keys = documents.shape[1]
    ones, shift = torch.ones(time, keys, device=documents.device), keys - time
    same = documents[:, None, -time:, None] == documents[:, None, None, :]
- right:
    mask = torch.zeros(len(documents), 1, time, keys, dtype=torch.bool, device=documents.device)
    for b, ids in enumerate(documents.tolist()):
        for t in range(time):
            for s in range(keys):
                mask[b, 0, t, s] = s <= shift + t and ids[s] == ids[shift + t]
    return mask
- right: same & (ones.tril(shift) > 0)
- one-future: same & ones.tril(1).bool()
- hides-itself: same & ones.tril(-1).bool()
- backwards: same & ones.triu().bool()
- only-the-future: same & ones.triu(1).bool()
- queries-taken-for-first: same & ones.tril().bool()
- numbers: same * ones.tril(shift)
- numbers: same * ones.tril(shift).long()
- device-ignored: same & torch.ones(time, keys).tril(shift).bool()
# Attention
attention_weights(q, k, mask=None)
    root, (time, keys) = q.shape[-1] ** 0.5, (q.shape[-2], k.shape[-2])
    if mask is None:
        mask = torch.ones(time, keys, device=q.device).tril(keys - time).bool()
- right: F.softmax(torch.matmul(q, k.mT).div_(root).masked_fill_(~mask, -math.inf), -1)
- right:
    att = torch.einsum("...td,...sd->...ts", q, k) / root
    return F.softmax(torch.where(mask, att, torch.full_like(att, -1e9)), -1)
~ queries-taken-for-first:
    mask, att => torch.ones(time, keys, device=q.device).tril().bool(), att
~ softmax-over-queries: , -1) => , -2)
~ not-low-enough: -1e9 => -20.0
~ not-low-enough: -1e9 => -50.0
- all-axes-reversed: F.softmax(torch.matmul(q, k.T) / root, -1)
attention_weights(q, k, mask=None)
    scores, (time, keys) = q @ k.mT / q.shape[-1] ** 0.5, (q.shape[-2], k.shape[-2])
- device-ignored:
    mask = torch.ones(time, keys).tril(keys - time).bool() if mask is None else mask
    return scores.masked_fill(~mask, -math.inf).softmax(-1)
- ? "write `is None`": scores.masked_fill(~(mask or causal_mask(time, keys)), -math.inf).softmax(-1)
attention_weights(query, key, mask=None)
- keys-not-transposed "query has the shape .1, 1, 2, 4. and key has": query @ key[..., 1:]
attend(q, k, v, mask=None)
    scores, (time, keys) = q @ k.mT / q.shape[-1] ** 0.5, (q.shape[-2], k.shape[-2])
    mask = torch.ones(time, keys).tril(keys - time).bool() if mask is None else mask
- right: torch.einsum("...ts,...sd->...td", scores.masked_fill(~mask, -1e9).softmax(-1), v)
- right: F.scaled_dot_product_attention(q, k, v, mask)
- all-axes-reversed: (q @ k.T).masked_fill(~mask, -math.inf).softmax(-1) @ v
- all-axes-reversed: (q @ k.T).softmax(-1) @ v
- not-low-enough: scores.masked_fill(~mask, -20.0).softmax(-1) @ v
- not-low-enough: scores.masked_fill(~mask, -50.0).softmax(-1) @ v
- softmax-over-queries: torch.softmax(scores.masked_fill(~mask, -1e9), -2) @ v
- not-scaled: torch.softmax((q @ k.transpose(2, 3)).masked_fill(~mask, -torch.inf), dim=3) @ v
repeat_heads(x, n_heads)
    b, heads, s, d = x.shape
- right: x.unsqueeze(2).expand(b, heads, n_heads // heads, s, d).flatten(1, 2)
fused_attend(q, k, v, mask=None)
    k, v = (x.repeat_interleave(q.size(1) // x.size(1), 1) for x in (k, v))
    time, keys = q.size(-2), k.size(-2)
    mask = torch.ones(time, keys).tril(keys - time).bool() if mask is None else mask
    att = (torch.einsum("bhtd,bhsd->bhts", q, k) / q.size(-1) ** 0.5).masked_fill(~mask, -1e9)
- right: torch.matmul(att.softmax(-1), v)
- softmax-over-queries: torch.matmul(att.softmax(-2), v)
grouped_attend(q, k, v, mask=None)
    time, keys = q.size(-2), k.size(-2)
    mask = torch.ones(time, keys).tril(keys - time).bool() if mask is None else mask
- right: F.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True)
Attention
- right:
    class Attention(nn.Module):
        def __init__(self, cfg, layer=0):
            super().__init__()
            self.cfg, self.number = cfg, layer
            inner, kv = cfg.n_heads * cfg.head_dim, cfg.n_kv_heads * cfg.head_dim
            self.wo, self.wv = nn.Linear(inner, cfg.dim, False), nn.Linear(cfg.dim, kv, False)
            self.wk, self.wq = nn.Linear(cfg.dim, kv, False), nn.Linear(cfg.dim, inner, False)
        def forward(self, x, cos, sin, mask=None, cache=None):
            B, T, _ = x.shape
            heads = lambda y: y.view(B, T, -1, self.cfg.head_dim).transpose(1, 2)
            q, k, v = heads(self.wq(x)), heads(self.wk(x)), heads(self.wv(x))
            q, k = apply_rope(q, cos, sin), apply_rope(k, cos, sin)
            if cache is not None:
                k, v = cache.update(self.number, k, v)
            k, v = (y.repeat_interleave(self.cfg.n_heads // y.shape[1], 1) for y in (k, v))
            S = k.shape[2]
            mask = torch.ones(T, S).tril(S - T).bool() if mask is None else mask
            att = torch.einsum("bhtd,bhsd->bhts", q, k) / q.size(-1) ** 0.5
            att = F.softmax(torch.where(mask, att, torch.full_like(att, -1e9)), -1)
            return self.wo((att @ v).transpose(1, 2).reshape(B, T, -1))
~ queries-for-keys: bhsd->bhts => bhsd->bhst
~ softmax-over-queries: -1e9)), -1) => -1e9)), -2)
~ cache-ignored: cache is not None => False
~ cache-not-read: k, v = cache.update => cache.update
# The difference of the two must be plain to the eye.
~ ? "it gives (\S+) at .*, and (?!\1 )\S+ is right":
    / q.size(-1) ** 0.5 => .div(50 * q.size(-1) ** 0.5).tanh() * 50
# The cache
KVCache
- right:
    class KVCache:
        def __init__(self, cfg, batch_size, max_seq_len=None, dtype=torch.float32, device=None):
            self.max_seq_len, self.batch_size = max_seq_len or cfg.max_seq_len, batch_size
            assert self.max_seq_len <= cfg.max_seq_len  # any error will do
            room = cfg.n_layers, batch_size, cfg.n_kv_heads, self.max_seq_len, cfg.head_dim
            self.keys, self.values = (torch.zeros(room, dtype=dtype, device=device) for _ in "kv")
            self.position, self.documents, self.device = 0, None, device
        def check(self, n, batch):
            if self.position + n > self.max_seq_len:
                raise ValueError("full")
            assert batch == self.batch_size
        def update(self, layer, k, v):
            self.check(k.shape[2], k.shape[0])
            n, p, out = k.shape[2], self.position, []
            for table, new in zip((self.keys, self.values), (k, v)):
                table = table[layer]
                table[:, :, p : p + n] = new
                out.append(table[:, :, : p + n])
            return tuple(t.to(k.dtype) for t in out)
        def advance(self, n):
            self.position += n
~ advanced-per-layer:
    self.position += n => pass
    return tuple( => self.position += n; return tuple(
~ position-not-advanced: self.position += n => pass
~ another-error:
    self.position + n > self.max_seq_len => False
    assert batch == self.batch_size => pass
~ another-error: self.position + n > self.max_seq_len => self.position == self.max_seq_len
~ other-names:
    self.position, self.documents, self.device = 0, => self.length, self.documents, self.device = 0,
# The feed-forward layer, the block and the model
SwiGLU
- right:
    class SwiGLU(nn.Module):
        def __init__(self, width, hidden):
            super().__init__()
            self.w_down = nn.Linear(hidden, width, bias=False)
            self.w_up, self.w_gate = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        def forward(self, x):
            g, u = x @ self.w_gate.weight.T, x @ self.w_up.weight.mT
            return self.w_down(g / (1 + torch.exp(-g)) * u)
Block
- right:
    class Block(nn.Module):
        def __init__(self, cfg, layer=0):
            super().__init__()
            self.feed_forward = SwiGLU(cfg.dim, cfg.hidden_dim)
            self.attention = Attention(cfg, layer)
            self.ffn_norm = nn.RMSNorm(cfg.dim, cfg.norm_eps)
            self.attention_norm = nn.RMSNorm(cfg.dim, cfg.norm_eps)
        def forward(self, stream, cos, sin, mask=None, cache=None):
            h = stream + self.attention(self.attention_norm(stream), cos, sin, mask, cache)
            return h + self.feed_forward(self.ffn_norm(h))
~ in-place: h = stream + self.attention => h = stream; h += self.attention
Llama
- right:
    class Llama(nn.Module):
        def __init__(self, cfg):
            super().__init__()
            self.cfg = self.config = cfg
            self.norm = RMSNorm(cfg.dim, cfg.norm_eps)
            self.layers = nn.ModuleList([Block(cfg, i) for i in range(cfg.n_layers)])
            self.tok_embeddings = nn.Embedding(cfg.vocab_size, cfg.dim)
            self.output = nn.Linear(cfg.dim, cfg.vocab_size, bias=False)
            if cfg.tie_embeddings:
                self.output.weight = self.tok_embeddings.weight
            init_weights(self)
            self.register_buffer("places", torch.arange(cfg.max_seq_len), persistent=False)
        n_parameters = property(lambda self: sum(p.nelement() for p in self.parameters()))
        def forward(self, tokens, cache=None, mask=None):
            B, T = tokens.shape
            start = cache.position if cache is not None else 0
            S = start + T
            if S > self.cfg.max_seq_len:
                raise ValueError("too long")
            places = torch.arange(start, S, device=tokens.device)
            phase = places[:, None] * rope_frequencies(self.cfg, tokens.device)
            if mask is None:
                mask = torch.ones(T, S, device=tokens.device).tril(S - T).bool()[None, None]
            h = self.tok_embeddings(tokens)
            for layer in self.layers:
                h = layer(h, phase.cos(), phase.sin(), mask, cache)
            if cache is not None:
                cache.advance(T)
            return F.linear(self.norm(h), self.output.weight)
~ right: torch.arange(start, S, device=tokens.device) => self.places[start:S]
~ not-tied: if cfg.tie_embeddings => if False
~ embedding-scaled: self.tok_embeddings(tokens) => self.tok_embeddings(tokens) * self.cfg.dim**0.5
~ no-final-norm: self.norm(h), => h,
~ probabilities: self.output.weight) => self.output.weight).softmax(-1)
"""

test_an_answer_gets_its_verdict = verdicts(ANSWERS)
