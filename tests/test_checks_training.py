"""Checks of training and sampling against answers written from scratch, in other styles.

What is right must pass however it is written; what is wrong must fail, and common mistakes must be
named although nobody made them by an edit of the reference.
"""

import math
import random
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from answering import Answers, verdicts_of
from torch import nn

from minillama.data import Batch

answers = Answers()


# adamw_step


@answers("adamw_step")
def pytorch_style(
    parameter, gradient, mean, mean_square, step, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8
):
    p, m, v = parameter.clone(), mean.clone(), mean_square.clone()
    p.mul_(1 - lr * weight_decay)
    m.lerp_(gradient, 1 - betas[0])
    v.mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
    denominator = (v.sqrt() / math.sqrt(1 - betas[1] ** step)).add_(eps)
    p.addcdiv_(m, denominator, value=-lr / (1 - betas[0] ** step))
    return p, m, v


@answers("adamw_step")
def as_the_paper_prints_it(theta, g, m, v, t, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8):
    b1, b2 = betas
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
    return [theta - lr * (m_hat / (torch.sqrt(v_hat) + eps) + weight_decay * theta), m, v]


@answers("adamw_step", "decay-in-gradient")
def l2(p, g, m, v, t, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8):
    g = g.add(p, alpha=weight_decay)
    m, v = torch.lerp(g, m, betas[0]), torch.lerp(g.pow(2), v, betas[1])
    return p - lr / (1 - betas[0] ** t) * m / (torch.sqrt(v / (1 - betas[1] ** t)) + eps), m, v


@answers("adamw_step", "decay-divided")
def often_printed(p, g, m, v, t, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8):
    m = m + (1 - betas[0]) * (g - m)
    v = v + (1 - betas[1]) * (g**2 - v)
    update = (m / (1 - betas[0] ** t) + weight_decay * p) / (eps + (v / (1 - betas[1] ** t)) ** 0.5)
    return p - lr * update, m, v


@answers("adamw_step", "decay-without-lr")
def decay_of_everything(p, g, m, v, t, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8):
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g.square()
    step = (m / (1 - betas[0] ** t)) / (torch.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p * (1 - weight_decay) - lr * step, m, v


@answers("adamw_step", "no-bias-correction")
def uncorrected(p, g, m, v, t, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8):
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g.square()
    return p - lr * (m / (torch.sqrt(v) + eps) + weight_decay * p), m, v


@answers("adamw_step", "eps-inside-root")
def eps_within(p, g, m, v, t, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8):
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g.square()
    root = torch.sqrt(v / (1 - betas[1] ** t) + eps)
    return (1 - lr * weight_decay) * p - lr * m / (1 - betas[0] ** t) / root, m, v


@answers("adamw_step", "corrected-returned")
def corrected_in_place(p, g, m, v, t, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8):
    m = (betas[0] * m + (1 - betas[0]) * g) / (1 - betas[0] ** t)
    v = (betas[1] * v + (1 - betas[1]) * g**2) / (1 - betas[1] ** t)
    return (1 - lr * weight_decay) * p - lr * m / (v.sqrt() + eps), m, v


@answers("adamw_step", "step-counted-from-0")
def a_step_ahead(p, g, m, v, t, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8):
    t += 1
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g**2
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return (1 - lr * weight_decay) * p - lr * m_hat / (v_hat.sqrt() + eps), m, v


@answers("adamw_step", "betas-swapped")
def the_other_beta(p, g, m, v, t, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8):
    b2, b1 = betas
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
    step = (m / (1 - betas[0] ** t)) / (torch.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p - lr * step - lr * weight_decay * p, m, v


@answers("adamw_step", "in-place")
def writes_into_its_input(p, g, m, v, t, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8):
    m.mul_(betas[0]).add_(g, alpha=1 - betas[0])
    v.mul_(betas[1]).addcmul_(g, g, value=1 - betas[1])
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return (1 - lr * weight_decay) * p - lr * m_hat / (v_hat.sqrt() + eps), m, v


@answers("adamw_step", "?")
def only_the_weight(p, g, m, v, t, *, lr, weight_decay, betas=(0.9, 0.95), eps=1e-8):
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g**2
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return (1 - lr * weight_decay) * p - lr * m_hat / (v_hat.sqrt() + eps)


# parameter_groups


@answers("parameter_groups")
def one_group_each(model, weight_decay):
    return [
        {"params": [p], "weight_decay": weight_decay if p.dim() > 1 else 0}
        for p in model.parameters()
        if p.requires_grad
    ]


@answers("parameter_groups")
def vectors_first_and_by_name(model, weight_decay):
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    vectors = [(n, p) for n, p in named if len(p.shape) == 1]
    matrices = [(n, p) for n, p in named if len(p.shape) != 1]
    return (
        {"params": vectors, "weight_decay": 0.0},
        {"params": matrices, "weight_decay": weight_decay},
    )


@answers("parameter_groups", "three-axes-lost")
def matrices_and_vectors(model, weight_decay):
    decay, rest = [], []
    for p in model.parameters():
        if p.requires_grad and p.ndim == 2:
            decay.append(p)
        elif p.requires_grad and p.ndim < 2:
            rest.append(p)
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0}]


@answers("parameter_groups", "params-used-up")
def in_generators(model, weight_decay):
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": (p for p in parameters if p.ndim > 1), "weight_decay": weight_decay},
        {"params": filter(lambda p: p.ndim < 2, parameters), "weight_decay": 0.0},
    ]


