import cmath
import copy
import math

import pytest
import torch

from minillama.config import ModelConfig, RopeScaling
from minillama.model import Llama
from minillama.rope import apply_rope, rope_frequencies, rope_tables


def config(**overrides):
    return ModelConfig.preset("tiny", dim=64, n_heads=4, max_seq_len=100, **overrides)


def turn(numbers: list[float], position: int, theta: float) -> list[float]:
    """One head's numbers as points in the complex plane, turned by position * theta^(-2i/d)."""
    half = len(numbers) // 2
    turned = [
        complex(numbers[i], numbers[i + half]) * cmath.exp(1j * position * theta ** (-i / half))
        for i in range(half)
    ]
    return [z.real for z in turned] + [z.imag for z in turned]


def test_equals_complex_rotation():
    x = torch.randn(2, 3, 100, 16)
    y = apply_rope(x, *rope_tables(config(rope_theta=500.0)))
    expected = [
        [[turn(v, t, 500.0) for t, v in enumerate(head)] for head in row] for row in x.tolist()
    ]
    torch.testing.assert_close(y, torch.tensor(expected), rtol=0, atol=2e-5)


def test_scores_depend_only_on_distance():
    q, k = torch.randn(1, 16), torch.randn(1, 16)
    cos, sin = rope_tables(config())

    def score(query_position: int, key_position: int) -> float:
        at = [slice(p, p + 1) for p in (query_position, key_position)]
        turned = [apply_rope(x, cos[p], sin[p]) for x, p in zip((q, k), at, strict=True)]
        return (turned[0] * turned[1]).sum().item()

    for distance in (0, 1, 7):
        scores = [score(start + distance, start) for start in (0, 1, 30, 92)]
        assert scores == pytest.approx([scores[0]] * 4, abs=1e-5)
    assert abs(score(1, 0) - score(0, 1)) > 1e-2


def test_length_stays_and_position_0_is_left_alone():
    x = torch.randn(1, 2, 100, 16)
    y = apply_rope(x, *rope_tables(config()))
    torch.testing.assert_close(y.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(y[:, :, 0], x[:, :, 0])


def test_bfloat16_is_turned_in_float32():
    x = torch.randn(1, 1, 100, 16).bfloat16()
    tables = rope_tables(config())
    y = apply_rope(x, *tables)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, apply_rope(x.float(), *tables).bfloat16())


def test_linear_scaling_squeezes_positions():
    cos, sin = rope_tables(config(rope_scaling=RopeScaling("linear", 4.0)))
    plain = rope_tables(config())
    torch.testing.assert_close((cos[::4], sin[::4]), (plain[0][:25], plain[1][:25]))


def test_ntk_scaling_slows_the_slowest_pair_by_the_factor_and_keeps_the_fastest():
    plain = rope_frequencies(config())
    scaled = rope_frequencies(config(rope_scaling=RopeScaling("ntk", 5.0)))
    assert scaled[0] == plain[0] == 1
    assert (plain[-1] / scaled[-1]).item() == pytest.approx(5.0, rel=1e-5)
    # Between, by one larger theta: equal steps in the logarithm.
    steps = (plain / scaled).log().diff()
    torch.testing.assert_close(steps, torch.full((7,), math.log(5) / 7), rtol=1e-4, atol=0)


def test_llama3_scaling_by_the_number_of_turns():
    scaling = RopeScaling("llama3", 8.0, 1.0, 4.0, original_max_seq_len=60)
    scaled = rope_frequencies(config(rope_scaling=scaling)).tolist()
    bands = []
    for i, new in enumerate(scaled):
        frequency = 10000.0 ** (-i / 8)
        wavelength = 2 * math.pi / frequency  # in tokens
        if wavelength < 60 / 4:
            bands.append("kept")
            expected = frequency
        elif wavelength > 60 / 1:
            bands.append("slowed")
            expected = frequency / 8
        else:
            bands.append("blended")
            share = (60 / wavelength - 1) / (4 - 1)
            expected = (1 - share) * frequency / 8 + share * frequency
        assert new == pytest.approx(expected, rel=1e-5)
    assert bands == ["kept"] + ["blended"] + ["slowed"] * 6


@pytest.mark.parametrize("scaling", [None, RopeScaling("llama3", 8.0, 1.0, 4.0, 60)])
def test_tables_of_a_model_are_right_however_it_was_made(scaling):
    small = config(rope_scaling=scaling)
    model = Llama(small)
    with torch.device("meta"):
        empty = Llama(small)
    assert empty.cos.is_meta
    angles = torch.outer(torch.arange(100.0), rope_frequencies(small)).double()
    for made in [
        model,
        empty.to_empty(device="cpu"),
        copy.deepcopy(model).bfloat16(),
        copy.deepcopy(model).to(torch.bfloat16).float(),
        copy.deepcopy(model).double(),
        copy.deepcopy(model).half().to("cpu"),
    ]:
        assert made.cos.dtype == made.sin.dtype == torch.float32
        assert made.cos.shape == (100, 8)
        torch.testing.assert_close(made.cos.double(), angles.cos(), rtol=0, atol=1e-5)
        torch.testing.assert_close(made.sin.double(), angles.sin(), rtol=0, atol=1e-5)
        assert not {"cos", "sin"} & set(made.state_dict())


def test_tables_ignore_the_default_dtype():
    torch.set_default_dtype(torch.bfloat16)
    try:
        cos, sin = rope_tables(config())
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(cos, rope_tables(config())[0])
    assert torch.equal(sin, rope_tables(config())[1])
