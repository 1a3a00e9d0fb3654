import json
import os
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import minillama
from minillama.config import ModelConfig, RopeScaling
from minillama.model import Llama
from minillama.weights import find_model, formats, hf, load_model, native, save_model
from minillama.weights.hf_config import config_from_hf, config_to_hf

CONFIG = ModelConfig(
    dim=8, n_layers=2, n_heads=2, n_kv_heads=1, hidden_dim=12, vocab_size=11, max_seq_len=10
)
FORMATS = ["native", "hf"]

# As Meta's Llama 2 7B stands on the Hub, written by transformers 4.
LLAMA_2 = {
    "architectures": ["LlamaForCausalLM"],
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "initializer_range": 0.02,
    "intermediate_size": 11008,
    "max_position_embeddings": 4096,
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 32,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "transformers_version": "4.31.0.dev0",
    "use_cache": True,
    "vocab_size": 32000,
}
# Llama 3.2 1B: transformers 4 and 5 differ in how they write RoPE.
LLAMA_3_2_SCALING = {
    "factor": 32.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 8192,
    "rope_type": "llama3",
}
LLAMA_3_2 = LLAMA_2 | {
    "attention_bias": False,
    "bos_token_id": 128000,
    "eos_token_id": 128001,
    "head_dim": 64,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "max_position_embeddings": 131072,
    "mlp_bias": False,
    "num_hidden_layers": 16,
    "num_key_value_heads": 8,
    "rope_scaling": LLAMA_3_2_SCALING,
    "rope_theta": 500000.0,
    "tie_word_embeddings": True,
    "vocab_size": 128256,
}
LLAMA_3_2_IN_5 = {
    name: value for name, value in LLAMA_3_2.items() if name not in ("rope_scaling", "rope_theta")
} | {"rope_parameters": LLAMA_3_2_SCALING | {"rope_theta": 500000.0}}


