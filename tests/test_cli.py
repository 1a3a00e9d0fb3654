import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from math import log
from pathlib import Path
from statistics import fmean

import pytest
import sentencepiece
import torch
from hypothesis import given
from hypothesis import strategies as st

import minillama
from minillama import toytown
from minillama.cli import build_parser, generate, main, train
from minillama.cli.options import flag
from minillama.cli.options import given as given_options
from minillama.cli.shared import clock, command
from minillama.data import Documents, documents_from_texts
from minillama.evaluate.losses import document_losses
from minillama.runs import read_log, read_reference
from minillama.system import machine
from minillama.system.files import read_text
from minillama.training.config import TrainConfig, draft
from minillama.training.events import Started
from minillama.training.expect import MEASURED, expected_ratio

ROOT = Path(__file__).parent.parent
QUICK = "--preset tiny --tokenizer char --seq-len 16 --batch-size 2 --threads 1 --dtype float32"
TEXT = "Mia has a red ball. Tom has two blue boats. It rains all day. " * 20


@pytest.fixture(scope="session")
def text_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """The folder of a model that has learnt nothing, but can read and write ToyTown."""
    folder = tmp_path_factory.mktemp("models") / "model"
    stories = [toytown.story(i, ("en", "zh")[i % 2]).text for i in range(100)]
    tokenizer = minillama.Tokenizer.train(stories, vocab_size=700)
    torch.manual_seed(0)
    shape = minillama.ModelConfig.preset("tiny", vocab_size=tokenizer.vocab_size, max_seq_len=512)
    minillama.save_model(minillama.Llama(shape), folder)
    tokenizer.save(folder)
    return folder


def run(capsys, line, *words):
    """Run a command that succeeds; what it printed."""
    assert main([*line.split(), *map(str, words)]) == 0
    return capsys.readouterr().out


def refused(capsys, line, *words):
    """Run a command that is refused; the sentence that says why."""
    try:
        code = main([*line.split(), *map(str, words)])
    except SystemExit as exit:  # argparse
        code = exit.code
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.startswith("minillama: error: ")
    assert err.count("\n") == 1
    return err.removeprefix("minillama: error: ").rstrip("\n")


def process(*args, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "minillama", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **options,
    )


# ---------------------------------------------------------------------------------- the command


@pytest.mark.parametrize(
    "name", ["train", "generate", "eval", "corpus", "convert", "bench", "workbook"]
)
def test_every_command_is_listed_and_has_help(capsys, name):
    assert f"\n    {name} " in run(capsys, "")
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert f"usage: minillama {name} " in capsys.readouterr().out


def test_help_does_not_wait_for_torch():
    code = "import sys, minillama.cli as c; c.build_parser(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_shows_every_default_of_a_training(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    for field in fields(TrainConfig):
        option = f"{flag(field.name)} {field.metadata['metavar']} {field.metadata['help']}"
        chosen = field.metadata["chosen"] or field.default
        chosen = f"{chosen:g}" if isinstance(chosen, float) else chosen
        assert option + (f" (default: {chosen})" if chosen is not None else "") in out


def subcommands():
    """The parser of each subcommand, by its name."""
    kind = argparse._SubParsersAction
    [found] = [action for action in build_parser()._actions if isinstance(action, kind)]
    return found.choices


@pytest.mark.parametrize("name", subcommands())
def test_help_shows_every_default_or_how_it_is_chosen(name):
    parser = subcommands()[name]
    for action in parser._actions:
        optional = action.option_strings or action.nargs in ("?", "*")
        if action.nargs == 0 or not optional or action.dest == "folder":
            continue  # a switch is off until it is given; the rest has to be given
        words = parser._get_formatter()._expand_help(action)
        chosen = re.search(r"\(default: ([^()]+)\)$", words)
        assert chosen, (action.dest, words)
        if action.default not in (None, [], argparse.SUPPRESS):
            assert chosen[1] == str(action.default)


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"minillama {minillama.__version__}\n"


def test_options_are_given_only_where_they_are():
    args = build_parser().parse_args(["train", "--lr", "1e-3", "--keep", "0", "--corpus", "5"])
    assert given_options(args, TrainConfig) == {"lr": 1e-3, "keep": 0, "corpus": "5"}


def test_output_is_utf_8_whatever_the_console_speaks():
    environment = os.environ | {"PYTHONIOENCODING": "cp1252:strict"}
    out, err = process("corpus", "--language", "zh", "--seed", "7", env=environment).communicate()
    assert err == ""
    assert out.startswith(toytown.story(7, "zh").text + "\n\n")


