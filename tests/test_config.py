import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minillama.config import LIMITS, PRESETS, ModelConfig, RopeScaling

TINY = ModelConfig.preset("tiny").to_dict()
LLAMA_3 = RopeScaling("llama3", 8.0, 1.0, 4.0, 8192)


def test_presets_name_the_course_and_the_published_family():
    assert list(PRESETS) == [
        "tiny", "small", "toytown",
        "llama-7b", "llama-13b", "llama-33b", "llama-65b",
        "llama-2-7b", "llama-2-13b", "llama-2-70b",
        "llama-3-8b", "llama-3-70b", "llama-3.2-1b", "llama-3.2-3b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "max_seq_len", "norm_eps", "rope_theta", "head_dim"),
    [
        ("llama-7b", 2048, 1e-6, 10000.0, 128),
        ("llama-65b", 2048, 1e-5, 10000.0, 128),
        ("llama-2-13b", 4096, 1e-5, 10000.0, 128),
        ("llama-2-70b", 4096, 1e-5, 10000.0, 128),
        ("llama-3-70b", 8192, 1e-5, 500000.0, 128),
        ("llama-3.2-1b", 131072, 1e-5, 500000.0, 64),
        ("llama-3.2-3b", 131072, 1e-5, 500000.0, 128),
    ],
)
def test_what_sizes_do_not_show(name, max_seq_len, norm_eps, rope_theta, head_dim):
    config = ModelConfig.preset(name)
    assert (config.max_seq_len, config.norm_eps) == (max_seq_len, norm_eps)
    assert (config.rope_theta, config.head_dim) == (rope_theta, head_dim)
    scaled = RopeScaling("llama3", 32.0, 1.0, 4.0, 8192) if "3.2" in name else None
    assert config.rope_scaling == scaled
    assert config.tie_embeddings == ("3.2" in name)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    config = ModelConfig.preset(name)
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert hash(config) == hash(ModelConfig.preset(name))


def test_overrides_replace_fields_of_a_preset():
    config = ModelConfig.preset("llama-3.2-1b", dim=1024, rope_scaling=None, rope_theta=10000)
    assert (config.dim, config.head_dim, config.rope_scaling) == (1024, 32, None)
    assert config.vocab_size == 128256
    assert ModelConfig.preset("tiny", rope_scaling=LLAMA_3).rope_scaling == LLAMA_3


def test_heads_may_have_a_width_of_their_own():
    usual = ModelConfig.preset("tiny")
    assert "head_size" not in usual.to_dict() and usual.head_dim == 16
    config = replace(usual, head_size=24, dim=66)  # which four heads do not divide
    assert config.head_dim == 24 and config != replace(usual, head_size=22)
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert replace(usual, n_heads=2).head_dim == 32


def test_unknown_presets_and_fields_are_listed():
    with pytest.raises(ValueError, match="no preset 'huge'; there are tiny, small, toytown, llama"):
        ModelConfig.preset("huge")
    with pytest.raises(ValueError, match="'depth' is not a field; there are dim, n_layers"):
        ModelConfig.preset("tiny", depth=3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dim": 66}, "dim must be a multiple of n_heads, and 66 is not one of 4"),
        ({"n_kv_heads": 3}, "n_heads must be a multiple of n_kv_heads, and 4 is not one of 3"),
        ({"dim": 60}, r"head_dim \(dim / n_heads\) must be even.* 60 / 4 is 15"),
        ({"head_size": 7}, "head_size must be even, because RoPE turns pairs of numbers, not 7"),
        ({"head_size": 0}, "head_size must be between 1 and 65,536, not 0"),
        ({"dim": 0}, "dim must be between 1 and 65,536, not 0"),
        ({"n_layers": -1}, "n_layers must be between 1 and 1,024, not -1"),
        ({"vocab_size": 10**30}, "vocab_size must be between 1 and 1,048,576, not 1000"),
        ({"max_seq_len": 2**20, "n_heads": 1, "n_kv_heads": 1, "dim": 1024}, "RoPE tables"),
        ({"norm_eps": 0.0}, "norm_eps must be above zero, not 0.0"),
        ({"norm_eps": float("nan")}, "norm_eps must be above zero, not nan"),
        ({"rope_theta": -1.0}, "rope_theta must be above zero, not -1.0"),
        ({"rope_theta": float("inf")}, "rope_theta must be above zero, not inf"),
        ({"rope_theta": 10**400}, "rope_theta must be a number, not 1000"),
        ({"dim": 64.0}, "dim must be a whole number, not 64.0"),
        ({"dim": True}, "dim must be a whole number, not True"),
        ({"dim": "64"}, "dim must be a whole number, not '64'"),
        ({"dim": None}, "dim must be a whole number, not None"),
        ({"tie_embeddings": 1}, "tie_embeddings must be true or false, not 1"),
        ({"rope_scaling": "linear"}, "rope_scaling must be a RopeScaling, not 'linear'"),
        ({"rope_scaling": {"factor": 2.0}}, "rope_scaling kind is missing"),
        ({"rope_scaling": {"kind": "linear"}}, "rope_scaling factor is missing"),
        (
            {"rope_scaling": {"kind": "yarn", "factor": 2.0}},
            "rope_scaling kind must be linear, ntk or llama3, not 'yarn'",
        ),
        (
            {"rope_scaling": {"kind": "linear", "factor": 0.5}},
            "rope_scaling factor must be at least 1, not 0.5",
        ),
        (
            {"rope_scaling": {"kind": "linear", "factor": "2"}},
            "rope_scaling factor must be a number, not '2'",
        ),
        (
            {"rope_scaling": {"kind": "linear", "factor": 2, "beta": 1}},
            "rope_scaling 'beta' is not a field",
        ),
        (
            {"rope_scaling": {"kind": "llama3", "factor": 2, "low_freq_factor": 4}},
            "rope_scaling low_freq_factor must be above zero and below high_freq_factor",
        ),
        (
            {"rope_scaling": {"kind": "llama3", "factor": 2, "original_max_seq_len": 0}},
            "rope_scaling original_max_seq_len must be between 1 and 1,048,576, not 0",
        ),
        (
            {"dim": 8, "rope_scaling": {"kind": "ntk", "factor": 2}},
            "rope_scaling of the kind ntk needs a head_dim of at least 4, and it is 2",
        ),
    ],
)
def test_a_wrong_value_is_named_in_one_line(fields, message):
    with pytest.raises(ValueError, match=message) as caught:
        ModelConfig.from_dict(TINY | fields)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_a_missing_field_is_named():
    for name in ("dim", "n_layers", "n_heads", "n_kv_heads", "hidden_dim", "vocab_size"):
        with pytest.raises(ValueError, match=f"^{name} is missing"):
            ModelConfig.from_dict({key: value for key, value in TINY.items() if key != name})


def test_whole_numbers_from_json_become_floats():
    config = ModelConfig.from_dict(TINY | {"rope_theta": 500000, "norm_eps": 1})
    assert type(config.rope_theta) is float and type(config.norm_eps) is float


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*TINY, "other"]), json_values, max_size=4))
def test_any_json_is_a_config_or_a_value_error(fields):
    try:
        config = ModelConfig.from_dict(TINY | fields)
    except ValueError:
        return
    assert all(1 <= getattr(config, name) <= limit for name, limit in LIMITS.items())
    assert config.head_dim * config.n_heads == config.dim