def random_llama(config=CONFIG):
    model = Llama(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


def assert_same_weights(one: Llama, other: Llama):
    assert one.config == other.config
    ours, theirs = one.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(params=FORMATS)
def saved(request, tmp_path):
    """The folder of a model in each format."""
    save_model(random_llama(), tmp_path / "model", request.param)
    return tmp_path / "model"


# Saving and loading


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("tie", [False, True])
@pytest.mark.parametrize(
    "scaling", [None, RopeScaling("linear", 2.0), RopeScaling("llama3", 8.0, 1.0, 2.0, 5)]
)
def test_comes_back_as_it_was(format, tie, scaling, tmp_path):
    fields = CONFIG.to_dict() | {"tie_embeddings": tie, "rope_theta": 77.0, "norm_eps": 1e-7}
    model = random_llama(ModelConfig.from_dict(fields | {"rope_scaling": scaling}))
    save_model(model, tmp_path / "new" / "model", format)
    loaded = load_model(tmp_path / "new" / "model")
    assert_same_weights(model, loaded)
    assert (loaded.output.weight is loaded.tok_embeddings.weight) == tie
    tokens = torch.randint(11, (2, 10))
    assert torch.equal(model(tokens), loaded(tokens))


@pytest.mark.parametrize("format", FORMATS)
def test_heads_of_another_width_come_back(format, tmp_path):
    model = random_llama(ModelConfig.from_dict(CONFIG.to_dict() | {"head_size": 6}))
    assert model.layers[0].attention.wq.weight.shape == (12, 8)
    save_model(model, tmp_path, format)
    loaded = load_model(tmp_path)
    assert_same_weights(loaded, model)
    tokens = torch.randint(11, (2, 10))
    assert torch.equal(model(tokens), loaded(tokens))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
@pytest.mark.parametrize("format", FORMATS)
def test_others_may_read_what_the_umask_lets_them(format, umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        save_model(random_llama(), tmp_path / "model", format)
        save_model(random_llama(), tmp_path / "model", format)  # over an older one, too
    finally:
        os.umask(before)
    files = [*(tmp_path / "model").iterdir()]
    assert {file.name: file.stat().st_mode & 0o777 for file in files} == {
        file.name: mode for file in files
    }


def test_ntk_becomes_its_theta_at_hugging_face(tmp_path):
    fields = CONFIG.to_dict() | {"rope_scaling": {"kind": "ntk", "factor": 9.0}}
    save_model(random_llama(ModelConfig.from_dict(fields)), tmp_path, "hf")
    config = load_model(tmp_path).config
    assert config.rope_scaling is None
    assert config.rope_theta == pytest.approx(10000 * 81)  # heads of 4: 9^(4 / 2)
    save_model(random_llama(ModelConfig.from_dict(fields)), tmp_path)
    assert load_model(tmp_path).config.rope_scaling == RopeScaling("ntk", 9.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_dtype_is_the_files_unless_another_is_asked_for(dtype, saved):
    model = load_model(saved).to(dtype)
    save_model(model, saved, "native")
    kept, asked = load_model(saved), load_model(saved, dtype=torch.float32)
    assert {parameter.dtype for parameter in kept.parameters()} == {dtype}
    assert_same_weights(kept, model)
    assert {parameter.dtype for parameter in asked.parameters()} == {torch.float32}
    assert torch.equal(asked.norm.weight, model.norm.weight.float())


def test_files_of_mixed_dtypes_become_what_holds_them_all(saved):
    tensors = load_file(saved / "model.safetensors")
    norms = {name: tensor for name, tensor in tensors.items() if "norm" in name}
    others = {name: tensor.bfloat16() for name, tensor in tensors.items() if "norm" not in name}
    save_file(norms | others, saved / "model.safetensors")
    assert {parameter.dtype for parameter in load_model(saved).parameters()} == {torch.float32}


def test_a_loaded_model_is_its_own_and_learns(saved):
    model = load_model(saved)
    before = model.norm.weight.detach().clone()
    size = (saved / "model.safetensors").stat().st_size
    (saved / "model.safetensors").write_bytes(bytes(size))  # a mapped file would now be zeros
    assert torch.equal(model.norm.weight, before)
    model(torch.randint(11, (2, 10))).sum().backward()
    assert all(p.is_leaf and p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("format", FORMATS)
def test_a_shared_embedding_is_written_once(format, tmp_path):
    tied = ModelConfig.from_dict(CONFIG.to_dict() | {"tie_embeddings": True})
    save_model(random_llama(tied), tmp_path, format)
    names = set(load_file(tmp_path / "model.safetensors"))
    assert not names & {"output.weight", "lm_head.weight"} and len(names) == 2 * 9 + 2


def test_surplus_that_old_checkpoints_carry_is_passed_over(tmp_path):
    model = random_llama()
    save_model(model, tmp_path, "hf")
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.zeros(2)
    save_file(tensors, tmp_path / "model.safetensors")
    assert_same_weights(load_model(tmp_path), model)


EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"


@pytest.fixture
def tied(tmp_path):
    """A tied model, its folder, and the tensors in it without the one that is shared."""
    model = random_llama(ModelConfig.from_dict(CONFIG.to_dict() | {"tie_embeddings": True}))
    save_model(model, tmp_path, "hf")
    tensors = load_file(tmp_path / "model.safetensors")
    return model, tmp_path, {name: t for name, t in tensors.items() if name != EMBEDDING}


@pytest.mark.parametrize("names", [[EMBEDDING], [HEAD], [EMBEDDING, HEAD]])
@pytest.mark.parametrize("sharded", [False, True], ids=["whole", "sharded"])
def test_a_tied_embedding_is_found_under_either_name_or_both(names, sharded, tied):
    model, folder, others = tied
    shared = {name: model.output.weight.detach().clone() for name in names}
    if sharded:
        (folder / "model.safetensors").unlink()
        save_file(shared, folder / "a.safetensors")
        save_file(others, folder / "b.safetensors")
        files = dict.fromkeys(shared, "a.safetensors") | dict.fromkeys(others, "b.safetensors")
        index = folder / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": files}), encoding="utf-8")
    else:
        save_file(shared | others, folder / "model.safetensors")
    loaded = load_model(folder)
    assert_same_weights(loaded, model)
    assert loaded.output.weight is loaded.tok_embeddings.weight


def test_a_head_that_differs_from_what_it_is_tied_to_is_refused(tied):
    model, folder, others = tied
    shared = model.output.weight.detach()
    changed = shared.clone()
    changed[10, 7] += 1
    for head in (changed, torch.zeros(11, 8), shared.bfloat16()):
        save_file(others | {EMBEDDING: shared, HEAD: head}, folder / "model.safetensors")
        with pytest.raises(ValueError, match="two that differ: correct tie_word_embed") as caught:
            load_model(folder)
        assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    save_file(others | {EMBEDDING: shared, HEAD: shared[:9].clone()}, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"lm_head.weight has the shape \[9, 8\]"):
        load_model(folder)
    save_file(others, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"lacks 1 of .* such as model.embed_tokens.weight"):
        load_model(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["tie_word_embeddings"] = False
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(others | {EMBEDDING: shared, HEAD: changed}, folder / "model.safetensors")
    assert torch.equal(load_model(folder).output.weight, changed)
    save_file(others | {EMBEDDING: shared}, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"lacks 1 of .* such as lm_head.weight"):
        load_model(folder)


@pytest.mark.parametrize("name", ["q_proj", "k_proj", "v_proj", "o_proj"])
def test_biases_in_the_file_that_no_config_speaks_of_are_refused(name, tmp_path):
    save_model(random_llama(), tmp_path, "hf")
    tensors = load_file(tmp_path / "model.safetensors")
    bias = f"model.layers.0.self_attn.{name}.bias"
    save_file(tensors | {bias: torch.ones(8)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=f"the tensor {bias} is not asked for by the config"):
        load_model(tmp_path)


# Replacing a folder


@pytest.mark.parametrize("old", FORMATS)
@pytest.mark.parametrize("new", FORMATS)
def test_saving_over_a_model_replaces_it_and_leaves_other_files(old, new, tmp_path):
    hf.save(random_llama(), tmp_path / "model", max_shard_bytes=500)  # stale shards and index
    save_model(random_llama(), tmp_path / "model", old)
    (tmp_path / "model" / "tokenizer.model").write_text("stays", encoding="utf-8")
    model = random_llama()
    save_model(model, tmp_path / "model", new)
    assert_same_weights(load_model(tmp_path / "model"), model)
    left = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert left == ["config.json", "model.safetensors", "tokenizer.model"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_save_that_fails_leaves_the_old_model(saved, monkeypatch):
    before = load_model(saved)

    def full_disk(path, values):
        raise OSError("no space left on device")

    for module in (hf, native):
        monkeypatch.setattr(module, "write_json", full_disk)
    for format in FORMATS:
        with pytest.raises(OSError, match="no space left"):
            save_model(random_llama(), saved, format)
        with pytest.raises(OSError, match="no space left"):
            save_model(random_llama(), saved.parent / "other", format)
    assert_same_weights(load_model(saved), before)
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("step", range(5))
def test_a_save_that_is_cut_off_never_leaves_a_mixture(step, saved, monkeypatch):
    before = load_model(saved)
    fields = CONFIG.to_dict() | {"rope_theta": 5.0}  # the same shapes: a mixture would load
    after = random_llama(ModelConfig.from_dict(fields))
    steps = iter(range(100))

    def cut_off_at(step, act):
        def perhaps(*arguments, **options):
            if next(steps) == step:
                raise KeyboardInterrupt
            return act(*arguments, **options)

        return perhaps

    for name in ("unlink", "replace"):
        monkeypatch.setattr(Path, name, cut_off_at(step, getattr(Path, name)))
    try:
        hf.save(after, saved)
    except KeyboardInterrupt:
        if step == 0:
            assert_same_weights(load_model(saved), before)
        else:
            with pytest.raises(FileNotFoundError, match=r"there is no config\.json in"):
                load_model(saved)
    else:
        assert step == 4  # two files go, two come
        assert_same_weights(load_model(saved), after)


def test_saving_refuses_an_unknown_format_and_a_file_in_the_way(tmp_path):
    with pytest.raises(ValueError, match="there is no format 'gguf'; there are native, hf"):
        save_model(random_llama(), tmp_path / "model", "gguf")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match="file is a file; a model is saved as a folder"):
        save_model(random_llama(), tmp_path / "file")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# Configs of Hugging Face


def test_configs_of_transformers_4_and_5():
    assert config_from_hf(LLAMA_2) == ModelConfig.preset("llama-2-7b")
    assert config_from_hf(LLAMA_3_2) == ModelConfig.preset("llama-3.2-1b")
    assert config_from_hf(LLAMA_3_2_IN_5) == ModelConfig.preset("llama-3.2-1b")


@pytest.mark.parametrize(
    "rope",
    [
        {"rope_scaling": {"type": "linear", "factor": 4}, "rope_theta": 9000},
        {"rope_scaling": {"type": "linear", "rope_type": "linear", "factor": 4.0}}
        | {"rope_theta": 9000.0},
        {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 9000.0}},
        {"rope_parameters": {"rope_type": "linear", "factor": 4.0}, "rope_theta": 9000.0},
    ],
)
def test_every_spelling_of_a_scaling(rope):
    config = config_from_hf(LLAMA_2 | rope)
    assert config.rope_scaling == RopeScaling("linear", 4.0) and config.rope_theta == 9000.0


def test_plain_rope_in_every_spelling():
    for rope in (
        {},
        {"rope_theta": 10000},
        {"rope_scaling": {"type": "default"}},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}},
        {"rope_parameters": None, "rope_theta": 10000.0},
    ):
        config = config_from_hf(LLAMA_2 | rope)
        assert (config.rope_theta, config.rope_scaling) == (10000.0, None)


def test_what_old_configs_leave_out_is_as_in_transformers():
    left_out = ("num_key_value_heads", "rms_norm_eps", "tie_word_embeddings", "rope_scaling")
    left_out += ("hidden_act", "max_position_embeddings")
    config = config_from_hf({k: v for k, v in LLAMA_2.items() if k not in left_out})
    assert (config.n_kv_heads, config.norm_eps, config.max_seq_len) == (32, 1e-6, 2048)
    assert not config.tie_embeddings


def test_heads_of_another_width():
    config = config_from_hf(LLAMA_2 | {"head_dim": 96, "num_attention_heads": 64})
    assert (config.n_heads, config.head_dim, config.head_size) == (64, 96, 96)
    assert config_to_hf(config, torch.float32)["head_dim"] == 96
    usual = config_from_hf(LLAMA_2 | {"head_dim": 128})
    assert usual == ModelConfig.preset("llama-2-7b") and usual.head_size is None


def test_a_llama3_scaling_that_leaves_out_the_original_context():
    rope = {name: v for name, v in LLAMA_3_2_SCALING.items() if not name.startswith("original")}
    config = config_from_hf(LLAMA_3_2 | {"rope_scaling": rope})
    assert config.rope_scaling.original_max_seq_len == 131072  # all there is, in transformers too


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention_bias": True}, "attention_bias is True, and minillama reads only False"),
        ({"mlp_bias": True}, "mlp_bias is True, and minillama reads only False"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu', and minillama reads only 'silu'"),
        ({"quantization_config": {"bits": 4}}, "quantization_config is {'bits': 4}, and"),
        ({"head_dim": 3}, "head_dim must be even, because RoPE turns pairs of numbers, not 3"),
        ({"head_dim": 0}, "head_dim must be between 1 and 65,536, not 0"),
        ({"head_dim": "128"}, "head_dim must be a whole number, not '128'"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor is not 1"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "rope_type is 'yarn', and mini"),
        ({"rope_scaling": {"type": "dynamic", "factor": 4.0}}, "rope_type is 'dynamic', and"),
        ({"rope_scaling": {"rope_type": "longrope"}}, "rope_type is 'longrope', and minillama"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 2.0}}, "rope_type is 'yarn', and"),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}, "rope_type is 'dynamic'"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "rope_type is 'longrope', and"),
        (
            {"rope_scaling": LLAMA_3_2_SCALING | {"original_max_position_embeddings": 0}},
            "rope_scaling original_max_position_embeddings must be between 1 and",
        ),
        ({"rope_scaling": {"type": "linear"}}, "rope_scaling factor must be a number, not None"),
        ({"rope_scaling": {"type": "llama3", "factor": 4.0}}, "low_freq_factor must be a number"),
        ({"rope_scaling": [4.0]}, r"rope_scaling must be an object or null, not \[4.0\]"),
        ({"rope_theta": "big"}, "rope_theta must be a number, not 'big'"),
        ({"hidden_size": None}, "hidden_size is missing"),
        ({"hidden_size": "4096"}, "hidden_size must be a whole number, not '4096'"),
        ({"hidden_size": "dim"}, "hidden_size must be a whole number, not 'dim'"),
        ({"intermediate_size": True}, "intermediate_size must be a whole number, not True"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers must be between 1 and 1,024, not 10000"),
        (
            {"num_attention_heads": 31},
            "hidden_size must be a multiple of num_attention_heads, and 4096 is not one of 31",
        ),
        (
            {"num_key_value_heads": 5},
            "num_attention_heads must be a multiple of num_key_value_heads, and 32 is not",
        ),
        (
            {"hidden_size": 96},
            r"head_dim \(hidden_size / num_attention_heads\) must be even",
        ),
        ({"max_position_embeddings": 0}, "max_position_embeddings must be between 1 and"),
        ({"rms_norm_eps": -1}, "rms_norm_eps must be above zero"),
        ({"tie_word_embeddings": 1}, "tie_word_embeddings must be true or false, not 1"),
    ],
)
def test_what_we_cannot_read_is_said_in_one_line(changes, message, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_2 | changes), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        load_model(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'config.json'}: ")
    assert "\n" not in str(caught.value)