def test_closed_pipe_is_no_error():
    reader = process("corpus", "--stories", "5000")
    assert reader.stdout.readline() == toytown.story(0, "en").text + "\n"
    reader.stdout.close()
    assert reader.stderr.read() == ""
    assert reader.wait() == 0
    reader.stderr.close()


def test_error_and_exit_code_from_the_shell():
    out, err = process("generate", "--model", "no-such-model").communicate()
    assert out == ""
    assert err.startswith("minillama: error: there is no model 'no-such-model'")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("bake", "invalid choice: 'bake'"),
        ("train --minuets 5", "--minuets"),
        ("train --minutes 5 --steps 5", "give minutes or steps, not both"),
        ("generate --top-k many", "'many'"),
        ("corpus --stories -1", "at least 1"),
        ("corpus --stories 0", "at least 1"),
        ("generate --prompt Mia Tom", "not both"),
        ("generate --seed 1e3", "invalid int value: '1e3'"),
        ("eval --temperature 1e-310", "temperature must be 0 (greedy) or from 1e-15 to 1e+15"),
        ("corpus --split dev", "'dev'"),
        ("corpus -o no/such/folder/stories.txt", "No such file or directory"),
        ("generate --samples 0", "at least 1"),
        ("eval --stories 1", "at least 2"),
        ("eval --separator blank", "for a FILE of your own"),
    ],
)
def test_wrong_arguments(capsys, line, words):
    assert words in refused(capsys, line)


def test_too_little_memory_is_told_in_a_sentence(capsys, monkeypatch):
    def too_much(*arguments):
        return torch.empty(2**60, dtype=torch.int8)

    monkeypatch.setattr(minillama, "load", too_much)
    assert "does not have enough memory" in refused(capsys, "generate")
    monkeypatch.setattr(minillama, "load", lambda *arguments: bytes(2**62))
    assert "does not have enough memory" in refused(capsys, "generate")


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "0:00"), (245.4, "4:05"), (3845.0, "1:04:05")])
def test_clock(seconds, text):
    assert clock(seconds) == text


# ---------------------------------------------------------------------------------- train


def test_train_tells_where_everything_is_and_how_to_go_on(capsys, tmp_path, text_file):
    folder = tmp_path / "a run"
    out = run(capsys, f"train {QUICK} --steps 4 --every 2 --corpus", text_file, "--out", folder)
    for step in (2, 4):
        assert f"step {step}: validation loss " in out
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert f"curve  {folder / 'loss.png'}" in out
    shown = out.splitlines()[-1].removeprefix("write  ")
    assert shown == command("generate", "--model", folder)
    words = shlex.split(shown) if os.name == "posix" else ["generate", "--model", str(folder)]
    assert run(capsys, "", *words[words.index("generate") :], "--max-new-tokens", 5)


def test_interrupted_training_goes_on_as_if_nothing_had_been(
    capsys, tmp_path, text_file, monkeypatch
):
    arguments = f"train {QUICK} --steps 9 --corpus", text_file, "--out"
    run(capsys, *arguments, tmp_path / "whole")

    def interrupt(event):
        if event.step == 5:
            raise KeyboardInterrupt
        return ""

    folder = tmp_path / "broken"
    with monkeypatch.context() as patch:
        patch.setattr(train, "progress", interrupt)
        assert main([*arguments[0].split(), str(text_file), "--out", str(folder)]) == 130
    out = capsys.readouterr().out
    assert out.endswith(f"To continue:\n  {command('train', '--resume', folder)}\n")

    run(capsys, "train --resume", folder)
    losses, expected = (read_log(tmp_path / name).training["loss"] for name in ("broken", "whole"))
    assert losses.tolist() == expected.tolist()


