"""The checks of RoPE's frequencies, pair by pair in float64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.config import ModelConfig, RopeScaling
from minillama.course.checking import oracles
from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.checking.spies import Elsewhere, tensors

LLAMA3 = RopeScaling("llama3", 8.0, 1.0, 4.0, original_max_seq_len=60)

ntk_theta = Check("ntk_theta", "rope")

rope_frequencies = Check("rope_frequencies", "rope")


def shape(head_dim: int, **fields: Any) -> ModelConfig:
    """A config with three heads of that width: with two, dim would do for what lacks a 2."""
    return ModelConfig.preset("tiny", dim=3 * head_dim, n_heads=3, n_kv_heads=3, **fields)


def placed(answer: Any, config: ModelConfig) -> Case:
    """Whether an answer makes all that it makes where it is told to, taken for a GPU."""
    with Elsewhere() as mode:
        got = call(answer, config, torch.device("cpu"))
    there = [mode.there.get(id(tensor), False) for tensor in tensors(got)]
    where = "on that device" if all(there) else "on the CPU"
    where = "half on that device and half on the CPU" if mode.mixed else where
    return Case(where, "on that device", "a GPU as device, for where its tensors are made")


@ntk_theta.probe("the other kinds keep rope_theta")
def other_kinds(ntk_theta: Any) -> Iterator[Case]:
    yield Case(
        call(ntk_theta, shape(8, rope_theta=500.0)), 500.0, "rope_theta = 500 and no scaling"
    )
    for scaling in (RopeScaling("linear", 4.0), LLAMA3):
        config = shape(8, rope_theta=500.0, rope_scaling=scaling)
        yield Case(call(ntk_theta, config), 500.0, f"rope_theta = 500 and scaling {scaling.kind!r}")


@ntk_theta.probe("the slowest pair turns slower by exactly the factor")
def slowest(ntk_theta: Any) -> Iterator[Case]:
    # Its exponent is 2 / 4: the root of theta has to grow by 3, so theta by 9.
    config = shape(4, rope_theta=100.0, rope_scaling=RopeScaling("ntk", 3.0))
    yield Case(call(ntk_theta, config), 900.0, "rope_theta = 100, factor = 3 and head_dim = 4")
    for head_dim, factor in ((8, 2.0), (64, 5.0)):
        config = shape(head_dim, rope_theta=500.0, rope_scaling=RopeScaling("ntk", factor))
        exponent = (head_dim - 2) / head_dim
        slower = float(call(ntk_theta, config)) ** exponent / 500.0**exponent
        yield Case(slower, factor, f"head_dim = {head_dim} and factor = {factor}, for the pace")


def frequencies(config: ModelConfig) -> Tensor:
    return torch.tensor(oracles.frequencies(config))


@rope_frequencies.probe("two pairs, by hand")
def two_pairs(rope_frequencies: Any) -> Iterator[Case]:
    yield Case(
        call(rope_frequencies, shape(4, rope_theta=10000.0)),
        torch.tensor([1.0, 0.01]),
        "head_dim = 4 and rope_theta = 10000",
        "pairs",
    )


@rope_frequencies.probe("rope_theta and head_dim decide the paces")
def paces(rope_frequencies: Any) -> Iterator[Case]:
    for head_dim, theta in ((8, 500.0), (16, 1e6)):
        config = shape(head_dim, rope_theta=theta)
        example = f"head_dim = {head_dim} and rope_theta = {theta:g}"
        yield Case(call(rope_frequencies, config), frequencies(config), example, "pairs", atol=1e-9)
    yield placed(rope_frequencies, shape(8))


def scaled_case(rope_frequencies: Any, scaling: RopeScaling, example: str) -> Case:
    config = shape(16, max_seq_len=100, rope_scaling=scaling)
    got = call(rope_frequencies, config)
    return Case(got, frequencies(config), f"head_dim = 16 and {example}", "pairs", atol=1e-9)


@rope_frequencies.probe("linear scaling divides every frequency")
def linear(rope_frequencies: Any) -> Iterator[Case]:
    yield scaled_case(rope_frequencies, RopeScaling("linear", 4.0), "linear scaling by 4")


@rope_frequencies.probe("ntk scaling slows the slowest pair by the factor and keeps the fastest")
def ntk(rope_frequencies: Any) -> Iterator[Case]:
    yield scaled_case(rope_frequencies, RopeScaling("ntk", 5.0), "ntk scaling by 5")


@rope_frequencies.probe("llama3 scaling keeps the fast, slows the slow, and blends between")
def llama3(rope_frequencies: Any) -> Iterator[Case]:
    yield scaled_case(
        rope_frequencies, LLAMA3, "llama3 scaling by 8 from 60 tokens, kept from 4 turns up, "
        "slowed from 1 turn down"
    )  # fmt: skip
    scaling = RopeScaling("llama3", 2.0, 0.5, 20.0, original_max_seq_len=400)
    yield scaled_case(
        rope_frequencies, scaling, "llama3 scaling by 2 from 400 tokens, kept from 20 turns up, "
        "slowed from half a turn down"
    )  # fmt: skip