# Folders that are damaged or mean harm


def test_no_model_at_all(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model 'nowhere': it is neither a folder nor"):
        load_model("nowhere")
    with pytest.raises(FileNotFoundError, match="neither a folder nor one that ships"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"there is no config\.json in .*not a model"):
        load_model(tmp_path)


def test_a_name_that_ships_is_found_and_a_folder_goes_first(tmp_path, monkeypatch):
    shipped = tmp_path / "assets" / "models" / "town"
    shipped.mkdir(parents=True)
    monkeypatch.setattr(formats, "asset_path", lambda name: tmp_path / "assets" / name)
    monkeypatch.chdir(tmp_path)
    assert find_model("town") == shipped
    with pytest.raises(FileNotFoundError):
        find_model("./other/town")
    (tmp_path / "town").mkdir()
    assert find_model("town") == Path("town")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not valid JSON"),
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[]", "should hold a JSON object"),
        ("{}", "has the model_type None, and minillama reads minillama and llama"),
        ('{"model_type": "mistral"}', "has the model_type 'mistral'"),
        ('{"model_type": "minillama"}', "dim is missing"),
        ('{"model_type": "llama"}', "hidden_size is missing"),
        ('{"model_type": ["llama"]}', r"has the model_type \['llama'\]"),
        ('{"a": "' + "x" * 2**24 + '"}', "is far too large"),
    ],
)
def test_a_config_that_is_none(text, message, tmp_path):
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_config_that_is_not_text(tmp_path):
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ValueError, match="is not valid JSON"):
        load_model(tmp_path)