def test_runs_get_folders_of_their_own_and_the_newest_is_resumed(
    capsys, tmp_path, text_file, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("text", "text-2"):
        run(capsys, f"train {QUICK} --steps 1 --corpus", text_file)
        assert (tmp_path / "runs" / name / "model.safetensors").exists()
    os.utime(tmp_path / "runs" / "text-2" / "log.csv", (0, 0))
    assert "runs" + os.sep + "text\n" in run(capsys, "train --resume")


def test_files_that_are_no_text(capsys, tmp_path):
    (tmp_path / "empty").write_bytes(b" \n")
    (tmp_path / "binary").write_bytes(b"text\0text" * 1000)
    (tmp_path / "latin1").write_bytes("Das Mädchen läuft. ".encode("latin-1") * 1000)
    (tmp_path / "folder").mkdir()
    (tmp_path / "wide").write_bytes("Mia found a kite.".encode("utf-16"))
    sentences = set()
    for name in ("missing", "empty", "binary", "latin1", "wide", "folder"):
        path = tmp_path / name
        sentence = refused(capsys, f"train {QUICK} --out", tmp_path / "run", "--corpus", path)
        assert str(path) in sentence
        assert refused(capsys, "eval", path) == sentence
        if name != "folder":
            with pytest.raises((ValueError, OSError)) as error:
                read_text(path)
            assert str(error.value) == sentence
        sentences.add(sentence.replace(name, ""))
    assert len(sentences) == 6  # each says what is wrong in its own words
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--preset huge", "there is no preset 'huge'; there are tiny, small, toytown"),
        ("--tokenizer bpe --vocab-size 50000", "too large for this text"),
        ("--tokenizer no/such/file", "there is no tokenizer"),
        ("--seq-len 4000", "too short"),
        ("--minutes 0", "minutes must be above zero"),
        ("--lr -1", "lr must be above zero"),
        ("--batch-size 0", "batch_size must be at least 1"),
        ("--dtype float8", "float32 or bfloat16"),
    ],
)
def test_training_that_cannot_be(capsys, tmp_path, text_file, options, words):
    folder = tmp_path / "run"
    line = f"train {QUICK} {options} --corpus"
    assert words in refused(capsys, line, text_file, "--out", folder)
    assert not folder.exists()


