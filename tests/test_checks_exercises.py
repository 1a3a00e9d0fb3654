"""Answers to the exercises of the lessons, as beginners write them."""

from answering import verdicts

ANSWERS = """
# Lesson 00
count_parameters(model)
- right: torch.tensor([p.numel() for p in model.parameters()]).sum()
- matrices-only: sum(p.numel() for name, p in model.named_parameters() if "bias" not in name)
loss_by_hand(logits, targets)
- right: -F.log_softmax(logits, 1).gather(1, targets.unsqueeze(1)).mean()
- right: -(F.one_hot(targets, logits.shape[1]) * logits.log_softmax(-1)).sum() / len(targets)
- right: (logits.logsumexp(1) - logits[range(len(targets)), targets]).mean()
- right: -sum(row.log_softmax(0)[t] for row, t in zip(logits, targets)) / len(targets)
# Lesson 02
bits_per_byte(nats_per_token, n_tokens, text)
- right: torch.tensor(nats_per_token) / torch.tensor(2.0).log() * n_tokens / len(text.encode())
decode_pieces(pieces)
- right:
    decoder, text = codecs.getincrementaldecoder("utf-8")(errors="replace"), ""
    for piece in pieces:
        if piece not in {"<s>", "</s>"}:
            byte = re.fullmatch(r"<0x(..)>", piece)
            text += decoder.decode(bytes.fromhex(byte[1]) if byte else piece.encode())
    text = (text + decoder.decode(b"", final=True)).replace("▁", " ")
    return text[1:] if text[:1] == " " else text
- right:
    text = "".join(piece for piece in pieces if piece not in ("<s>", "</s>")).replace("▁", " ")
    spelled = lambda run: bytes.fromhex(run[0].replace("<0x", "").replace(">", ""))
    text = re.sub("(<0x..>)+", lambda run: spelled(run).decode(errors="replace"), text)
    return text.removeprefix(" ")
encode_bytes(text, merges)
    ids = [*text.encode()]
- right:
    for pair, new in sorted(merges.items(), key=lambda merge: merge[1]):
        join = lambda out, i: [*out[:-1], new] if (*out[-1:], i) == pair else [*out, i]
        ids = reduce(join, ids, [])
    return ids
- right:
    while len(ids) > 1:
        ranks = [merges.get(pair, math.inf) for pair in pairwise(ids)]
        if min(ranks) == math.inf:
            break
        i = ranks.index(min(ranks))
        ids[i : i + 2] = [ranks[i]]
    return ids
- first-occurrence-only:
    for pair, new in merges.items():
        if pair in (pairs := [*pairwise(ids)]):
            ids[pairs.index(pair) : pairs.index(pair) + 2] = [new]
    return ids
train_bytes(text, n_merges)
    ids, merges = list(text.encode()), {}
- right:
    while len(merges) < n_merges and (common := Counter(pairwise(ids)).most_common(1)):
        merges[common[0][0]] = len(merges) + 256
        ids = encode_bytes(text, merges)
    return merges
# Lesson 04
softmax(scores)
- right: torch.exp(scores - scores.logsumexp(-1, keepdim=True))
- right: scores.softmax(-1)
one_head(x, w_q, w_k, w_v)
- right: F.scaled_dot_product_attention(x @ w_q, x @ w_k, x @ w_v)
- right: torch.softmax((x @ w_q / w_q.shape[1] ** 0.5) @ (x @ w_k).T, 1) @ x @ w_v
# Lesson 05
theta_for(longest, head_dim)
- right: (1 / (2 * math.pi / longest)) ** (1 / (1 - 2 / head_dim))
- right: np.power(longest / 2 / np.pi, head_dim / (2 * (head_dim // 2 - 1)))
- right: torch.tensor(longest / (2 * torch.pi)) ** (head_dim / (head_dim - 2))
rotate_neighbours(x, cos, sin)
- right:
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * torch.complex(cos, sin)).flatten(-2).type_as(x)
- right:
    out = torch.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return out
- right:
    across = torch.stack((-x[..., 1::2], x[..., ::2]), -1).reshape(x.shape)
    return x * cos.repeat_interleave(2, -1) + across * sin.repeat_interleave(2, -1)
- right:
    halves = apply_rope(torch.cat((x[..., ::2], x[..., 1::2]), -1), cos, sin).chunk(2, -1)
    return torch.stack(halves, -1).flatten(-2)
- in-place:
    x[..., ::2], x[..., 1::2] = (x[..., ::2] * cos - x[..., 1::2] * sin,
                                 x[..., ::2] * sin + x[..., 1::2] * cos)
    return x
from_meta(weight, n_heads)
    rows, dim = weight.shape
- right: weight.view(n_heads, rows // n_heads // 2, 2, dim).transpose(1, 2).reshape(rows, dim)
- right: torch.cat([torch.cat((head[::2], head[1::2])) for head in weight.chunk(n_heads)])
- right: weight[torch.arange(rows).view(n_heads, -1, 2).mT.reshape(n_heads, -1).flatten()]
relative_score(q, k, distance, frequencies)
    angle = distance * frequencies
    (a, b), (c, d) = q.chunk(2), k.chunk(2)
- right: apply_rope(q[None], angle.cos()[None], angle.sin()[None])[0] @ k
- right: ((a * c + b * d) * angle.cos() - (b * c - a * d) * angle.sin()).sum()
- right: (torch.complex(a, b) * torch.complex(c, -d) * torch.exp(1j * angle)).sum().real.item()
# Lesson 06
split_heads(x, n_heads)
- right: rearrange(x, "b t (h d) -> b h t d", h=n_heads)
- right: torch.stack(x.chunk(n_heads, dim=-1), dim=1)
- right: x.reshape(*x.shape[:2], n_heads, -1).permute(0, 2, 1, 3)
join_heads(x)
    b, h, t, d = x.shape
- right: rearrange(x, "b h t d -> b t (h d)")
- right: torch.cat([x[:, i] for i in range(h)], dim=-1)
- right: x.permute(0, 2, 1, 3).contiguous().view(b, t, h * d)
- right: x.transpose(1, 2).flatten(2)
- ? "RuntimeError.*reshape": x.transpose(1, 2).view(b, t, -1)
cache_bytes(config, tokens, bytes_per_number=2)
    shape = 2, config.n_layers, config.n_kv_heads, tokens, config.dim // config.n_heads
- right: torch.tensor(shape).prod() * bytes_per_number
more_heads(weight, head_dim, n_heads)
    heads = rearrange(weight, "(h d) dim -> h d dim", d=head_dim)
- right: rearrange([heads[h * len(heads) // n_heads] for h in range(n_heads)], "h d c -> (h d) c")
- right: torch.cat([head for head in heads for _ in range(n_heads // len(heads))])
look_back(key, back, cos, sin)
    a, b = key.chunk(2)
    query = torch.cat((a * cos[back] + b * sin[back], b * cos[back] - a * sin[back]))
- right: query
- right:
    z = torch.complex(a, b) / torch.complex(cos[back], sin[back])
    return torch.cat((z.real, z.imag))
- right: apply_rope(key.unsqueeze(0), *(x[back : back + 1] for x in (cos, -sin))).squeeze(0)
- wrong-length: 5 * query
- wrong-length: query / query.norm()
# Lesson 07
layer_norm(x, eps)
- right: (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, correction=0) + eps).sqrt()
- right: F.rms_norm(x - x.mean(-1, keepdim=True), x.shape[-1:], eps=eps)
- in-place:
    x -= x.mean(-1, keepdim=True)
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)
sees_the_future(model, tokens)
    other = torch.cat([tokens[:, :-1], tokens[:, -1:] + 1], dim=1)
    before, after = model(tokens)[0, :-1], model(other)[0, :-1]
- right: bool((before != after).any())
- right: not torch.allclose(before, after)
- in-place:
    tokens[:, -1] += 1
    return not torch.equal(before, model(tokens)[0, :-1])
rms_norm_backward(x, weight, eps, grad)
- right:
    x = x.detach().requires_grad_()
    return torch.autograd.grad(F.rms_norm(x, x.shape[-1:], weight, eps), x, grad)[0]
- right:
    r, g = (x.pow(2).mean(-1, keepdim=True) + eps) ** -0.5, grad * weight
    return r * g - r**3 * x / x.shape[-1] * (g * x).sum(-1, keepdim=True)
# Lesson 08
hidden_dim_by_rule(dim, multiple_of, multiplier=1.0)
    width = int(multiplier * int(2 * (4 * dim) / 3))
- right: multiple_of * ((width + multiple_of - 1) // multiple_of)
- right: width + (-width) % multiple_of
- a-float: ((8 * dim / 3 + multiple_of - 1) // multiple_of) * multiple_of
loudest_neurons(hidden, w_down, k)
- right: (hidden.abs() * w_down.norm(dim=0)).argsort(dim=-1, descending=True)[..., :k]
- right: torch.topk((hidden.unsqueeze(-1) * w_down.T).norm(dim=-1), k).indices
- right: (hidden**2 * (w_down**2).sum(0)).topk(k)[1]
dot_product_weights(n)
    w = torch.zeros(2, n, 2, 2 * n)
    for i in range(n):
        w[0, i, :, i] = w[1, i, :, n + i] = torch.tensor([1.0, -1.0])
    gate, up = w.flatten(1, 2)
- right: (gate, up, torch.ones(1, 2 * n))
- right: [up, gate, torch.ones(1, 2 * n)]
- right: (torch.cat([gate, gate]), torch.cat([up, up]), torch.full((1, 4 * n), 0.5))
- minus-missing: (gate, up.abs(), torch.ones(1, 2 * n))
- no-second-neuron: (gate[::2], up[::2], torch.ones(1, n))
# Lesson 11
cross_entropy_gradient(logits, targets)
- right: (logits.softmax(-1) - F.one_hot(targets, logits.shape[-1])) / logits.shape[0]
- right:
    z = logits.clone().requires_grad_()
    F.cross_entropy(z, targets).backward()
    return z.grad
- in-place:
    logits[range(len(targets)), targets] -= 1
    return logits.softmax(-1) / len(targets)
accumulate(model, batches)
    n = sum((batch.targets != -100).sum() for batch in batches)
    def loss(batch, **how):
        logits = model(batch.tokens, mask=batch.mask)
        return F.cross_entropy(logits.mT, batch.targets, **how)
- right:
    model.zero_grad(set_to_none=False)
    parts = [loss(batch) * (batch.targets != -100).sum() / n for batch in batches]
    [part.backward() for part in parts]
    return sum(part.detach() for part in parts).item()
- right:
    model.zero_grad()
    parts = [loss(batch, reduction="sum") for batch in batches]
    [part.backward() for part in parts]
    for p in model.parameters():
        p.grad /= n
    return sum(map(float, parts)) / int(n)
- right:
    model.zero_grad()
    whole = sum(loss(batch, reduction="sum") for batch in batches) / n
    whole.backward()
    return whole.item()
- no-backward: (sum(loss(batch, reduction="sum") for batch in batches) / n).item()
clip_by_global_norm(gradients, largest)
    norm = torch.cat([g.flatten() for g in gradients]).norm()
- right: [g * torch.clamp(largest / (norm + 1e-6), max=1.0) for g in gradients]
- right: gradients if norm <= largest else [g / norm * largest for g in gradients]
- in-place: [g.mul_((largest / (norm + 1e-6)).clamp(max=1.0)) for g in gradients]
- ? "gives a Tensor. A list of the tensors, scaled, is right": gradients[0]
# Lesson 18
simple_generate(model, tokens, n, choose, stop=None)
- right:
    ids = torch.tensor([tokens])
    while ids.shape[1] < len(tokens) + n:
        token = torch.as_tensor(choose(model(ids).squeeze(0)[-1]))
        if stop is not None and token.item() == stop:
            return ids[0].tolist()
        ids = torch.cat([ids, token.reshape(1, 1)], dim=1)
    return ids.squeeze(0)
- right:
    if n == 0: return [*tokens]
    token = choose(model(torch.tensor([tokens]))[:, -1].flatten())
    if token == stop: return [*tokens]
    return simple_generate(model, [*tokens, token], n - 1, choose, stop)
- ? "gives no list of token ids": model(torch.tensor([tokens]))
nucleus_size(probabilities, top_p)
- right:
    before = [[0, *accumulate(sorted(row, reverse=True))][:-1] for row in probabilities.tolist()]
    return torch.tensor([sum(mass < top_p for mass in row) for row in before])
# Lesson 19
tokens_that_fit(config, free, bytes_per_number=2)
    per_layer = config.n_kv_heads * (config.dim // config.n_heads) * bytes_per_number
- right: int(free / sum(2 * per_layer for _ in range(config.n_layers)))
write_greedily(model, prompt, n)
    cache, piece, out = KVCache(model.config, 1), torch.tensor([prompt]), []
- right:
    for _ in range(n):
        piece = model(piece, cache)[:, -1].softmax(-1).argmax(-1, keepdim=True)
        out.append(piece)
    return torch.cat(out, dim=1)
- ? "'Llama' object has no attribute 'generate'": model.generate(prompt, n)
keep_beginning(cache, old, new)
    n = len(os.path.commonprefix([old, new[:-1]]))
- right: cache.position = n; return new[n:]
- right: cache.advance(n - len(old)); return new[n:]
"""

test_an_answer_gets_its_verdict = verdicts(ANSWERS)