def test_a_config_that_asks_for_more_than_the_file_has(saved):
    path = saved / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    for name in ("dim", "hidden_size", "hidden_dim", "intermediate_size", "vocab_size"):
        if name in values:
            values[name] = 2**16
    values.pop("head_dim", None)  # dim / n_heads again
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(ValueError, match=r"has the shape \[.*\] and the config asks for \[\d{5}"):
        load_model(saved)


def test_tensors_that_are_missing_unknown_misshapen_or_not_of_floating_point(saved):
    path = saved / "model.safetensors"
    whole = load_file(path)
    name = next(name for name in whole if "norm" in name)

    def refuse(message, tensors):
        save_file(tensors, path)
        with pytest.raises(ValueError, match=message):
            load_model(saved)

    refuse(
        rf"lacks 1 of the 21 tensors that its config asks for, such as {name}",
        {key: tensor for key, tensor in whole.items() if key != name},
    )
    refuse("the tensor extra is not asked for by the config", whole | {"extra": torch.ones(1)})
    refuse(
        rf"the tensor {name} has the shape \[9\] and the config asks for \[8\]",
        whole | {name: torch.ones(9)},
    )
    refuse(
        rf"the tensor {name} holds I8 numbers, and minillama reads F64, F32, F16, BF16",
        whole | {name: torch.ones(8, dtype=torch.int8)},
    )
    refuse("lacks 21 of the 21 tensors", {})


