"""Training from what others have made: padded vocabularies, tokenizers in tokenizer.json."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_hf_tokenizer import byte_level, small_model
from test_tokenizer import TEXTS

import minillama
from minillama.cli import main
from minillama.runs import read_log, read_samples
from minillama.tokenizer import Tokenizer
from minillama.training.config import TrainConfig
from minillama.training.events import Finished, Step
from minillama.training.loop import resume, train
from minillama.weights import load_model, load_tokenizer, save_model
from minillama.weights.json_tokenizer import JsonTokenizer

TEXT = "".join(f"{text} This is text {i}.\n" for i, text in enumerate(TEXTS * 4))
KINDS = ["padded", "pieces in json", "bytes in json"]
MODEL_FILES = {"config.json", "model.safetensors"}


def given_model(folder, kind):
    """A model in Hugging Face's format, of more rows than pieces, and with two ids at the end."""
    folder.mkdir()
    if kind == "bytes in json":
        byte_level(folder)
        save_model(small_model(350), folder, "hf")
        ends = [332, 331]
    else:
        save_model(small_model(320), folder, "hf", Tokenizer.train(TEXTS, vocab_size=300))
        (folder / ("tokenizer.json" if kind == "padded" else "tokenizer.model")).unlink()
        ends = [2, 6]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    return folder


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return TrainConfig(
        corpus=str(path), steps=6, every=2, batch_size=2, seq_len=16, threads=1, dtype="float32"
    )


def assert_same_tokenizer(ours, theirs):
    assert type(ours) is type(theirs) and ours.vocab_size == theirs.vocab_size
    assert (ours.bos_id, ours.eos_id, ours.eos_ids) == (
        theirs.bos_id,
        theirs.eos_id,
        theirs.eos_ids,
    )
    assert ours.encode(TEXT) == theirs.encode(TEXT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_goes_on_from_it_and_is_a_model_like_it(config, tmp_path, kind, capsys):
    source = given_model(tmp_path / "given", kind)
    model, tokenizer = minillama.load(source)
    assert model.config.vocab_size == tokenizer.vocab_size < load_model(source).config.vocab_size
    whole, folder = tmp_path / "whole", tmp_path / "run"
    config = replace(config, init_from=str(source))
    assert isinstance([*train(config, whole)][-1], Finished)
    # Its weights are large, so it begins with more than the loss of a new model.
    assert read_log(whole).training["loss"][0] > np.log(tokenizer.vocab_size) + 1

    events = train(config, folder)  # the same, stopped after three steps
    while not (isinstance(event := next(events), Step) and event.step == 3):
        pass
    events.close()
    shutil.rmtree(source)  # it is not asked for again
    assert isinstance([*resume(folder)][-1], Finished)
    for column in ("loss", "gradient_norm"):
        ours, theirs = (read_log(path).training[column] for path in (folder, whole))
        np.testing.assert_array_equal(ours, theirs)
    assert read_samples(folder) == read_samples(whole)

    name = "tokenizer.model" if kind == "padded" else "tokenizer.json"
    for path in (folder, folder / "data", folder / "checkpoints" / "step-000006"):
        assert (path / name).exists() and (path / "generation_config.json").exists()
        assert len([*path.glob("tokenizer.[mj]*")]) == 1
        assert_same_tokenizer(load_tokenizer(path), tokenizer)
    trained, again = minillama.load(folder)
    assert trained.config == model.config
    assert_same_tokenizer(again, tokenizer)
    for path in (whole, folder / "checkpoints" / "step-000006"):
        for ours, theirs in zip(trained.parameters(), load_model(path).parameters(), strict=True):
            assert torch.equal(ours, theirs)

    capsys.readouterr()
    assert main(["eval", config.corpus, "--model", str(folder)]) == 0
    assert "nats per token" in capsys.readouterr().out
    assert main(["generate", "Mia", "--model", str(folder), "--max-new-tokens", "4"]) == 0
    assert capsys.readouterr().out.startswith("Mia")
    for format in ("hf", "native"):
        assert main(["convert", str(folder), str(tmp_path / format), "--format", format]) == 0
        assert_same_tokenizer(minillama.load(tmp_path / format)[1], tokenizer)
    further = [*train(replace(config, init_from=str(folder)), tmp_path / "further")]
    assert isinstance(further[-1], Finished)


@pytest.mark.parametrize("path", [".", "tokenizer.json"])
@pytest.mark.parametrize("separator", [None, "\n"])
def test_a_tokenizer_json_can_be_given_by_its_folder(config, tmp_path, path, separator):
    (tmp_path / "given").mkdir()
    byte_level(tmp_path / "given")
    given = str(tmp_path / "given" / path)
    config = replace(config, preset="tiny", tokenizer=given, separator=separator, steps=2)
    assert isinstance([*train(config, tmp_path / "run")][-1], Finished)
    model, tokenizer = minillama.load(tmp_path / "run")
    assert isinstance(tokenizer, JsonTokenizer) and model.config.vocab_size == 334
    assert_same_tokenizer(tokenizer, load_tokenizer(tmp_path / "given"))


def test_a_preset_of_the_models_shape_is_no_contradiction(config, tmp_path):
    shape = minillama.ModelConfig.preset("tiny", vocab_size=300)
    source = tmp_path / "given"
    save_model(minillama.Llama(shape), source, "native", Tokenizer.train(TEXTS, vocab_size=300))
    config = replace(config, init_from=str(source), preset="tiny", steps=1)
    assert isinstance([*train(config, tmp_path / "run")][-1], Finished)
    with pytest.raises(ValueError, match="keeps its shape, which is not that of the preset small"):
        list(train(replace(config, preset="small"), tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_older_runs_that_named_defaults_without_effect_go_on(config, tmp_path):
    source = given_model(tmp_path / "given", "padded")
    config = replace(config, init_from=str(source))
    folder = tmp_path / "run"
    events = train(config, folder)
    while not isinstance(next(events), Step):
        pass
    events.close()
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    for part in ("asked", "plan"):
        del run[part]["language"]
        run[part] |= {"preset": "small", "tokenizer": "bpe"}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    assert isinstance([*resume(folder)][-1], Finished)
    old = {"corpus": config.corpus, "tokenizer": "char", "vocab_size": 300, "preset": "tiny"}
    assert TrainConfig.from_dict(old).vocab_size is None
