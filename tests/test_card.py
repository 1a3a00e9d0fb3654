"""A model for a friend: the card that says what it is, and code in it that runs."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import yaml

import minillama
from minillama.cli import main
from minillama.system.assets import asset_path
from minillama.training.config import TrainConfig
from minillama.training.loop import train

TEXT = "Mia has a red ball. Tom has two blue boats. It rains all day, says 小安.\n" * 200


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run on a text of one's own."""
    folder = tmp_path_factory.mktemp("card")
    (folder / "diary.txt").write_text(TEXT, encoding="utf-8")
    config = TrainConfig(
        corpus=str(folder / "diary.txt"), preset="tiny", steps=30, batch_size=2, seq_len=32,
        vocab_size=300, threads=1, dtype="float32", every=30,
    )  # fmt: skip
    list(train(config, folder / "run"))
    return folder / "run"


def converted(run, target, *options):
    assert main(["convert", str(run), str(target), *options]) == 0
    text = (target / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    return yaml.safe_load(front), body


def test_a_card_says_what_a_run_knows(finished, tmp_path, capsys):
    front, body = converted(finished, tmp_path / "my-llama")
    assert front["library_name"] == "transformers" and front["pipeline_tag"] == "text-generation"
    assert front["license"] == "other" and "language" not in front
    assert body.startswith("\n# my-llama\n")
    model = minillama.load(finished)[0]
    validation = minillama.runs.read_log(finished).validation[-1]
    reference = minillama.runs.read_reference(finished)
    for words in (
        f"| parameters | {model.n_parameters:,} |",
        "the text `diary.txt`, from random weights: 30 steps of 64 tokens",
        f"{validation['loss']:.3f} nats per token, or {validation['bits_per_byte']:.3f} bits per",
        f"a {reference.n}-gram model",
        "No model can" if validation["floor"] == validation["floor"] else "held out from training",
    ):
        assert words in body
    assert str(finished.parent) not in body  # where it was made is nobody's business
    assert "the license is yours to choose" in capsys.readouterr().out


def test_a_run_on_toytown_knows_its_floor(tmp_path):
    front, body = converted("toytown", tmp_path / "model")
    assert front["language"] == ["en", "zh"]
    assert "ToyTown" in body and "the weights of the model `second`" in body
    assert "times the floor" in body and "in English and Chinese" in body


def test_a_run_in_one_language_says_which(tmp_path):
    folder = shutil.copytree(asset_path("models/toytown"), tmp_path / "run")
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    run["plan"] |= {"language": "zh", "preset": None, "tokenizer": None}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    front, body = converted(folder, tmp_path / "model")
    assert front["language"] == ["zh"] and "stories in Chinese," in body


@pytest.mark.parametrize("damage", [None, "{", '{"asked": {}}', '{"asked": {}, "plan": {}}'])
def test_of_a_model_that_is_no_run_only_its_shape_is_known(tmp_path, damage):
    config = minillama.ModelConfig.preset("tiny", vocab_size=30)
    minillama.save_model(minillama.Llama(config), tmp_path / "bare")
    if damage:
        (tmp_path / "bare" / "run.json").write_text(damage, encoding="utf-8")
    front, body = converted(tmp_path / "bare", tmp_path / "out", "--format", "native")
    assert front["library_name"] == "minillama"
    assert "| vocabulary | 30 tokens |" in body and "## License" in body
    for unknown in ("## Training", "## How good", "## Loading", "language: en\n- "):
        assert unknown not in body


@pytest.mark.parametrize("library", ["transformers", "minillama"])
def test_a_friend_loads_it_in_five_lines(finished, tmp_path, library):
    """The code in the card, run beside the folder, prints text that begins with the prompt."""
    if library == "transformers":
        pytest.importorskip("transformers")
    _, body = converted(finished, tmp_path / "my-llama")
    [code] = re.findall(rf"## Loading it with {library}\n\n```python\n(.*?)```", body, re.DOTALL)
    assert len(code.strip().splitlines()) == 5
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, capture_output=True,
        encoding="utf-8", env=offline(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    prompt = minillama.runs.read_samples(finished)[-1].prompt
    assert done.stdout.lstrip().startswith(prompt.lstrip()) and len(done.stdout) > len(prompt) + 10


def offline():
    """The environment, in which nothing is looked for on the network."""
    import os

    return os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONIOENCODING": "utf-8"}