def test_a_file_cut_anywhere(saved):
    path = saved / "model.safetensors"
    whole = path.read_bytes()
    for length in [*range(0, 40), *range(40, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is not a whole safetensors file"):
            load_model(saved)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"there is no model\.safetensors in"):
        load_model(saved)


@pytest.mark.parametrize("shape", [[2**20, 2**20], [2**40, 2**40], [0], [-1], ["a"], None])
def test_a_header_that_claims_the_impossible(shape, saved):
    path = saved / "model.safetensors"
    whole = path.read_bytes()
    length = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + length])
    name = next(name for name in header if name != "__metadata__")
    header[name]["shape"] = shape
    claims = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(claims)) + claims + whole[8 + length :])
    with pytest.raises(ValueError, match="is not a whole safetensors file"):
        load_model(saved)
    path.write_bytes(struct.pack("<Q", 2**62) + claims)
    with pytest.raises(ValueError, match="is not a whole safetensors file"):
        load_model(saved)


@settings(max_examples=200)
@given(data=st.data())
def test_any_damage_is_a_value_error_or_another_model(data, tmp_path_factory):
    saved = tmp_path_factory.mktemp("damaged")
    save_model(random_llama(), saved, data.draw(st.sampled_from(FORMATS)))
    path = saved / data.draw(st.sampled_from(["config.json", "model.safetensors"]))
    whole = bytearray(path.read_bytes())
    where = st.integers(0, min(len(whole), 2500) - 1)  # mostly in the header
    for position in data.draw(st.lists(where, min_size=1, max_size=3)):
        whole[position] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    try:
        assert isinstance(load_model(saved), Llama)
    except ValueError as error:
        assert "\n" not in str(error)


