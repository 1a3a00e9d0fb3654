"""Answers to the checks of training and sampling, written from scratch and in other styles."""

from answering import verdicts

ANSWERS = """
# The optimizer
adamw_step(p, g, m, v, t, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8)
    b1, b2 = betas
- right:
    p, m, v = p.clone(), m.clone(), v.clone()
    p.mul_(1 - lr * weight_decay)
    m.lerp_(g, 1 - b1)
    v.mul_(b2).addcmul_(g, g, value=1 - b2)
    p.addcdiv_(m, (v.sqrt() / math.sqrt(1 - b2**t)).add_(eps), value=-lr / (1 - b1**t))
    return p, m, v
- right:
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
    return [p - lr * (m_hat / (torch.sqrt(v_hat) + eps) + weight_decay * p), m, v]
~ ? "gives a Tensor. Three tensors are right": p - lr * m_hat / (torch.sqrt(v_hat) + eps)
~ in-place: m, v = b1 * m + (1 - b1) * g => m, v = m.mul_(b1).add_(g, alpha=1 - b1)
parameter_groups(model, weight_decay)
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    decay = [weight_decay * (p.ndim > 1) for _, p in named]
- right: [{"params": [p], "weight_decay": w} for (_, p), w in zip(named, decay)]
- right: [{"params": p, "weight_decay": w} for (_, p), w in zip(named, decay)]
- right:
    return ({"params": [(n, p) for n, p in named if p.dim() == 1], "weight_decay": 0.0},
            {"params": [(n, p) for n, p in named if p.dim() != 1], "weight_decay": weight_decay})
- copies: [{"params": [p.detach()], "weight_decay": w} for (_, p), w in zip(named, decay)]
learning_rate(step, *, peak, warmup, total, floor_ratio=0.0)
    start = warmup - 1 if warmup else 0
    done = max(0, step - start) / max(1, total - 1 - start)
    curve = lambda low: peak * ((step + 1) / warmup if step < warmup else low)
- right:
    if step < 0 or total < 1 or warmup < 0 or warmup > total:
        raise ValueError("no curve")
    if step < warmup:
        return np.float64(peak) * (step + 1) / warmup
    return peak * (floor_ratio + (1 - floor_ratio) * np.cos(min(done, 1) * np.pi / 2) ** 2)
~ a-tensor: torch.tensor(peak * np.cos(min(done, 1) * np.pi / 2) ** 2)
- floor-cuts-off: curve(max(floor_ratio, (1 + math.cos(min(done, 1) * math.pi)) / 2))
- linear: curve(floor_ratio + (1 - floor_ratio) * max(0, 1 - done))
- rises-again: curve((1 + floor_ratio + (1 - floor_ratio) * math.cos(math.pi * done)) / 2)
- ? "ZeroDivisionError":
    low = floor_ratio + (1 - floor_ratio) * (1 + math.cos(math.pi * min(done, 1))) / 2
    return peak * min((step + 1) / warmup, low)
# As nanoGPT and transformers have it, and as many write it.
learning_rate(step, *, peak, warmup, total, floor_ratio=0.0)
    done = min(1, max(0, step - warmup) / max(1, total - warmup))
    low = peak * (floor_ratio + (1 - floor_ratio) * (1 + math.cos(math.pi * done)) / 2)
- all-a-step-late: peak * (step + 1) / (warmup + 1) if step < warmup else low
- starts-at-step-1: peak * step / warmup if step < warmup else low
- never-ends: peak * (step + 1) / warmup if step < warmup else low
# Batches
pack(sizes, capacity)
    rows = []
    room = lambda row: capacity - sum(sizes[j] for j in row)
- right:
    for i, size in enumerate(sizes):
        row = min((row for row in rows if room(row) >= size), key=room, default=[])
        rows += [] if row else [row]
        row.append(i)
    return rows
~ in-place: rows += => sizes.sort(); rows +=
- right:
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        fitting = [row for row in rows if room(row) >= sizes[i]] or [rows.append([]) or rows[-1]]
        min(fitting, key=room).append(i)
    return tuple(tuple(row) for row in rows)
- ? "it gives .* is right":
    flat = [i for i, size in enumerate(sizes) for _ in range(size)]
    return [sorted({*flat[k : k + capacity]}) for k in range(0, len(flat) - capacity, capacity)]
WindowBatches
- right:
    class WindowBatches:
        def __init__(self, tokens, seq_len, batch_size, seed):
            self.text = torch.tensor(np.asarray(tokens, dtype=np.int64))
            self.seq_len, self.batch_size, self.seed = seq_len, batch_size, seed
            self.generator = torch.Generator()
        def batch(self, step):
            self.generator.manual_seed(self.seed * 1_000_003 + step)
            n = self.seq_len
            starts = torch.randint(len(self.text) - n, (self.batch_size,), generator=self.generator)
            rows = torch.stack([self.text[i : i + n + 1] for i in starts])
            return Batch(rows[:, :-1], rows[:, 1:], None)
PackedBatches
- right:
    class PackedBatches:
        def __init__(self, documents, seq_len, batch_size, seed):
            self.seq_len, self.batch_size, self.seed = seq_len, batch_size, seed
            parts = []
            for number in range(len(documents)):
                places = [(a, b, number) for a, b in pairwise(documents[number].tolist())]
                parts += [places[i : i + seq_len] for i in range(0, len(places), seq_len)]
            random.Random(seed).shuffle(parts)
            rows = pack([len(part) for part in parts], seq_len)
            self.rows = [[place for i in row for place in parts[i]] for row in rows]
            self.steps_per_epoch = math.ceil(len(self.rows) / batch_size)
            self.efficiency = sum(map(len, self.rows)) / seq_len / len(self.rows)
        def batch(self, step):
            epoch, i = divmod(step, self.steps_per_epoch)
            rows = random.Random(f"{self.seed} {epoch}").sample(self.rows, len(self.rows))
            rows = rows[i * self.batch_size : (i + 1) * self.batch_size]
            rows = [row + [(0, -100, -1)] * (self.seq_len - len(row)) for row in rows]
            tokens, targets, documents = torch.tensor(rows).unbind(2)
            return Batch(tokens, targets, documents)
~ right:
    len(row)) for row in rows] => len(row)) for row in map(own, rows)]
    epoch, i = => own = lambda row: [(*ab, [*zip(*row)][2].index(n)) for *ab, n in row]; epoch, i =
~ padding-learnt: (0, -100, -1) => (0, 0, -1)
~ padding-in-document: (0, -100, -1) => (0, -100, row[-1][2])
~ not-every-document-once:
    {epoch}").sample(self.rows, len(self.rows)) => {step}").choices(self.rows, k=len(self.rows))
# From logits to a token
apply_repetition_penalty(logits, seen, penalty)
- right:
    out = logits.clone()
    out[seen & (logits < 0)] *= penalty
    out[seen & (logits > 0)] /= penalty
    return out
- in-place:
    logits[seen] = torch.where(logits > 0, logits / penalty, logits * penalty)[seen]
    return logits
apply_temperature(logits, temperature)
- right: torch.stack([row.div(temperature) for row in logits])
apply_top_k(logits, top_k)
    limit = torch.sort(logits, -1, True).values[:, min(top_k, logits.shape[1]) - 1, None]
- right: torch.where(logits >= limit, logits, torch.tensor(float("-inf"), dtype=logits.dtype))
- not-infinite: torch.where(logits >= limit, logits, torch.finfo(logits.dtype).min)
- in-place: logits[logits < limit] = -math.inf; return logits
apply_top_p(logits, top_p)
    def shifted(logits, shift=True):
        ordered, ids = torch.sort(logits, dim=-1, descending=True, stable=True)
        remove = ordered.softmax(-1).cumsum(-1) >= top_p
        if shift:
            remove = torch.cat([torch.zeros_like(remove[:, :1]), remove[:, :-1]], dim=-1)
        return logits.masked_fill(torch.empty_like(remove).scatter_(1, ids, remove), -math.inf)
- right: shifted(logits)
- right:
    out = torch.full_like(logits, -math.inf)
    for row, target in zip(logits, out):
        p = row.double().softmax(-1).tolist()
        ids = sorted(range(len(p)), key=lambda i: -p[i])
        before = accumulate((p[i] for i in ids), initial=0.0)
        kept = [i for i, mass in zip(ids, before) if mass < top_p - 1e-9]
        target[kept] = row[kept]
    return out
- crossing-dropped: shifted(logits, False)
# An unstable sort may turn many equals round, and leave few as they are.
- sort-not-stable: shifted(logits) if logits.shape[1] < 16 else shifted(logits.flip(-1)).flip(-1)
apply_min_p(logits, min_p)
- right: logits.where(logits >= logits.amax(-1, keepdim=True) + math.log(min_p) - 1e-9, -math.inf)
- right:
    ratios = [row.softmax(0) / row.softmax(0).max() for row in logits]
    return torch.stack([x.masked_fill(r < min_p, -math.inf) for x, r in zip(logits, ratios)])
- in-place: logits[logits - logits.amax(-1, keepdim=True) < math.log(min_p)] = 0; return logits
apply_no_repeat_ngram(logits, texts, size)
    out = logits.clone()
- right:
    for row, text in zip(out, texts):
        followers = {}  # as transformers has it
        for gram in zip(*[text[i:] for i in range(size)]):
            followers.setdefault(gram[:-1], set()).add(gram[-1])
        banned = followers.get(tuple(text[len(text) - size + 1 :]), set())
        if len(banned) < len(row):
            row[list(banned)] = -math.inf
    return out

next_token_probabilities(logits, texts, s)
    seen = torch.tensor([[i in text for i in range(logits.shape[1])] for text in texts])
    penalty = lambda x: apply_repetition_penalty(x, seen, s.repetition_penalty)
    ban = lambda x: apply_no_repeat_ngram(x, texts, s.no_repeat_ngram) if s.no_repeat_ngram else x
    heat = lambda x: x / (s.temperature or 1e-30)
    cut_k = lambda x: apply_top_k(x, s.top_k or x.shape[1])
    def after(logits, *steps):
        for step in steps:
            logits = step(logits)
        if s.temperature == 0:
            return torch.eye(logits.shape[1], dtype=logits.dtype)[logits.argmax(-1)]
        logits = apply_min_p(apply_top_p(logits, s.top_p), s.min_p)
        weights = (logits - logits.amax(-1, keepdim=True)).exp()
        return weights / weights.sum(-1, keepdim=True)
- right: after(logits, penalty, ban, heat, cut_k)
- right: after(logits, ban, penalty, heat, cut_k)
- right: after(logits, penalty, ban, cut_k, heat)
draw(probabilities, generators)
    points = torch.stack([torch.rand(1, generator=g, dtype=torch.float64) for g in generators])
    ends = probabilities.double().cumsum(-1)
- right: (ends / ends[:, -1:] <= points).sum(-1)
- one-too-low: (ends <= points).sum(-1) - 1
- generators-not-used: torch.multinomial(probabilities, 1).squeeze(-1)
- right:
    ordered, ids = probabilities.double().sort(descending=True)  # likeliest first
    ends = ordered.cumsum(-1)
    return ids.gather(1, torch.searchsorted(ends / ends[:, -1:], points, right=True))[:, 0]
draw(probabilities, generators)
- right:
    points = [torch.rand((), generator=g).item() for g in generators]
    ends = [[*accumulate(row)] for row in probabilities.tolist()]
    found = [min(bisect_right(e, p), bisect_left(e, e[-1])) for e, p in zip(ends, points)]
    return torch.tensor(found)
# Each beginning has a cache of its own, which is copied where several go on from one.
beam_search(model, tokens, n_beams, *, max_new_tokens=256, length_penalty=1.0, stop=())
    room = model.config.max_seq_len - len(tokens)
    fits = len(tokens) > 0 and room >= 0 and set(tokens) <= set(range(model.config.vocab_size))
    if n_beams < 1 or not fits:
        raise ValueError("no beams")
- right:
    steps_left = min(max_new_tokens, room)
    going, ended = [(0.0, [], KVCache(model.config, 1))], []
    for length in range(1, steps_left + 1):
        steps = []
        for total, text, cache in going:
            logits = model(torch.tensor([text[-1:] or tokens]), cache)
            log_p = logits[0, -1].double().log_softmax(-1)
            steps += [(total + p, [*text, i], cache) for i, p in enumerate(log_p.tolist())]
        steps.sort(key=lambda step: step[0], reverse=True)
        for total, text, _ in steps[:n_beams]:
            if text[-1] in stop or length == steps_left:
                ended.append((text, total / length**length_penalty))
        ended = sorted(ended, key=lambda pair: pair[1], reverse=True)[:n_beams]
        going = [step for step in steps if step[1][-1] not in stop][:n_beams]
        going = [(total, text, copy.deepcopy(cache)) for total, text, cache in going]
        at_length = steps_left if length_penalty > 0 else length + 1
        hope = going[0][0] / at_length**length_penalty if going else -math.inf
        if len(ended) == n_beams and hope <= ended[-1][1]:
            break
    return ended
~ ? "no list of pairs": [text for text, _ in ended]
~ beyond-the-context: min(max_new_tokens, room) => max_new_tokens
~ greedy: steps_left = min( => n_beams = 1; steps_left = min(
~ length-ignored: steps_left = min( => length_penalty = 0; steps_left = min(
~ without-cache:
    model(torch.tensor([text[-1:] or tokens]), cache) => model(torch.tensor([[*tokens, *text]]))
    hope <= ended[-1][1] => not going
"""

test_an_answer_gets_its_verdict = verdicts(ANSWERS)