@answers("parameter_groups")
def each_by_itself(model, weight_decay):
    parameters = filter(lambda p: p.requires_grad, model.parameters())
    return [{"params": p, "weight_decay": weight_decay * (p.ndim > 1)} for p in parameters]


@answers("parameter_groups", "a-generator")
def one_after_the_other(model, weight_decay):
    parameters = [p for p in model.parameters() if p.requires_grad]
    yield {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay}
    yield {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0}


@answers("parameter_groups", "vectors-lost")
def gone_through_twice(model, weight_decay):
    parameters = (p for p in model.parameters() if p.requires_grad)
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


@answers("parameter_groups", "left-to-default")
def second_group_without_decay(model, weight_decay):
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2]},
    ]


@answers("parameter_groups", "only-norms-spared")
def by_the_name_norm(model, weight_decay):
    decay, rest = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (rest if "norm" in name else decay).append(parameter)
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


@answers("parameter_groups", "vectors-decay")
def all_in_one(model, weight_decay):
    parameters = filter(lambda p: p.requires_grad, model.parameters())
    return [{"params": list(parameters), "weight_decay": weight_decay}]


@answers("parameter_groups", "embeddings-left-out")
def linear_layers_alone(model, weight_decay):
    embedding = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    groups = [{"params": [], "weight_decay": weight_decay}, {"params": [], "weight_decay": 0.0}]
    for p in model.parameters():
        if p.requires_grad:
            groups[p.ndim < 2 or id(p) in embedding]["params"].append(p)
    return groups


@answers("parameter_groups", "frozen-included")
def frozen_too(model, weight_decay):
    matrices, vectors = [], []
    for p in model.parameters():
        (matrices if p.ndim > 1 else vectors).append(p)
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


@answers("parameter_groups", "tied-twice")
def module_by_module(model, weight_decay):
    matrices, vectors = [], []
    for module in model.modules():
        for p in module.parameters(recurse=False):
            if p.requires_grad:
                (matrices if p.ndim > 1 else vectors).append(p)
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