def test_resuming_what_cannot_be_resumed(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "there is no run" in refused(capsys, "train --resume")
    assert "there is no run" in refused(capsys, "train --resume elsewhere")
    assert "leave out --preset, --lr" in refused(capsys, "train --resume x --preset tiny --lr 1")
    assert "leave out one" in refused(capsys, "train --resume x --out y")


def test_resuming_with_other_options_points_to_a_new_run(capsys, tmp_path, text_file):
    folder = tmp_path / "a run"
    run(capsys, f"train {QUICK} --steps 1 --corpus", text_file, "--out", folder)
    said = refused(capsys, "train --steps 100 --preset tiny --resume", folder)
    assert "leave out --preset, --steps. To train its model further with other options" in said
    shown = command("train", "--init-from", folder, "--corpus", text_file, "--steps", "100")
    assert said.endswith(f"begin a new run: {shown}")
    if os.name == "posix":
        words = shlex.split(shown)
        args = build_parser().parse_args(words[words.index("train") :])
        TrainConfig(**given_options(args, TrainConfig))


def test_the_new_run_reads_its_text_as_the_old_one_did(capsys, tmp_path):
    folder, path = tmp_path / "run", tmp_path / "text.txt"
    path.write_text("\n\n".join(f"Mia has {n} kites." for n in range(99)), encoding="utf-8")
    run(capsys, f"train {QUICK} --steps 1 --separator blank --corpus", path, "--out", folder)
    said = refused(capsys, "train --steps 9 --resume", folder)
    options = ("--corpus", path, "--separator", "blank", "--steps", "9")
    assert said.endswith(command("train", "--init-from", folder, *options))


def test_a_folder_in_use_is_not_trained_into(capsys, tmp_path, text_file):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    line = f"train {QUICK} --steps 1 --corpus"
    assert "is not empty" in refused(capsys, line, text_file, "--out", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


# ---------------------------------------------------------------------------------- generate


def test_generate_goes_on_from_the_prompt(capsys, model):
    line = "generate --prompt Mia --max-new-tokens 20 --seed 3 --model"
    text = run(capsys, line, model)
    assert text.startswith("Mia")
    assert run(capsys, line, model) == text

    loaded, tokenizer = minillama.load(model)
    prompt = tokenizer.encode("Mia", bos=True)
    tokens = minillama.generate(loaded, prompt, max_new_tokens=20, temperature=0.8, seed=3)
    assert text == tokenizer.decode([*prompt, *tokens]) + "\n"


def test_the_prompt_may_stand_by_itself(capsys, model):
    line = "generate --max-new-tokens 5 --seed 3 --model"
    text = run(capsys, line, model, "--prompt", "Mia found")
    assert text.startswith("Mia found")
    assert run(capsys, line, model, "Mia found") == text
    assert run(capsys, "generate Mia found --max-new-tokens 5 --seed 3 --model", model) == text


def test_a_folder_of_runs_and_a_file_are_no_model(capsys, tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    for name in ("second", "first"):
        shutil.copytree(model, tmp_path / "runs" / name)
    (tmp_path / "runs" / "unfinished").mkdir()
    first, second = Path("runs/first"), Path("runs/second")
    said = f"runs is not a model, but has models in it: {first}, {second}"
    (tmp_path / "llama.bin").write_bytes(b"GGUF")
    for line in ("generate --model", "eval --model", "convert --format hf", "train --init-from"):
        words = ["new"] if line.startswith("convert") else []
        assert refused(capsys, line, "runs", *words) == said
        sentence = refused(capsys, line, "llama.bin", *words)
        assert "llama.bin is a file, and a model is a folder" in sentence
        assert "config.json, model.safetensors and tokenizer.model" in sentence
    for name in ("first", "second"):
        (tmp_path / "runs" / name / "config.json").rename(tmp_path / f"{name}.json")
    (tmp_path / "runs" / "unfinished" / "run.json").touch()
    said = refused(capsys, "generate --model runs")
    assert "has runs that have no model yet" in said and said.endswith(f"{Path('runs/unfinished')}")
    for number in range(12):
        shutil.copytree(model, tmp_path / "runs" / f"more-{number}")
    assert refused(capsys, "generate --model runs").endswith(", ...")


@pytest.mark.parametrize("seed", [2**64, 2**64 + 7, 2**80, -1, -(2**63), -(2**70)])
def test_any_whole_number_is_a_seed(capsys, model, seed):
    line = f"generate --max-new-tokens 5 --seed {seed} --model"
    text = run(capsys, line, model)
    assert run(capsys, line, model) == text
    assert run(capsys, line, model, "--samples", 2).startswith(text + "\n")
    toytown.story(seed)
    run(capsys, f"corpus --stories 2 --seed {abs(seed)}")


def test_more_tokens_than_there_can_be_are_all_there_can_be(capsys, model):
    line = "generate --temperature 3 --seed 0 --model"
    assert run(capsys, line, model, "--max-new-tokens", 10**30) == run(capsys, line, model)


def test_generate_hands_its_settings_on(capsys, model):
    loaded, tokenizer = minillama.load(model)
    options = {"temperature": 1.5, "top_k": 30, "top_p": 0.9, "min_p": 0.05}
    options |= {"repetition_penalty": 1.2, "no_repeat_ngram": 2, "max_new_tokens": 20, "seed": 3}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    prompt = [tokenizer.bos_id]
    tokens = minillama.generate(loaded, prompt, stop={tokenizer.eos_id}, **options)
    assert run(capsys, "generate --model", model, *words) == tokenizer.decode(tokens) + "\n"


def test_samples_differ_and_stop_where_told(capsys, model):
    line = "generate --max-new-tokens 30 --seed 3 --samples 2 --model"
    first, second = run(capsys, line, model).removesuffix("\n").split("\n\n")
    assert first != second
    # Each is what its seed writes alone, also where more are asked for than fit side by side.
    alone = run(capsys, line.replace("seed 3 --samples 2", "seed 4"), model)
    assert alone == second + "\n"
    many = run(capsys, line.replace("3 --samples 2", "-30 --samples 35"), model)
    assert many.endswith(f"\n\n{first}\n\n{second}\n")
    stop = first[10:13]
    stopped = run(capsys, line.replace("--samples 2", "--samples 1"), model, "--stop", stop)
    assert stopped == first[: first.index(stop)] + "\n"


@given(st.lists(st.text("ab", max_size=4)), st.lists(st.text("ab", min_size=1, max_size=3)))
def test_until_cuts_where_the_whole_text_would_be_cut(parts, stops):
    text = "".join(parts)
    end = min((text.index(stop) for stop in stops if stop in text), default=len(text))
    assert "".join(generate.until(parts, stops)) == text[:end]


def test_until_holds_back_no_more_than_it_must():
    stream = generate.until(["a", "bc", "<", "b<", "end", "x"], ["<end"])
    assert list(stream)[:4] == ["a", "bc", "", "<b"]


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ("--temperature -1", {"temperature": -1.0}),
        ("--temperature 1e-310", {"temperature": 1e-310}),
        ("--temperature 1e300", {"temperature": 1e300}),
        ("--top-p 1e-320", {"top_p": 1e-320}),
        ("--repetition-penalty 1e-320", {"repetition_penalty": 1e-320}),
        ("--repetition-penalty 1e308", {"repetition_penalty": 1e308}),
        ("--top-p 0", {"top_p": 0.0}),
        ("--top-p 1.5", {"top_p": 1.5}),
        ("--top-k -5", {"top_k": -5}),
        ("--min-p 2", {"min_p": 2.0}),
        ("--repetition-penalty 0", {"repetition_penalty": 0.0}),
        ("--no-repeat-ngram -1", {"no_repeat_ngram": -1}),
        ("--prompt " + "x" * 2000, {}),
    ],
)
def test_settings_that_cannot_be_say_the_same_in_python(capsys, model, options, arguments):
    sentence = refused(capsys, f"generate {options} --model", model)
    loaded, tokenizer = minillama.load(model)
    prompt = tokenizer.encode("x" * 2000 if "--prompt" in options else "", bos=True)
    with pytest.raises(ValueError) as error:
        list(minillama.generate(loaded, prompt, **arguments))
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_heads": 5}, "dim must be a multiple of n_heads"),
        ({"n_kv_heads": 3}, "n_heads must be a multiple of n_kv_heads"),
        ({"dim": 60, "n_heads": 4}, "head_dim (dim / n_heads) must be even"),
        ({"dim": "wide"}, "dim must be a whole number"),
        ({"n_layers": 3}, "lacks"),
        ({"model_type": "bert"}, "'bert'"),
    ],
)
def test_configs_that_cannot_be(capsys, tmp_path, model, change, words):
    folder = shutil.copytree(model, tmp_path / "model")
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(values | change), encoding="utf-8")
    sentence = refused(capsys, "generate --model", folder)
    assert words in sentence
    with pytest.raises(ValueError) as error:
        minillama.load(folder)
    assert str(error.value) == sentence


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.model", "config.json"])
@pytest.mark.parametrize("share", [None, 0, 0.001, 0.5, 0.99])
def test_damaged_files(capsys, tmp_path, model, name, share):
    folder = shutil.copytree(model, tmp_path / "model")
    content = (folder / name).read_bytes()
    if share is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content[: int(len(content) * share)])
    sentence = refused(capsys, "generate --model", folder)
    assert name in sentence
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        minillama.load(folder)
    assert str(error.value) == sentence


