"""AdamW and its twin, the learning rate's curve, and an optimiser that survives on disk.

What the course's checks hold is tested by test_checks.py.
"""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minillama.config import ModelConfig
from minillama.model import Llama
from minillama.optim import (
    adamw,
    adamw_step,
    learning_rate,
    muon,
)
from minillama.training.optimizer_file import load_optimizers, save_optimizers

SHAPE = dict(dim=16, n_layers=2, n_heads=2, n_kv_heads=1, hidden_dim=24, vocab_size=50)


def model(tie=True):
    torch.manual_seed(0)
    return Llama(ModelConfig(**SHAPE, max_seq_len=16, tie_embeddings=tie))


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


def test_a_step_in_full_view_is_pytorchs():
    weight = torch.nn.Parameter(torch.randn(3, 4, dtype=torch.float64))
    state = weight.detach().clone(), torch.zeros_like(weight), torch.zeros_like(weight)
    optimizer = torch.optim.AdamW([weight], betas=(0.8, 0.97), eps=1e-6, weight_decay=0.3)
    options = {"weight_decay": 0.3, "betas": (0.8, 0.97), "eps": 1e-6}
    for step in range(1, 101):
        lr = optimizer.param_groups[0]["lr"] = 0.1 / step
        weight.grad = torch.randn(3, 4, dtype=torch.float64)
        optimizer.step()
        state = adamw_step(state[0], weight.grad, *state[1:], step, lr=lr, **options)
        torch.testing.assert_close(state[0], weight.detach(), rtol=1e-12, atol=1e-12)


def test_training_takes_the_step_that_is_in_full_view():
    llama = model()
    weight = llama.layers[0].attention.wq.weight
    state = weight.detach().double(), *torch.zeros(2, *weight.shape, dtype=torch.float64)
    optimizer = adamw(llama, lr=0.01, weight_decay=0.1)
    for step in range(1, 6):
        weight.grad = torch.randn(weight.shape)
        optimizer.step()
        gradient = weight.grad.double()
        state = adamw_step(state[0], gradient, *state[1:], step, lr=0.01, weight_decay=0.1)
        torch.testing.assert_close(weight.detach().double(), state[0], rtol=1e-5, atol=1e-7)


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


def learn(llama, optimizers, seeds):
    for seed in seeds:
        tokens = torch.randint(0, 50, (2, 8), generator=torch.Generator().manual_seed(seed))
        llama(tokens).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()


def only_adamw(llama, **options):
    return [adamw(llama, **options)]


KINDS = pytest.mark.parametrize("kind", [only_adamw, muon])


@KINDS
def test_a_stored_optimiser_goes_on_bit_for_bit(tmp_path, kind):
    straight = model()
    learn(straight, kind(straight, lr=0.01, weight_decay=0.1), range(6))

    first = model()
    optimizers = kind(first, lr=0.01, weight_decay=0.1)
    learn(first, optimizers, range(3))
    save_optimizers(optimizers, first, tmp_path / "o.safetensors")
    second = model()
    second.load_state_dict(first.state_dict())
    optimizers = kind(second, lr=0.01, weight_decay=0.1)
    load_optimizers(optimizers, second, tmp_path / "o.safetensors")
    learn(second, optimizers, range(3, 6))

    for ours, theirs in zip(second.parameters(), straight.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@KINDS
def test_a_stored_optimiser_of_another_model_is_refused(tmp_path, kind):
    options = {"lr": 0.01, "weight_decay": 0.1}
    untied = model(tie=False)
    optimizers = kind(untied, **options)
    learn(untied, optimizers, [0])
    path = tmp_path / "o.safetensors"
    save_optimizers(optimizers, untied, path)
    tied = model()
    with pytest.raises(ValueError, match=r"output\.weight"):
        load_optimizers(kind(tied, **options), tied, path)
    wider = Llama(ModelConfig(**SHAPE | {"hidden_dim": 32}, max_seq_len=16))
    with pytest.raises(ValueError, match=r"has the shape .* and the config asks for"):
        load_optimizers(kind(wider, **options), wider, path)


def test_the_state_of_another_optimiser_is_refused(tmp_path):
    llama = model()
    optimizers = muon(llama, lr=0.01, weight_decay=0.1)
    learn(llama, optimizers, [0])
    save_optimizers(optimizers, llama, tmp_path / "o.safetensors")
    with pytest.raises(ValueError, match="not the state of this"):
        load_optimizers(
            only_adamw(llama, lr=0.01, weight_decay=0.1), llama, tmp_path / "o.safetensors"
        )


def test_muon_moves_matrices_by_the_nearest_orthogonal_matrix_as_far_as_adamw_would():
    """Against the singular vectors of the gradient; Muon's five iterations are approximate."""
    llama = model()
    optimizers = muon(llama, lr=0.1, weight_decay=0.0)
    matrix = llama.layers[0].feed_forward.w_up.weight
    embedding = llama.tok_embeddings.weight
    moved = [p for o in optimizers for group in o.param_groups for p in group["params"]]
    assert len(moved) == len({id(p) for p in moved}) == len([*llama.parameters()])
    assert any(p is embedding for group in optimizers[1].param_groups for p in group["params"])

    before = matrix.detach().clone()
    matrix.grad = torch.randn(matrix.shape, generator=torch.Generator().manual_seed(0))
    optimizers[0].step()
    step = (before - matrix.detach()) / 0.1
    u, _, v = torch.linalg.svd(matrix.grad, full_matrices=False)
    nearest = u @ v
    assert torch.cosine_similarity(step.flatten(), nearest.flatten(), dim=0) > 0.9
    sizes = torch.linalg.svdvals(step) / (0.2 * max(matrix.shape) ** 0.5)
    assert (sizes > 0.5).all() and (sizes < 1.3).all()