@answers("parameter_groups", "copies")
def detached(model, weight_decay):
    parameters = [p.detach() for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


# learning_rate


@answers("learning_rate")
def with_numpy(step, *, peak, warmup, total, floor_ratio=0.0):
    if step < 0 or total < 1 or warmup < 0 or warmup > total:
        raise ValueError("no curve")
    if step < warmup:
        return np.float64(peak) * (step + 1) / warmup
    start = warmup - 1 if warmup else 0
    fraction = np.clip((step - start) / max(total - 1 - start, 1), 0, 1)
    return peak * (floor_ratio + (1 - floor_ratio) * np.cos(fraction * np.pi / 2) ** 2)


@answers("learning_rate", "anything-accepted")
def trusts_the_caller(step, *, peak, warmup, total, floor_ratio=0.0):
    start = max(warmup - 1, 0)
    if step < warmup or total - 1 <= start:
        return peak * min(step + 1, max(warmup, 1)) / max(warmup, 1)
    fraction = min((step - start) / (total - 1 - start), 1)
    return peak * (floor_ratio + (1 - floor_ratio) * (1 + math.cos(fraction * math.pi)) / 2)


@answers("learning_rate", "a-tensor")
def with_torch(step, *, peak, warmup, total, floor_ratio=0.0):
    return torch.tensor(with_numpy(step, peak=peak, warmup=warmup, total=total))


@answers("learning_rate", "all-a-step-late")
def as_nanogpt(step, *, peak, warmup, total, floor_ratio=0.0):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    if step > total:
        return peak * floor_ratio
    ratio = (step - warmup) / (total - warmup) if total > warmup else 0
    return floor_ratio * peak + 0.5 * (1 + math.cos(math.pi * ratio)) * (1 - floor_ratio) * peak


@answers("learning_rate", "starts-at-step-1")
def as_transformers(step, *, peak, warmup, total, floor_ratio=0.0):
    if step < warmup:
        return peak * step / max(1, warmup)
    progress = (step - warmup) / max(1, total - warmup)
    factor = max(0.0, 0.5 * (1 + math.cos(math.pi * min(1, progress))))
    return peak * (floor_ratio + factor * (1 - floor_ratio))


@answers("learning_rate", "never-ends")
def last_step_above_the_floor(step, *, peak, warmup, total, floor_ratio=0.0):
    if step < warmup:
        return peak / warmup * (step + 1)
    progress = min(1, (step - warmup) / max(1, total - warmup))
    low = peak * floor_ratio
    return low + (peak - low) * (1 + math.cos(progress * math.pi)) / 2


@answers("learning_rate", "floor-cuts-off")
def at_least_the_floor(step, *, peak, warmup, total, floor_ratio=0.0):
    if step < warmup:
        return peak / warmup * (step + 1)
    top = max(warmup - 1, 0)
    progress = min(1, (step - top) / max(1, total - 1 - top))
    return max(floor_ratio * peak, peak * (1 + math.cos(progress * math.pi)) / 2)


@answers("learning_rate", "linear")
def straight_down(step, *, peak, warmup, total, floor_ratio=0.0):
    top = max(warmup - 1, 0)
    if step < warmup:
        return peak / warmup * (step + 1)
    left = max(0, (total - 1 - step) / max(1, total - 1 - top))
    return peak * (floor_ratio + (1 - floor_ratio) * left) if total - 1 > top else peak


@answers("learning_rate", "rises-again")
def along_the_cosine(step, *, peak, warmup, total, floor_ratio=0.0):
    top = max(warmup - 1, 0)
    if step <= top:
        return peak * (step + 1) / (top + 1)
    angle = math.pi * (step - top) / (total - 1 - top)
    return peak * ((1 + floor_ratio) / 2 + (1 - floor_ratio) / 2 * math.cos(angle))


@answers("learning_rate", "?")
def fails_without_warm_up(step, *, peak, warmup, total, floor_ratio=0.0):
    up = (step + 1) / warmup
    fraction = min(max(step + 1 - warmup, 0) / max(total - warmup, 1), 1)
    return peak * min(up, floor_ratio + (1 - floor_ratio) * (1 + math.cos(math.pi * fraction)) / 2)


# pack


@answers("pack")
def best_fit_by_search(sizes, capacity):
    rows, rooms = [], []
    for i, size in enumerate(sizes):
        best = min(
            (r for r in range(len(rows)) if rooms[r] >= size), key=rooms.__getitem__, default=None
        )
        if best is None:
            rows.append([i])
            rooms.append(capacity - size)
        else:
            rows[best].append(i)
            rooms[best] -= size
    return rows


@answers("pack")
def best_fit_of_descending_sizes(sizes, capacity):
    rows = []
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        fitting = [row for row in rows if sum(sizes[j] for j in row) + sizes[i] <= capacity]
        if fitting:
            max(fitting, key=lambda row: sum(sizes[j] for j in row)).append(i)
        else:
            rows.append([i])
    return tuple(tuple(row) for row in rows)


@answers("pack", "next-fit")
def fill_then_close(sizes, capacity):
    rows, used = [], capacity
    for i, size in enumerate(sizes):
        if used + size > capacity:
            rows.append([])
            used = 0
        rows[-1].append(i)
        used += size
    return rows


@answers("pack", "first-fit")
def first_row_with_room(sizes, capacity):
    rows = []
    for i, size in enumerate(sizes):
        for row in rows:
            if sum(sizes[j] for j in row) + size <= capacity:
                row.append(i)
                break
        else:
            rows.append([i])
    return rows


@answers("pack", "worst-fit")
def emptiest_row(sizes, capacity):
    rows = []
    for i, size in enumerate(sizes):
        row = min(rows, key=lambda row: sum(sizes[j] for j in row), default=[])
        if row and sum(sizes[j] for j in row) + size <= capacity:
            row.append(i)
        else:
            rows.append([i])
    return rows


@answers("pack", "next-fit-last-row-lost")
def forgets_the_open_row(sizes, capacity):
    rows, row, used = [], [], 0
    for i, size in enumerate(sizes):
        if used + size > capacity:
            rows.append(row)
            row, used = [], 0
        row.append(i)
        used += size
    return rows


@answers("pack", "?")
def splits_and_drops(sizes, capacity):
    flat = [i for i, size in enumerate(sizes) for _ in range(size)]
    return [sorted(set(flat[k : k + capacity])) for k in range(0, len(flat) - capacity, capacity)]


@answers("pack", "split")
def as_a_stream(sizes, capacity):
    flat = [i for i, size in enumerate(sizes) for _ in range(size)]
    return [sorted(set(flat[k : k + capacity])) for k in range(0, len(flat), capacity)]


@answers("pack", "in-place")
def sorts_its_input(sizes, capacity):
    sizes.sort(reverse=True)
    return best_fit_by_search(sizes, capacity)


# WindowBatches


class Windows:
    """Right; wrong ones below change one thing."""

    shift, end, per_step = 1, 0, True

    def __init__(self, tokens, seq_len, batch_size, seed):
        self.text = torch.tensor(np.asarray(tokens, dtype=np.int64))
        self.seq_len, self.batch_size, self.seed = seq_len, batch_size, seed
        self.generator = torch.Generator().manual_seed(seed)

    def batch(self, step):
        if self.per_step:
            self.generator.manual_seed(self.seed * 1_000_003 + step)
        high = len(self.text) - self.seq_len + self.end
        starts = torch.randint(high, (self.batch_size,), generator=self.generator).tolist()
        x = torch.stack([self.text[i : i + self.seq_len] for i in starts])
        y = torch.stack([self.text[i + self.shift : i + self.shift + self.seq_len] for i in starts])
        return Batch(x, y, None)


answers("WindowBatches")(Windows)


@answers("WindowBatches", "targets-not-shifted")
class NotShifted(Windows):
    shift = 0


@answers("WindowBatches", "shifted-twice")
class ShiftedTwice(Windows):
    shift, end = 2, -1


@answers("WindowBatches", "last-window-missed")
class LastMissed(Windows):
    end = -1


@answers("WindowBatches", "depends-on-calls")
class OneGenerator(Windows):
    per_step = False


@answers("WindowBatches", "same-every-step")
class SameEveryStep(Windows):
    def batch(self, step):
        return super().batch(0)


@answers("WindowBatches", "seed-plus-step")
class SeedPlusStep(Windows):
    def batch(self, step):
        self.seed, seed = 0, self.seed
        batch = super().batch(seed + step)
        self.seed = seed
        return batch


@answers("WindowBatches", "unseeded")
class Unseeded(Windows):
    per_step = False

    def __init__(self, *args):
        super().__init__(*args)
        self.generator = None


# PackedBatches


class Packed:
    """Right, with rows as lists of triples; wrong ones below change one thing."""

    places = 1  # how many tokens of a document have none
    whole_batches = False

    def __init__(self, documents, seq_len, batch_size, seed):
        self.seq_len, self.batch_size, self.seed = seq_len, batch_size, seed
        parts = [p for n in range(len(documents)) for p in self.parts(n, documents[n].tolist())]
        random.Random(seed).shuffle(parts)
        rows = best_fit_by_search([len(part) for part in parts], seq_len)
        self.rows = [[place for i in row for place in parts[i]] for row in rows]

    def parts(self, number, ids):
        places = [(a, b, number) for a, b in pairwise(ids)]
        return [places[i : i + self.seq_len] for i in range(0, len(places), self.seq_len)]

    def order(self, step, epoch):
        return random.Random(f"{self.seed} {epoch}").sample(self.rows, len(self.rows))

    @property
    def steps_per_epoch(self):
        if self.whole_batches:
            return max(1, len(self.rows) // self.batch_size)
        return math.ceil(len(self.rows) / self.batch_size)

    @property
    def efficiency(self):
        return sum(map(len, self.rows)) / self.seq_len / len(self.rows)

    def batch(self, step):
        epoch, i = divmod(step, self.steps_per_epoch)
        rows = self.order(step, epoch)[i * self.batch_size : (i + 1) * self.batch_size]
        rows = [row + [self.empty(row)] * (self.seq_len - len(row)) for row in rows]
        return Batch(*torch.tensor(rows).permute(2, 0, 1))

    def empty(self, row):
        return (0, -100, -1)


answers("PackedBatches")(Packed)


@answers("PackedBatches")
class NumberedByRow(Packed):
    def batch(self, step):
        batch = super().batch(step)
        rows = [row.unique(return_inverse=True)[1] for row in batch.documents]
        documents = torch.stack(rows).masked_fill(batch.documents == -1, -1)
        return Batch(batch.tokens, batch.targets, documents)


@answers("PackedBatches", "targets-not-shifted")
class TargetsAreTokens(Packed):
    def parts(self, number, ids):
        return [[(a, a, n) for a, _, n in part] for part in super().parts(number, ids)]


@answers("PackedBatches", "target-crosses")
class EndToEnd(Packed):
    def parts(self, number, ids):
        return [
            [(a, None, number) for a in ids[i : i + self.seq_len]]
            for i in range(0, len(ids), self.seq_len)
        ]

    def __init__(self, *args):
        super().__init__(*args)
        for row in self.rows:
            following = [a for a, _, _ in row[1:]] + [-100]
            row[:] = [(a, b, n) for (a, _, n), b in zip(row, following, strict=True)]


@answers("PackedBatches", "lost-at-cuts")
class PiecesOfOneMore(Packed):
    def parts(self, number, ids):
        size = self.seq_len + 1
        pieces = [ids[i : i + size] for i in range(0, len(ids), size)]
        return [p for piece in pieces for p in super(PiecesOfOneMore, self).parts(number, piece)]


@answers("PackedBatches", "cut-too-early")
class PiecesOfSeqLen(Packed):
    def parts(self, number, ids):
        size = self.seq_len
        pieces = [ids[i : i + size] for i in range(0, len(ids), size)]
        return [p for piece in pieces for p in super(PiecesOfSeqLen, self).parts(number, piece)]


@answers("PackedBatches", "long-left-out")
class OnlyShort(Packed):
    def parts(self, number, ids):
        return super().parts(number, ids) if len(ids) <= self.seq_len + 1 else []


@answers("PackedBatches", "not-numbered")
class NumbersLost(Packed):
    def parts(self, number, ids):
        return super().parts(0, ids)


@answers("PackedBatches", "padding-learnt")
class PaddingLearnt(Packed):
    def empty(self, row):
        return (0, 0, -1)


@answers("PackedBatches", "padding-in-document")
class PaddingInDocument(Packed):
    def empty(self, row):
        return (0, -100, row[-1][2])


@answers("PackedBatches", "last-batch-lost")
class WholeBatches(Packed):
    whole_batches = True


@answers("PackedBatches", "same-order")
class SameOrder(Packed):
    def order(self, step, epoch):
        return super().order(step, 0)


@answers("PackedBatches", "not-every-document-once")
class DrawnAnew(Packed):
    def order(self, step, epoch):
        return random.Random(f"{self.seed} {step}").choices(self.rows, k=len(self.rows))


@answers("PackedBatches", "depends-on-calls")
class ShufflesAsItGoes(Packed):
    calls = -1

    def batch(self, step):
        self.calls += 1
        return super().batch(self.calls)


@answers("PackedBatches", "a-row-each")
class ARowEach(Packed):
    def __init__(self, *args):
        super().__init__(*args)
        self.rows = [
            [place for place in row if place[2] == number]
            for row in self.rows
            for number in sorted({n for _, _, n in row})
        ]


# The transforms of logits


@answers("apply_repetition_penalty")
def by_masks(logits, seen, penalty):
    out = logits.clone()
    out[seen & (logits < 0)] *= penalty
    out[seen & (logits > 0)] /= penalty
    return out


@answers("apply_repetition_penalty", "always-divided")
def divide(logits, seen, penalty):
    return logits / (1 + (penalty - 1) * seen.to(logits))


@answers("apply_repetition_penalty", "subtracted")
def subtract(logits, seen, penalty):
    return logits - penalty * seen


@answers("apply_repetition_penalty", "rows-mixed")
def once_for_all(logits, seen, penalty):
    out = logits.clone()
    for token in seen.nonzero()[:, 1].unique():
        out[:, token] = torch.where(
            out[:, token] < 0, out[:, token] * penalty, out[:, token] / penalty
        )
    return out


@answers("apply_repetition_penalty", "in-place")
def into_its_input(logits, seen, penalty):
    logits[seen] = torch.where(logits > 0, logits / penalty, logits * penalty)[seen]
    return logits


@answers("apply_temperature")
def divide_by_loop(logits, temperature):
    return torch.stack([row.div(temperature) for row in logits])


@answers("apply_temperature", "multiplied")
def hotter_is_sharper(logits, temperature):
    return torch.mul(logits, temperature)


@answers("apply_temperature", "probabilities")
def with_softmax(logits, temperature):
    return F.softmax(logits / temperature, dim=-1)


@answers("apply_temperature", "probabilities-divided")
def divides_probabilities(logits, temperature):
    return F.softmax(logits, dim=-1) / temperature


@answers("apply_top_k")
def by_sorting(logits, top_k):
    ordered, _ = torch.sort(logits, dim=-1, descending=True)
    limit = ordered[:, min(top_k, logits.size(-1)) - 1].unsqueeze(1)
    return torch.where(logits >= limit, logits, torch.tensor(float("-inf"), dtype=logits.dtype))


@answers("apply_top_k", "equals-cut")
def scatter_the_best(logits, top_k):
    values, ids = torch.topk(logits, min(top_k, logits.shape[-1]), dim=-1)
    return torch.full_like(logits, float("-inf")).scatter_(-1, ids, values)


@answers("apply_top_k", "last-dropped")
def strictly_above(logits, top_k):
    limit = torch.sort(logits, -1, True).values[:, min(top_k, logits.shape[1]) - 1, None]
    return torch.where(logits > limit, logits, -math.inf)


@answers("apply_top_k", "one-too-many")
def index_k(logits, top_k):
    ordered = torch.sort(logits, -1, True).values
    limit = ordered[:, min(top_k, logits.shape[1] - 1), None]
    return torch.where(logits >= limit, logits, -math.inf)


@answers("apply_top_k", "masked-with-0")
def times_the_mask(logits, top_k):
    limit = torch.sort(logits, -1, True).values[:, min(top_k, logits.shape[1]) - 1, None]
    return logits * (logits >= limit)


@answers("apply_top_k", "not-infinite")
def smallest_number(logits, top_k):
    limit = torch.sort(logits, -1, True).values[:, min(top_k, logits.shape[1]) - 1, None]
    return torch.where(logits >= limit, logits, torch.finfo(logits.dtype).min)


@answers("apply_top_k", "over-the-batch")
def of_all_rows(logits, top_k):
    limit = sorted(logits.flatten().tolist())[-min(top_k, logits.numel())]
    return logits.masked_fill(logits < limit, -math.inf)


@answers("apply_top_k", "in-place")
def writes_minus_infinity(logits, top_k):
    limit = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]
    logits[logits < limit] = -math.inf
    return logits


@answers("apply_top_p")
def by_loop(logits, top_p):
    out = torch.full_like(logits, -math.inf)
    for row, target in zip(logits, out, strict=True):
        mass = 0.0
        for i in sorted(range(len(row)), key=lambda i: -row[i].item()):
            if mass >= top_p - 1e-9:
                break
            target[i] = row[i]
            mass += row.double().softmax(-1)[i].item()
    return out


@answers("apply_top_p")
def shifted_mask(logits, top_p):
    ordered, ids = torch.sort(logits, dim=-1, descending=True, stable=True)
    remove = ordered.softmax(-1).cumsum(-1) >= top_p
    remove = torch.cat([torch.zeros_like(remove[:, :1]), remove[:, :-1]], dim=-1)
    mask = torch.empty_like(remove).scatter_(1, ids, remove)
    return logits.masked_fill(mask, -math.inf)


@answers("apply_top_p", "crossing-dropped")
def mask_not_shifted(logits, top_p):
    ordered, ids = torch.sort(logits, dim=-1, descending=True)
    remove = ordered.softmax(-1).cumsum(-1) >= top_p
    return torch.where(torch.empty_like(remove).scatter_(1, ids, remove), -math.inf, logits)


@answers("apply_top_p", "crossing-dropped-unless-first")
def first_always_kept(logits, top_p):
    ordered, ids = torch.sort(logits, dim=-1, descending=True)
    remove = ordered.softmax(-1).cumsum(-1) > top_p
    remove[:, 0] = False
    return logits.masked_fill(torch.empty_like(remove).scatter_(1, ids, remove), -math.inf)


@answers("apply_top_p", "equals-by-higher-id")
def ascending_as_transformers(logits, top_p):
    ordered, ids = torch.sort(logits, descending=False, stable=True)
    remove = ordered.softmax(dim=-1).cumsum(dim=-1) <= (1 - top_p)
    remove[..., -1:] = 0
    return logits.masked_fill(remove.scatter(1, ids, remove), -math.inf)


@answers("apply_top_p", "not-sorted")
def in_order_of_ids(logits, top_p):
    mass = logits.softmax(-1).cumsum(-1) - logits.softmax(-1)
    return torch.where(mass < top_p, logits, -math.inf)


@answers("apply_top_p", "over-the-batch")
def down_the_batch(logits, top_p):
    ordered, ids = torch.sort(logits, dim=-1, descending=True, stable=True)
    p = ordered.softmax(-1)
    remove = p.cumsum(0) - p >= top_p
    return logits.masked_fill(torch.empty_like(remove).scatter_(1, ids, remove), -math.inf)


@answers("apply_top_p", "left-in-sorted-order")
def never_put_back(logits, top_p):
    ordered, _ = torch.sort(logits, dim=-1, descending=True)
    p = ordered.softmax(-1)
    return ordered.masked_fill(p.cumsum(-1) - p >= top_p, -math.inf)


@answers("apply_top_p", "mask-in-sorted-order")
def mask_never_put_back(logits, top_p):
    p = torch.sort(logits.softmax(-1), descending=True).values
    return logits.masked_fill(p.cumsum(-1) - p >= top_p, -math.inf)


@answers("apply_top_p", "probabilities")
def renormalised(logits, top_p):
    p, ids = logits.softmax(-1).sort(descending=True, stable=True)
    p = p * (p.cumsum(-1) - p < top_p)
    return torch.zeros_like(logits).scatter(1, ids, p / p.sum(-1, keepdim=True))


@answers("apply_top_p", "one-too-many")
def shifted_twice(logits, top_p):
    ordered, ids = torch.sort(logits, dim=-1, descending=True)
    p = ordered.softmax(-1)
    remove = p.cumsum(-1) - p >= top_p
    remove[:, 1:] = remove[:, :-1].clone()
    remove[:, 0] = False
    return logits.masked_fill(torch.empty_like(remove).scatter_(1, ids, remove), -math.inf)


@answers("apply_top_p", "sort-not-stable")
def ascending_in_any_order(logits, top_p):
    """As transformers has it, and an unstable sort may leave equals."""
    if logits.shape[1] < 16:
        return ascending_as_transformers(logits, top_p)
    order = torch.randperm(logits.shape[1])
    return ascending_as_transformers(logits[:, order], top_p)[:, order.argsort()]


@answers("apply_top_p", "more-than-reached")
def crossing_kept_in_any_order(logits, top_p):
    """As an unstable sort may turn many equals round, and keep one more where they add up."""
    order = torch.arange(logits.shape[1])
    order = order.flip(0) if len(order) > 16 else order
    ordered, ids = torch.sort(logits[:, order], dim=-1, descending=True, stable=True)
    remove = ordered.softmax(-1).cumsum(-1) > top_p
    remove[:, 1:], remove[:, 0] = remove[:, :-1].clone(), False
    mask = remove.scatter(1, ids, remove)[:, order.argsort()]
    return logits.masked_fill(mask, -math.inf)


@answers("apply_top_p", "sort-not-stable")
def higher_ids_of_many(logits, top_p):
    """An unstable sort may also turn many equals round, and leave few as they are."""
    if logits.shape[1] < 16:
        return shifted_mask(logits, top_p)
    return shifted_mask(logits.flip(-1), top_p).flip(-1)


@answers("apply_top_p", "sort-not-stable")
def equals_in_any_order(logits, top_p):
    """As an unstable sort may leave them, where there are more than a few."""
    order = (
        torch.arange(logits.shape[1]) if logits.shape[1] < 16 else torch.randperm(logits.shape[1])
    )
    return shifted_mask(logits[:, order], top_p)[:, order.argsort()]


# apply_min_p and apply_no_repeat_ngram


@answers("apply_min_p")
def by_logits(logits, min_p):
    limit = logits.amax(-1, keepdim=True) + math.log(min_p)
    return torch.where(logits >= limit - 1e-9, logits, -math.inf)


@answers("apply_min_p")
def row_by_row(logits, min_p):
    out = logits.clone()
    for row in out:
        p = torch.softmax(row, 0)
        row[p / p.max() < min_p] = -float("inf")
    return out


@answers("apply_min_p", "absolute")
def epsilon_sampling(logits, min_p):
    return torch.where(logits.softmax(-1) >= min_p, logits, -torch.inf)


@answers("apply_min_p", "logits-compared")
def share_of_the_logit(logits, min_p):
    return logits.masked_fill(logits < logits.max(-1, keepdim=True)[0] * min_p, float("-inf"))


@answers("apply_min_p", "over-the-batch")
def largest_of_all(logits, min_p):
    p = logits.softmax(-1)
    return logits.masked_fill(p < min_p * p.max(), float("-inf"))


@answers("apply_min_p", "probabilities-cut")
def zeroes_probabilities(logits, min_p):
    p = logits.softmax(-1)
    return p * (p >= min_p * p.max(-1, keepdim=True).values)


@answers("apply_min_p", "in-place")
def writes_into_them(logits, min_p):
    p = logits.softmax(-1)
    logits[p < min_p * p.amax(-1, keepdim=True)] = -math.inf
    return logits


@answers("apply_no_repeat_ngram")
def by_pairs_of_slices(logits, texts, size):
    """With a table of what followed each beginning, as transformers does."""
    out = logits.clone()
    for row, text in zip(out, texts, strict=True):
        followers = {}
        for gram in zip(*[text[i:] for i in range(size)], strict=False):
            followers.setdefault(gram[:-1], set()).add(gram[-1])
        banned = followers.get(tuple(text[len(text) - size + 1 :]), set())
        if len(banned) < len(row):
            row[list(banned)] = -math.inf
    return out


@answers("apply_no_repeat_ngram")
def tries_each_token(logits, texts, size):
    out = logits.clone()
    for b, text in enumerate(texts):
        grams = [text[i : i + size] for i in range(len(text)) if i + size <= len(text)]
        bad = [t for t in range(logits.shape[1]) if [*text, t][-size:] in grams]
        if len(bad) < logits.shape[1]:
            out[b, bad] = float("-inf")
    return out


@answers("apply_no_repeat_ngram", "nothing-left")
def tries_each_token_without_mercy(logits, texts, size):
    out = logits.clone()
    for b, text in enumerate(texts):
        grams = [text[i : i + size] for i in range(len(text)) if i + size <= len(text)]
        out[b, [t for t in range(logits.shape[1]) if [*text, t][-size:] in grams]] = -math.inf
    return out


@answers("apply_no_repeat_ngram", "all-tokens-of-the-text")
def nothing_twice(logits, texts, size):
    out = logits.clone()
    for row, text in zip(out, texts, strict=True):
        if len(text) >= size and len(set(text)) < len(row):
            row[text] = -math.inf
    return out


@answers("apply_no_repeat_ngram", "minus-nothing")
def negative_index(logits, texts, size):
    """text[-(size - 1):] is the whole text for size = 1."""
    out = logits.clone()
    for row, text in zip(out, texts, strict=True):
        latest = text[-(size - 1) :]
        for i in range(len(text) - size + 1):
            if text[i : i + size - 1] == latest:
                row[text[i + size - 1]] = -math.inf
    return out


# next_token_probabilities


def seen_in(texts, logits):
    return torch.tensor([[i in text for i in range(logits.shape[1])] for text in texts])


def in_order(*names):
    """All options of next_token_probabilities by simple means, in some order."""

    def changed(
        logits,
        texts,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        min_p=0.0,
        repetition_penalty=1.0,
        no_repeat_ngram=0,
    ):
        for name in names:
            if name == "penalty":
                logits = by_masks(logits, seen_in(texts, logits), repetition_penalty)
            elif name == "ban" and no_repeat_ngram:
                logits = by_pairs_of_slices(logits, texts, no_repeat_ngram)
            elif name == "greedy" and temperature == 0:
                return torch.eye(logits.shape[1], dtype=logits.dtype)[logits.argmax(-1)]
            elif name == "all equals" and temperature == 0:
                return (logits == logits.max(-1, keepdim=True).values).to(logits)
            elif name == "temperature":
                logits = logits / temperature
            elif name == "small temperature":
                logits = logits / max(temperature, 1e-6)
            elif name == "top-k" and top_k:
                logits = by_sorting(logits, top_k)
            elif name == "top-p":
                logits = shifted_mask(logits, top_p)
            elif name == "min-p" and min_p:
                logits = by_logits(logits, min_p)
        weights = (logits - logits.amax(-1, keepdim=True)).exp()
        return weights / weights.sum(-1, keepdim=True)

    return changed


for names, mistake in {
    "penalty, ban, greedy, temperature, top-k, top-p, min-p": None,
    "ban, penalty, greedy, temperature, top-k, top-p, min-p": None,  # the ban is as infinite
    "penalty, ban, greedy, top-k, temperature, top-p, min-p": None,  # top-k keeps the same
    "penalty, ban, greedy, top-k, top-p, temperature, min-p": "temperature-after-top-p",
    "penalty, ban, greedy, top-k, top-p, min-p, temperature": "temperature-last",
    "penalty, ban, all equals, temperature, top-k, top-p, min-p": "greedy-all-equals",
    "penalty, ban, greedy, temperature, top-p, top-k, min-p": "top-p-before-top-k",
    "penalty, ban, greedy, top-p, top-k, temperature, min-p": "top-p-first",
    "penalty, ban, greedy, temperature, top-k, min-p, top-p": "min-p-before-top-p",
    "penalty, ban, greedy, min-p, temperature, top-k, top-p": "min-p-before-temperature",
    "ban, greedy, temperature, top-k, top-p, min-p, penalty": "penalty-last",
    "ban, greedy, penalty, temperature, top-k, top-p, min-p": "greedy-before-penalty",
    "penalty, greedy, ban, temperature, top-k, top-p, min-p": "greedy-before-ban",
    "penalty, greedy, temperature, top-k, top-p, min-p, ban": "ban-last",
    "penalty, ban, small temperature, top-k, top-p, min-p": "greedy-by-small-temperature",
    "penalty, ban, temperature, top-k, top-p, min-p": "no-greedy",
    "penalty, ban, greedy, temperature, top-k, min-p": "top-p-not-used",
    "penalty, ban, greedy, temperature, top-k, top-p": "min-p-not-used",
    "penalty, greedy, temperature, top-k, top-p, min-p": "ban-not-used",
    "ban, greedy, temperature, top-k, top-p, min-p": "penalty-not-used",
}.items():
    answer = in_order(*names.split(", "))
    answer.__name__ = names
    answers("next_token_probabilities", mistake)(answer)


@answers("next_token_probabilities", "penalty-below-1-ignored")
def only_penalties_above_1(logits, texts, *, repetition_penalty=1.0, **options):
    right = in_order("penalty", "ban", "greedy", "temperature", "top-k", "top-p", "min-p")
    return right(logits, texts, repetition_penalty=max(repetition_penalty, 1.0), **options)


@answers("next_token_probabilities", "only-the-latest-penalised")
def penalises_a_window(logits, texts, *, repetition_penalty=1.0, **options):
    seen = torch.zeros_like(logits, dtype=torch.bool)
    for i, text in enumerate(texts):
        seen[i, list(text)[-64:]] = True
    right = in_order("penalty", "ban", "greedy", "temperature", "top-k", "top-p", "min-p")
    if repetition_penalty != 1:
        logits = by_masks(logits, seen, repetition_penalty)
    return right(logits, texts, **options)


@answers("next_token_probabilities", "empty-text-refused")
def marks_by_a_tensor(logits, texts, *, repetition_penalty=1.0, **options):
    seen = torch.zeros_like(logits).bool()
    if repetition_penalty != 1:
        for row, text in zip(seen, texts, strict=True):
            row[torch.tensor(text)] = True
    logits = by_masks(logits, seen, repetition_penalty)
    right = in_order("ban", "greedy", "temperature", "top-k", "top-p", "min-p")
    return right(logits, texts, **options)


@answers("next_token_probabilities", "greedy-gives-ids")
def ids_for_greedy(logits, texts, temperature=1.0, no_repeat_ngram=0, **options):
    if temperature == 0:
        penalty = options.get("repetition_penalty", 1.0)
        logits = by_masks(logits, seen_in(texts, logits), penalty)
        if no_repeat_ngram:
            logits = by_pairs_of_slices(logits, texts, no_repeat_ngram)
        return logits.argmax(-1)
    right = in_order("penalty", "ban", "temperature", "top-k", "top-p", "min-p")
    return right(logits, texts, temperature, no_repeat_ngram=no_repeat_ngram, **options)


@answers("next_token_probabilities", "logits-given")
def forgets_softmax(logits, texts, temperature=1, top_k=0, top_p=1, min_p=0, **options):
    logits = by_masks(logits, seen_in(texts, logits), options.get("repetition_penalty", 1))
    if options.get("no_repeat_ngram"):
        logits = by_pairs_of_slices(logits, texts, options["no_repeat_ngram"])
    if temperature == 0:
        return (torch.arange(logits.shape[1]) == logits.argmax(-1)[:, None]).to(logits)
    logits = shifted_mask(by_sorting(logits / temperature, top_k or logits.shape[1]), top_p)
    return by_logits(logits, min_p) if min_p else logits


# draw


@answers("draw")
def walk_along(probabilities, generators):
    tokens = []
    for row, g in zip(probabilities.tolist(), generators, strict=True):
        point, token = torch.rand((), generator=g).item(), 0
        last = max(i for i, p in enumerate(row) if p > 0)
        while token < last and point >= row[token]:
            point -= row[token]
            token += 1
        tokens.append(token)
    return torch.tensor(tokens)


@answers("draw")
def count_the_ends_before(probabilities, generators):
    points = torch.stack([torch.rand(1, generator=g, dtype=torch.float64) for g in generators])
    ends = probabilities.double().cumsum(-1)
    return (ends / ends[:, -1:] <= points).sum(-1)


@answers("draw")
def likeliest_first(probabilities, generators):
    points = torch.stack([torch.rand((), generator=g, dtype=torch.float64) for g in generators])
    ordered, ids = probabilities.double().sort(descending=True)
    ends = ordered.cumsum(-1)
    rank = torch.searchsorted(ends / ends[:, -1:], points[:, None], right=True)
    return ids.gather(1, rank)[:, 0]


@answers("draw", "multinomial")
def by_multinomial(probabilities, generators):
    pairs = zip(probabilities, generators, strict=True)
    return torch.stack([torch.multinomial(p, 1, generator=g)[0] for p, g in pairs])


@answers("draw", "generators-not-used")
def one_source(probabilities, generators):
    return torch.multinomial(probabilities, 1).squeeze(-1)


@answers("draw", "likeliest")
def argmax(probabilities, generators):
    return probabilities.max(-1).indices


@answers("draw", "beyond-the-last")
def float32_sums(probabilities, generators):
    points = torch.stack([torch.rand(1, generator=g) for g in generators])
    return (probabilities.float().cumsum(-1) <= points).sum(-1)


@answers("draw", "beyond-the-last")
def float32_points_as_they_are(probabilities, generators):
    u = torch.cat([torch.rand(1, generator=g) for g in generators])
    ends = probabilities.float().cumsum(-1)
    return torch.searchsorted(ends, u[:, None], right=True)[:, 0]


@answers("draw", "beyond-the-last")
def float64_points_as_they_are(probabilities, generators):
    u = torch.cat([torch.rand(1, generator=g, dtype=torch.float64) for g in generators])
    ends = probabilities.double().cumsum(-1)
    return torch.searchsorted(ends, u[:, None], right=True)[:, 0]


@answers("draw", "impossible-token")
def ends_at_or_after(probabilities, generators):
    points = torch.stack([torch.rand(1, generator=g) for g in generators])
    ends = probabilities.double().cumsum(-1)
    return ((ends / ends[:, -1:]) < points).sum(-1)


@answers("draw", "impossible-token")
def without_right(probabilities, generators):
    points = torch.stack([torch.rand(1, generator=g, dtype=torch.float64) for g in generators])
    ends = probabilities.double().cumsum(-1)
    return torch.searchsorted(ends / ends[:, -1:], points)[:, 0]


@answers("draw", "one-too-low")
def starts_before(probabilities, generators):
    points = torch.stack([torch.rand(1, generator=g, dtype=torch.float64) for g in generators])
    return (probabilities.double().cumsum(-1) <= points).sum(-1) - 1


@answers("draw", "extra-axis")
def keeps_the_axis(probabilities, generators):
    return count_the_ends_before(probabilities, generators)[:, None]


test_an_answer_gets_its_verdict, test_a_blank_is_not_written_yet = verdicts_of(answers)