# ---------------------------------------------------------------------------------- corpus


def test_corpus_in_a_file(capsys, tmp_path):
    path = tmp_path / "stories.txt"
    run(capsys, "corpus --stories 6 --seed 11 --split valid -o", path)
    stories = [toytown.story(i, ("en", "zh")[i % 2], "valid").text for i in range(11, 17)]
    assert path.read_bytes().decode() == "\n\n".join(stories) + "\n"


def test_corpus_on_the_screen(capsys):
    stories = [toytown.story(i, "en").text + "\n\n" for i in range(5)]
    assert run(capsys, "corpus --language en --stories 2") == "".join(stories[:2])
    assert run(capsys, "corpus --language en") == "".join(stories)
    assert run(capsys, "corpus --language en --stories 9 --show 3") == "".join(stories[:3])


@pytest.mark.parametrize(("language", "more"), [("zh", 0), ("both", log(2))])
def test_floor_is_the_mean_surprise(capsys, language, more):
    out = run(capsys, f"corpus --floor --stories 40 --language {language}")
    languages = ("en", "zh") if language == "both" else ("zh", "zh")
    stories = [toytown.story(i, languages[i % 2]) for i in range(40)]
    nats = [more - story.log_prob for story in stories]
    size = sum(len(story.text.encode()) for story in stories)
    assert "no model can get below" in out and "1 nat is 1.44 bits" in out
    assert f" {fmean(nats):.2f} nats per story" in out
    assert f" {sum(nats) / size / log(2):.4f} bits per byte" in out


# ---------------------------------------------------------------------------------- eval, convert


def test_eval_on_toytown(capsys, model):
    out = run(capsys, "eval --stories 6 --samples 3 --model", model)
    stories = [toytown.story(i, ("en", "zh")[i % 2], "test") for i in range(6)]
    floor = fmean(log(2) - story.log_prob for story in stories)
    _, tokenizer = minillama.load(model)
    n_tokens = fmean(len(tokenizer.encode(story.text, eos=True)) for story in stories)
    chance = n_tokens * log(tokenizer.vocab_size)  # what knowing nothing costs
    numbers = dict(reversed(line.split(maxsplit=1)) for line in out.splitlines())
    assert float(numbers["nats per story"]) == pytest.approx(chance, rel=0.05)
    assert float(numbers["nats per story, the floor"]) == pytest.approx(floor, abs=0.01)
    assert numbers["of its sentences are ones that ToyTown can write"] == "0.0%"
    assert numbers["of its stories consist only of such sentences"] == "0.0%"