def test_pickle_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_2), encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ValueError, match="holds its weights as pickle, which can run any code"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({}, "has no weight_map"),
        ({"weight_map": []}, "has no weight_map"),
        ({"weight_map": {"a": 1}}, "names 1, which is not a safetensors file beside it"),
        (
            {"weight_map": {"a": "../secret.safetensors"}},
            r"names '\.\./secret\.safetensors', which",
        ),
        ({"weight_map": {"a": ""}}, "names '', which is not a safetensors file beside it"),
    ],
)
def test_an_index_that_makes_no_sense(index, message, tmp_path):
    hf.save(random_llama(), tmp_path, max_shard_bytes=500)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path)


def test_a_whole_file_goes_before_an_index(tmp_path):
    model = random_llama()
    save_model(model, tmp_path, "hf")
    (tmp_path / "model.safetensors.index.json").write_text("left over", encoding="utf-8")
    assert_same_weights(load_model(tmp_path), model)


def test_a_shard_that_is_missing_or_repeats(tmp_path):
    model = random_llama()
    hf.save(model, tmp_path, max_shard_bytes=500)
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 2
    assert_same_weights(load_model(tmp_path), model)
    save_file(load_file(shards[0]) | load_file(shards[1]), shards[1])
    with pytest.raises(ValueError, match=r"the tensor .* is there twice"):
        load_model(tmp_path)
    shards[0].unlink()
    with pytest.raises(FileNotFoundError, match=f"there is no {shards[0].name} in"):
        load_model(tmp_path)


# minillama.load


def test_load_wants_a_tokenizer_before_it_reads_weights(saved):
    (saved / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.model"):
        minillama.load(saved)
    with pytest.raises(FileNotFoundError, match="neither a folder nor one that ships"):
        minillama.load("nowhere")


def test_load_gives_the_model_and_its_tokenizer(saved):
    tokenizer = minillama.Tokenizer.train(["a cat sat on a mat"] * 20, vocab_size=280, kind="bpe")
    tokenizer.save(saved)
    model, loaded = minillama.load(saved, dtype=torch.bfloat16)
    assert isinstance(model, Llama) and model.norm.weight.dtype == torch.bfloat16
    assert loaded.encode("a cat") == tokenizer.encode("a cat")
