"""Parameter groups, the learning rate's curve, and an optimiser that survives on disk."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minillama.config import ModelConfig
from minillama.model import Llama
from minillama.optim import adamw, learning_rate, load_optimizer, parameter_groups, save_optimizer

SHAPE = dict(dim=16, n_layers=2, n_heads=2, n_kv_heads=1, hidden_dim=24, vocab_size=50)


def model(tie=True):
    torch.manual_seed(0)
    return Llama(ModelConfig(**SHAPE, max_seq_len=16, tie_embeddings=tie))


@pytest.mark.parametrize("tie", [True, False])
def test_matrices_decay_and_norms_do_not(tie):
    decayed, others = parameter_groups(model(tie), 0.1)
    assert decayed["weight_decay"] == 0.1 and others["weight_decay"] == 0.0
    # 7 matrices a layer, the embedding, and the output if it is not the same; 2 norms a layer, 1
    assert len(decayed["params"]) == 7 * 2 + (1 if tie else 2)
    assert [tuple(p.shape) for p in others["params"]] == [(16,)] * 5


def test_decay_is_decoupled_from_the_gradient():
    """Without a gradient to speak of, a step shrinks matrices by lr * decay and leaves norms."""
    llama = model()
    before = {name: p.detach().clone() for name, p in llama.named_parameters()}
    optimizer = adamw(llama, lr=0.5, weight_decay=0.1)
    for parameter in llama.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in llama.named_parameters():
        shrunk = 1 - 0.5 * 0.1 if parameter.ndim == 2 else 1.0
        torch.testing.assert_close(parameter.detach(), before[name] * shrunk)


def test_adamw_follows_the_published_algorithm():
    """Loshchilov and Hutter 2019, algorithm 2, by hand in float64, for five steps."""
    llama = model()
    weight = llama.layers[0].attention.wq.weight
    theta = weight.detach().double().clone()
    m = v = torch.zeros_like(theta)
    optimizer = adamw(llama, lr=0.01, weight_decay=0.1)
    for t in range(1, 6):
        gradient = torch.randn(theta.shape, generator=torch.Generator().manual_seed(t))
        weight.grad = gradient.clone()
        optimizer.step()
        m = 0.9 * m + 0.1 * gradient.double()
        v = 0.95 * v + 0.05 * gradient.double() ** 2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.95**t)
        theta = theta - 0.01 * (m_hat / (v_hat.sqrt() + 1e-8) + 0.1 * theta)
        torch.testing.assert_close(weight.detach().double(), theta, rtol=1e-5, atol=1e-7)


def test_learning_rate_at_the_points_one_can_work_out():
    curve = [
        learning_rate(step, peak=1.0, warmup=4, total=14, floor_ratio=0.2) for step in range(14)
    ]
    assert curve[:4] == [0.25, 0.5, 0.75, 1.0]
    assert curve[13] == pytest.approx(0.2)
    assert curve[8] == pytest.approx(0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi / 2)))  # half way
    assert learning_rate(99, peak=1.0, warmup=4, total=14, floor_ratio=0.2) == pytest.approx(0.2)


@given(total=st.integers(1, 300), share=st.floats(0, 1), floor=st.floats(0, 1))
def test_learning_rate_rises_to_the_peak_and_falls_to_the_floor(total, share, floor):
    warmup = int(share * total)
    curve = [
        learning_rate(step, peak=3.0, warmup=warmup, total=total, floor_ratio=floor)
        for step in range(total)
    ]
    top = max(warmup - 1, 0)
    assert curve[top] == 3.0
    assert all(a < b for a, b in pairwise(curve[: top + 1]))
    assert all(a >= b for a, b in pairwise(curve[top:]))
    assert curve[-1] == (pytest.approx(3.0 * floor) if top < total - 1 else 3.0)


@pytest.mark.parametrize("step, warmup, total", [(-1, 0, 5), (0, 6, 5), (0, -1, 5), (0, 0, 0)])
def test_learning_rate_refuses_what_makes_no_curve(step, warmup, total):
    with pytest.raises(ValueError, match="schedule"):
        learning_rate(step, peak=1.0, warmup=warmup, total=total)


def learn(llama, optimizer, seeds):
    for seed in seeds:
        tokens = torch.randint(0, 50, (2, 8), generator=torch.Generator().manual_seed(seed))
        llama(tokens).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_a_stored_optimiser_goes_on_bit_for_bit(tmp_path):
    straight = model()
    learn(straight, adamw(straight, lr=0.01, weight_decay=0.1), range(6))

    first = model()
    optimizer = adamw(first, lr=0.01, weight_decay=0.1)
    learn(first, optimizer, range(3))
    save_optimizer(optimizer, first, tmp_path / "o.safetensors")
    second = model()
    second.load_state_dict(first.state_dict())
    optimizer = adamw(second, lr=0.01, weight_decay=0.1)
    load_optimizer(optimizer, second, tmp_path / "o.safetensors")
    learn(second, optimizer, range(3, 6))

    for ours, theirs in zip(second.parameters(), straight.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_stored_optimiser_of_another_model_is_refused(tmp_path):
    untied = model(tie=False)
    optimizer = adamw(untied, lr=0.01, weight_decay=0.1)
    learn(untied, optimizer, [0])
    path = tmp_path / "o.safetensors"
    save_optimizer(optimizer, untied, path)
    tied = model()
    with pytest.raises(ValueError, match=r"output\.weight"):
        load_optimizer(adamw(tied, lr=0.01, weight_decay=0.1), tied, path)
    wider = Llama(ModelConfig(**SHAPE | {"hidden_dim": 32}, max_seq_len=16))
    with pytest.raises(ValueError, match="another shape"):
        load_optimizer(adamw(wider, lr=0.01, weight_decay=0.1), wider, path)