def test_eval_on_toytown_in_the_language_of_the_training(capsys, tmp_path, model):
    folder = shutil.copytree(model, tmp_path / "run")
    text = json.dumps({"asked": {}, "plan": {"language": "zh"}, "model": {}})
    (folder / "run.json").write_text(text, encoding="utf-8")
    for words, language in [([], "zh"), (["--language", "en"], "en")]:
        out = run(capsys, "eval --stories 3 --samples 0 --model", folder, *words)
        floor = fmean(-toytown.story(i, language, "test").log_prob for i in range(3))
        assert f"  {floor:.2f} nats per story, the floor\n" in out
    said = refused(capsys, "eval --language en --model", folder, folder / "run.json")
    assert "--language is for ToyTown's stories" in said
    (folder / "run.json").write_text("damaged", encoding="utf-8")
    out = run(capsys, "eval --stories 2 --samples 0 --model", folder)
    floor = fmean(log(2) - toytown.story(i, "en zh".split()[i], "test").log_prob for i in range(2))
    assert f"  {floor:.2f} nats per story, the floor\n" in out


@pytest.fixture(scope="module")
def own_run(tmp_path_factory):
    """A run on a text of one's own, and that text."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "text.txt").write_text(TEXT * 2, encoding="utf-8")
    options = f"train {QUICK} --steps 40 --every 20 --corpus"
    assert main([*options.split(), str(folder / "text.txt"), "--out", str(folder / "run")]) == 0
    return folder / "run", folder / "text.txt"


def test_a_run_on_own_text_says_what_its_loss_is_worth(own_run, capsys, tmp_path):
    folder, text = own_run
    out = run(capsys, f"train {QUICK} --steps 2 --corpus", text, "--out", tmp_path / "run")
    reference = read_reference(tmp_path / "run")
    assert f"{reference.bits_per_byte:.3f} bits per byte by a {reference.n}-gram model" in out
    assert f"{reference.lzma:.3f} by lzma, {reference.gzip:.3f} by gzip" in out
    assert reference == read_reference(folder) and reference.loss < log(30)
    assert f"{2 * 2 * 16 / 1e6:.1f} million tokens" in out and "times the whole text" in out


def test_eval_of_a_run_measures_what_it_held_out(own_run, capsys, monkeypatch):
    """As the training did at its end, for its text, or if no text is named; --all measures all."""
    folder, text = own_run
    last = read_log(folder).validation[-1]
    n = int((Documents.load(folder / "data" / "valid.npz").lengths - 1).sum())
    for words in ([text], [], [text.parent / "." / text.name]):
        out = run(capsys, "eval --model", folder, *words).splitlines()
        assert f": {n:,} tokens that {folder} held out and never learned from" in out[0]
        assert float(out[1].split()[0]) == pytest.approx(last["loss"], abs=1e-4)
        assert float(out[2].split()[0]) == pytest.approx(last["bits_per_byte"], abs=1e-4)
        assert "-gram model" in out[3]
    whole = run(capsys, "eval --all --model", folder, text)
    assert "held out" not in whole and "in windows of" in whole.splitlines()[0]
    assert "held out" not in run(capsys, "eval --separator blank --model", folder, text)
    assert "name one" in refused(capsys, "eval --all --model", folder)
    [checkpoint, *_] = sorted((folder / "checkpoints").glob("step-*"), reverse=True)
    assert "held out" in run(capsys, "eval --model", checkpoint, text)


def test_eval_on_another_text_measures_all_of_it(own_run, capsys, tmp_path):
    other = shutil.copy(own_run[1], tmp_path / "other.txt")
    assert "held out" not in run(capsys, "eval --model", own_run[0], other)


def started(**changes):
    """The first lines of a training on ToyTown."""
    plan = replace(draft(TrainConfig()), steps=changes.pop("steps", 600))
    facts = {"corpus_tokens": 10**6, "timed": True, "floor": 0.67} | changes
    shape = minillama.ModelConfig.preset("small", vocab_size=300)
    return train.started(Started(Path("run"), plan, shape, 10**6, 0, **facts))


def test_training_says_what_to_expect(monkeypatch):
    [(_, short), *_, (most, long)] = MEASURED["small"]
    assert f"ends at about {long:.2f} times the floor" in started(steps=most)
    ratios = [expected_ratio(replace(draft(TrainConfig()), steps=n)) for n in range(300, most, 50)]
    assert ratios == sorted(ratios, reverse=True) and long < ratios[-1] < ratios[0] <= short
    assert f"time for {most * 2048 / 1e6:.1f} million tokens" in started(steps=most)
    for steps in (1, 4 * most):  # nobody has measured that
        assert "ends at about" not in started(steps=steps)
    for other in ({"corpus": "my.txt"}, {"init_from": "toytown"}, {"preset": "tiny"}):
        assert expected_ratio(replace(draft(TrainConfig(**other)), steps=most)) is None


def test_training_says_that_other_programs_are_busy(monkeypatch):
    monkeypatch.setattr(machine, "usable_cpus", lambda: 2)
    assert "Other programs" not in started(others=0.1)
    assert "about 1.5 of this machine's 2 processors" in started(others=1.5)
    assert "fewer steps fit into the time" in started(others=1.5)
    assert "fewer steps fit into the time" not in started(others=1.5, timed=False)


def test_training_explains_nats_and_floor_where_it_first_prints_them(own_run, capsys, tmp_path):
    out = run(capsys, f"train {QUICK} --steps 2 --corpus", own_run[1], "--out", tmp_path / "run")
    assert out.index("-ln of the probability") < out.index("validation loss")
    assert out.count("-ln of the probability") == 1
    assert "No model can get below 0.670, the floor" in started()
    assert "floor" not in started(floor=None)


def test_eval_on_a_file(capsys, model, text_file):
    out = run(capsys, "eval --model", model, text_file)
    assert out.splitlines()[0].endswith(" tokens, in windows of 512")
    _, tokenizer = minillama.load(model)
    nats = float(out.splitlines()[1].split()[0])
    assert nats == pytest.approx(log(tokenizer.vocab_size), rel=0.05)
    bits = float(out.splitlines()[2].split()[0])
    per_byte = len(tokenizer.encode(TEXT)) / len(TEXT)
    assert bits == pytest.approx(nats * per_byte / log(2), rel=1e-3)


def test_eval_on_documents(capsys, tmp_path, model):
    """Each from bos to eos, in parts where it is longer than the context."""
    loaded, tokenizer = minillama.load(model)
    texts = ["Mia has a ball.", TEXT.strip(), "It rains."]
    documents = documents_from_texts(texts, tokenizer)
    assert documents.lengths.max() > loaded.config.max_seq_len + 1
    parts = [documents[0], documents[1][:513], documents[1][512:], documents[2]]
    nats = float(document_losses(loaded.float(), Documents.from_ids(parts)).sum())
    (tmp_path / "texts").mkdir()
    for n, text in enumerate(texts):
        (tmp_path / "texts" / f"{n}.txt").write_text(text + "\n", encoding="utf-8")
    lines = "".join(json.dumps({"story": text}) + "\n" for text in texts)
    (tmp_path / "texts.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "texts.txt").write_text("\n<end>\n".join(texts), encoding="utf-8")
    n_tokens = int((documents.lengths - 1).sum())
    for words in (
        ["texts"],
        ["texts.jsonl", "--field", "story"],
        ["texts.txt", "--separator=<end>"],
    ):
        out = run(capsys, "eval --model", model, tmp_path / words[0], *words[1:]).splitlines()
        assert f": 3 documents, {n_tokens:,} tokens" in out[0]
        assert float(out[1].split()[0]) == pytest.approx(nats / n_tokens, abs=1e-4)


def test_eval_says_what_nats_and_the_floor_are_where_it_first_prints_them(capsys, model, text_file):
    for out in (run(capsys, "eval --model", model, text_file),
                run(capsys, "eval --stories 2 --samples 0 --model", model)):  # fmt: skip
        before, _ = out.split("surprise: -ln of the probability", maxsplit=1)
        assert before.count("nats") == 1
    assert out.index("no model can get below the floor") < out.index("nats per story")


def test_eval_shows_bars(capfd, model, text_file, monkeypatch):
    from minillama.cli import evaluate, scoring

    described = []

    class Bar(evaluate.tqdm):
        def __init__(self, *arguments, **options):
            described.append(options["desc"])
            super().__init__(*arguments, **options | {"disable": True})

    monkeypatch.setattr(evaluate, "tqdm", Bar)
    monkeypatch.setattr(scoring, "tqdm", Bar)
    assert main(["eval", "--model", str(model), str(text_file)]) == 0
    assert described == ["loading the model", "encoding", "scoring"]
    described.clear()
    assert main(["eval", "--model", str(model), "--stories=2", "--samples=1"]) == 0
    assert described == ["loading the model", "telling stories", "scoring", "writing stories"]


def test_eval_of_much_text_uses_the_threads_that_are_fastest(capsys, model, text_file, monkeypatch):
    from minillama.cli import scoring
    from minillama.evaluate import losses
    from minillama.system import machine

    expected = run(capsys, "eval --model", model, text_file)
    used = []
    original = losses.document_losses

    def watched(*arguments):
        used.append(torch.get_num_threads())
        return original(*arguments)

    monkeypatch.setattr(losses, "document_losses", watched)
    monkeypatch.setattr(scoring, "MEASURED", 10)
    monkeypatch.setattr(machine, "fastest", lambda work, dtype: (work(dtype), (3, dtype))[1])
    before = torch.get_num_threads()
    assert run(capsys, "eval --model", model, text_file) == expected
    assert used == [before, 3] and torch.get_num_threads() == before


@pytest.fixture
def changed(tmp_path, model):
    """The model's folder, with another tokenizer or another context."""

    def change(settings=None, **changes):
        folder = tmp_path / "changed"
        shutil.copytree(model, folder)
        if settings:
            text = "Mia has a red ball, 小安 has a kite. " * 50
            file = folder / "tokenizer.model"
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter([text]), model_prefix=str(folder / "new"), minloglevel=2,
                hard_vocab_limit=False, **settings,
            )  # fmt: skip
            shutil.move(folder / "new.model", file)
        if changes:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            (folder / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
        return folder

    return change


def test_eval_by_a_tokenizer_without_begin_and_end(capsys, changed, text_file):
    folder = changed({"vocab_size": 40, "bos_id": -1, "eos_id": -1, "model_type": "char"})
    for words in ([], [text_file]):
        said = refused(capsys, "eval --model", folder, *words)
        assert said.startswith(f"the tokenizer of {folder} has no begin and end of text")
    line = f"train {QUICK.replace('--tokenizer char', '')} --corpus"
    out = folder.parent / "run"
    assert refused(capsys, line, text_file, "--init-from", folder, "--out", out) == said


def test_eval_by_a_tokenizer_with_ids_that_the_model_does_not_know(
    capsys, tmp_path, model, text_file
):
    folder = tmp_path / "changed"
    shutil.copytree(model, folder)
    stories = [toytown.story(i, "en").text for i in range(100)]
    minillama.Tokenizer.train(stories, vocab_size=800).save(folder)
    for words in ([], [text_file]):
        said = refused(capsys, "eval --model", folder, *words)
        assert said.startswith(f"the model {folder} knows 700 tokens and its tokenizer 800: they")


def test_eval_on_stories_that_do_not_fit_the_context(capsys, changed):
    folder = changed(max_seq_len=32)
    assert "its context is 32: give a FILE" in refused(capsys, "eval --model", folder)


def test_convert_there_and_back(capsys, tmp_path, model):
    run(capsys, "convert", model, tmp_path / "theirs")
    run(capsys, "convert --format native", tmp_path / "theirs", tmp_path / "ours")
    config = json.loads((tmp_path / "theirs" / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["LlamaForCausalLM"]
    for name in ("config.json", "model.safetensors", "tokenizer.model"):
        assert (tmp_path / "ours" / name).read_bytes() == (model / name).read_bytes()
    assert "exists already" in refused(capsys, "convert", model, tmp_path / "theirs")


def written_commands():
    """The command as README and lessons tell readers to call it."""
    for path in [ROOT / "README.md", *sorted((ROOT / "notebooks").glob("*.ipynb"))]:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            cells = json.loads(text)["cells"]
            text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        blocks = "".join(re.findall(r"^```\n.*?^```", text, re.MULTILINE | re.DOTALL))
        lines = re.findall(r"^minillama .*", blocks, re.MULTILINE)
        for line in lines + re.findall(r"(?<=[^`]`)minillama [^`\n]+(?=`)", text):
            yield pytest.param(line, id=f"{path.stem}: {line}")


@pytest.mark.parametrize("line", [*written_commands()])
def test_what_readers_are_told_to_type_is_understood(line):
    build_parser().parse_args(shlex.split(line, comments=True)[1:])
