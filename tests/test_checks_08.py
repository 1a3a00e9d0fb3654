"""Answers to the exercises of lesson 08 as beginners write them, right and wrong."""

import math

import pytest
import torch
import torch.nn.functional as F
from answering import Answers, verdicts_of

pytestmark = pytest.mark.usefixtures("as_readers_run")
answers = Answers()


# hidden_dim_by_rule


@answers("hidden_dim_by_rule")
def as_meta_writes_it(dim, multiple_of, multiplier=1.0):
    hidden_dim = int(2 * (4 * dim) / 3)
    hidden_dim = int(multiplier * hidden_dim)
    return multiple_of * ((hidden_dim + multiple_of - 1) // multiple_of)


@answers("hidden_dim_by_rule")
def by_remainder(dim, multiple_of, multiplier=1.0):
    width = int(multiplier * (dim * 8 // 3))
    return width + (-width) % multiple_of


@answers("hidden_dim_by_rule")
def counts_up(dim, multiple_of, multiplier=1.0):
    width = int(multiplier * int(dim * 8 / 3))
    while width % multiple_of:
        width += 1
    return width


@answers("hidden_dim_by_rule", "not-rounded-up")
def by_floor(dim, multiple_of, multiplier=1.0):
    width = int(multiplier * int(dim * 8 / 3))
    return width - width % multiple_of


@answers("hidden_dim_by_rule", "multiplier-ignored")
def first_llama(dim, multiple_of, multiplier=1.0):
    return multiple_of * math.ceil(int(dim * 8 / 3) / multiple_of)


@answers("hidden_dim_by_rule", "not-rounded")
def only_scaled(dim, multiple_of, multiplier=1.0):
    return int(dim * 8 / 3 * multiplier)


@answers("hidden_dim_by_rule", "one-multiple-too-far")
def always_up(dim, multiple_of, multiplier=1.0):
    width = int(multiplier * int(dim * 8 / 3))
    return width + multiple_of - width % multiple_of


@answers("hidden_dim_by_rule", "four-times")
def two_matrices(dim, multiple_of, multiplier=1.0):
    return -(-int(multiplier * 4 * dim) // multiple_of) * multiple_of


@answers("hidden_dim_by_rule", "first-cut-missing")
def cuts_at_the_end(dim, multiple_of, multiplier=1.0):
    width = int(multiplier * 8 * dim / 3)
    return -(-width // multiple_of) * multiple_of


@answers("hidden_dim_by_rule", "second-cut-missing")
def cuts_at_the_start(dim, multiple_of, multiplier=1.0):
    return math.ceil((8 * dim // 3) * multiplier / multiple_of) * multiple_of


@answers("hidden_dim_by_rule", "rounded-not-cut")
def rounds(dim, multiple_of, multiplier=1.0):
    width = round(multiplier * round(8 * dim / 3))
    return (width + multiple_of - 1) // multiple_of * multiple_of


@answers("hidden_dim_by_rule", "never-cut")
def goes_up_at_once(dim, multiple_of, multiplier=1.0):
    return multiple_of * math.ceil(dim * 8 / 3 * multiplier / multiple_of)


@answers("hidden_dim_by_rule", "a-float")
def true_division(dim, multiple_of, multiplier=1.0):
    return ((8 * dim / 3 + multiple_of - 1) // multiple_of) * multiple_of


# swiglu_gradients


@answers("swiglu_gradients")
def by_autograd(gate, up, upstream):
    gate, up = gate.detach().requires_grad_(), up.detach().requires_grad_()
    return torch.autograd.grad((F.silu(gate) * up * upstream).sum(), (gate, up))


@answers("swiglu_gradients")
def two_terms(gate, up, upstream):
    s = gate.sigmoid()
    return upstream * up * (s + gate * s * (1 - s)), upstream * F.silu(gate)


@answers("swiglu_gradients")
def by_silu(gate, up, upstream):
    s, h = torch.sigmoid(gate), F.silu(gate)
    return [upstream * up * (h + s * (1 - h)), upstream * h]


@answers("swiglu_gradients")
def stacked(gate, up, upstream):
    return torch.stack(two_terms(gate, up, upstream))


@answers("swiglu_gradients", "not-a-pair")
def only_the_gates(gate, up, upstream):
    return two_terms(gate, up, upstream)[0]


@answers("swiglu_gradients", "not-a-pair")
def of_the_product(gate, up, upstream):
    return upstream * up * F.silu(gate)


@answers("swiglu_gradients", "sigmoid-as-slope")
def slope_is_sigmoid(gate, up, upstream):
    return upstream * up * gate.sigmoid(), upstream * F.silu(gate)


@answers("swiglu_gradients", "no-slope")
def forgets_the_slope(gate, up, upstream):
    return upstream * up, upstream * F.silu(gate)


@answers("swiglu_gradients", "no-slope")
def forgets_silu(gate, up, upstream):
    return upstream * up, upstream * gate


@answers("swiglu_gradients", "silu-for-its-slope")
def silu_again(gate, up, upstream):
    return upstream * up * F.silu(gate), upstream * F.silu(gate)


@answers("swiglu_gradients", "one-term-of-two")
def second_term_only(gate, up, upstream):
    s = gate.sigmoid()
    return upstream * up * gate * s * (1 - s), upstream * gate * s


@answers("swiglu_gradients", "gate-missing")
def forgets_the_gate(gate, up, upstream):
    s = gate.sigmoid()
    return upstream * up * (s + s * (1 - s)), upstream * gate * s


@answers("swiglu_gradients", "slope-of-the-sigmoid")
def forgets_the_first_term(gate, up, upstream):
    s = gate.sigmoid()
    return upstream * up * s * (1 - s), upstream * F.silu(gate)


@answers("swiglu_gradients", "up-missing")
def forgets_up(gate, up, upstream):
    s = gate.sigmoid()
    return upstream * (s + gate * s * (1 - s)), upstream * F.silu(gate)


@answers("swiglu_gradients", "the-gate-without-its-activation")
def plain_gate(gate, up, upstream):
    s = gate.sigmoid()
    return upstream * up * (s + gate * s * (1 - s)), upstream * gate


@answers("swiglu_gradients", "swapped")
def the_other_way_round(gate, up, upstream):
    return tuple(reversed(two_terms(gate, up, upstream)))


@answers("swiglu_gradients", "upstream-missing")
def stops_at_h(gate, up, upstream):
    return two_terms(gate, up, 1.0)


# loudest_neurons


@answers("loudest_neurons")
def by_sorting(hidden, w_down, k):
    return (hidden.abs() * w_down.norm(dim=0)).argsort(dim=-1, descending=True)[..., :k]


@answers("loudest_neurons")
def by_vectors(hidden, w_down, k):
    added = hidden.unsqueeze(-1) * w_down.T  # (..., hidden, dim)
    return torch.topk(added.norm(dim=-1), k).indices


@answers("loudest_neurons")
def squared(hidden, w_down, k):
    return (hidden**2 * (w_down**2).sum(0)).topk(k)[1]


@answers("loudest_neurons", "sign-kept")
def largest_numbers(hidden, w_down, k):
    return (hidden * w_down.norm(dim=0)).topk(k).indices


@answers("loudest_neurons", "sums-for-lengths")
def by_l1(hidden, w_down, k):
    return (hidden.abs() * torch.norm(w_down, p=1, dim=0)).topk(k).indices


@answers("loudest_neurons", "columns-ignored")
def loudest_numbers(hidden, w_down, k):
    return hidden.abs().topk(k).indices


@answers("loudest_neurons", "sizes-for-places")
def takes_values(hidden, w_down, k):
    return torch.topk(hidden.abs() * w_down.norm(dim=0), k)[0]


@answers("loudest_neurons", "quietest")
def ascending(hidden, w_down, k):
    return torch.argsort(hidden.abs() * w_down.norm(dim=0))[..., :k]


@answers("loudest_neurons", "loudest-last")
def from_the_end(hidden, w_down, k):
    return torch.argsort(hidden.abs() * w_down.norm(dim=0))[..., -k:]


# swiglu_merged


@answers("swiglu_merged")
def by_halves(x, w_gate_up, w_down):
    half = w_gate_up.shape[0] // 2
    both = F.linear(x, w_gate_up)
    return F.linear(F.silu(both[..., :half]) * both[..., half:], w_down)


@answers("swiglu_merged")
def by_split(x, w_gate_up, w_down):
    gate, up = torch.split(x @ w_gate_up.T, len(w_gate_up) // 2, dim=-1)
    return torch.einsum("...h,dh->...d", F.silu(gate) * up, w_down)


@answers("swiglu_merged", "two-products")
def parts_the_weights(x, w_gate_up, w_down):
    w_gate, w_up = w_gate_up.chunk(2)
    gate = x @ w_gate.T
    return (gate * torch.sigmoid(gate) * (x @ w_up.T)) @ w_down.T


@answers("swiglu_merged", "two-products")
def two_layers(x, w_gate_up, w_down):
    half = len(w_gate_up) // 2
    gate, up = F.linear(x, w_gate_up[:half]), F.linear(x, w_gate_up[half:])
    return F.linear(F.silu(gate) * up, w_down)


@answers("swiglu_merged", "up-first")
def swapped(x, w_gate_up, w_down):
    up, gate = (x @ w_gate_up.T).chunk(2, -1)
    return (F.silu(gate) * up) @ w_down.T


@answers("swiglu_merged", "up-first")
def silu_on_up(x, w_gate_up, w_down):
    gate, up = (x @ w_gate_up.T).chunk(2, -1)
    return (gate * F.silu(up)) @ w_down.T


@answers("swiglu_merged", "silu-on-both")
def silu_at_once(x, w_gate_up, w_down):
    gate, up = F.silu(x @ w_gate_up.T).chunk(2, -1)
    return (gate * up) @ w_down.T


@answers("swiglu_merged", "every-second")
def interleaved(x, w_gate_up, w_down):
    both = (x @ w_gate_up.T).unflatten(-1, (-1, 2))
    return (F.silu(both[..., 0]) * both[..., 1]) @ w_down.T


@answers("swiglu_merged", "no-down")
def stays_wide(x, w_gate_up, w_down):
    gate, up = (x @ w_gate_up.T).chunk(2, -1)
    return F.silu(gate) * up


test_an_answer_gets_its_verdict, test_a_blank_is_not_written_yet = verdicts_of(answers)
