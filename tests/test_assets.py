"""The trained models that ship are what their logs say they are."""

import json

import numpy as np
import pytest
import torch

import minillama
from minillama import toytown
from minillama.cli.evaluate import write
from minillama.data import documents_from_texts
from minillama.evaluate.losses import document_losses
from minillama.runs import read_log
from minillama.system.assets import asset_path

MODELS = ["toytown", "toytown-tiny"]


@pytest.fixture(scope="module")
def stories():
    return [toytown.story(i, ("en", "zh")[i % 2], "test") for i in range(64)]


def ratio(model, tokenizer, stories):
    """The loss on these stories as a multiple of their floor."""
    documents = documents_from_texts((story.text for story in stories), tokenizer)
    floor = sum(np.log(2) - story.log_prob for story in stories)
    return float(document_losses(model.float(), documents).sum()) / floor


@pytest.mark.parametrize("name", MODELS)
def test_the_model_is_as_far_from_the_floor_as_its_log_says(name, stories):
    folder = asset_path(f"models/{name}")
    log = read_log(folder)
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert run["plan"]["corpus"] == "toytown" and run["plan"]["preset"] in ("toytown", "tiny")
    last = run["plan"]["steps"]  # the logs are thinned: all of the first 100 steps, then tenths
    assert log.training["step"].tolist() == [*range(1, 101), *range(110, last + 1, 10)]
    assert log.validation["step"][-1] == last
    told = log.validation["ratio"][-1]
    assert ratio(*minillama.load(name), stories) == pytest.approx(told, abs=0.03)


@pytest.mark.parametrize("name", MODELS)
def test_the_tokenizer_is_the_one_that_ships(name):
    _, tokenizer = minillama.load(name)
    shipped = minillama.Tokenizer.load(asset_path("tokenizers/toytown"))
    text = "Tom had a red ball. 小美有一个皮球。"
    assert tokenizer.encode(text) == shipped.encode(text)
    assert tokenizer.vocab_size == shipped.vocab_size == 2048


def test_it_writes_toytown():
    model, tokenizer = minillama.load("toytown")
    verdicts = [toytown.judge(text) for text in write(model, tokenizer, 40, 0.8, seed=0)]
    valid = sum(verdict.valid_sentences for verdict in verdicts)
    assert valid / sum(verdict.sentences for verdict in verdicts) > 0.95
    assert sum(verdict.finished for verdict in verdicts) > 4


def test_what_was_kept_along_the_way_gets_better(stories):
    """Eight models from the training of the tiny one, in bfloat16."""
    folders = sorted((asset_path("models/toytown-tiny") / "kept").iterdir())
    steps = [int(folder.name.removeprefix("step-")) for folder in folders]
    assert len(steps) == 8 and steps == sorted(steps)
    ratios = []
    for folder in folders:
        model, tokenizer = minillama.load(folder)
        assert model.norm.weight.dtype == torch.bfloat16
        ratios.append(ratio(model, tokenizer, stories[:32]))
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 5 > 2 > ratios[-1]
