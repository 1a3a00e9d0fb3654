"""Training as a whole, on a small text and on ToyTown: what it learns, says, leaves and refuses."""

import json
import math
import random
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

import minillama
from minillama import runs
from minillama.config import ModelConfig
from minillama.model import Llama
from minillama.runs.folder import read_run
from minillama.system.assets import asset_path
from minillama.training import setup, sources
from minillama.training import validate as validate_module
from minillama.training.checkpoint import save_batches
from minillama.training.config import TrainConfig, draft
from minillama.training.events import (
    Finished,
    Interrupted,
    Preparing,
    Sampled,
    Saved,
    Started,
    Step,
    Validated,
)
from minillama.training.loop import kept_steps, resume, train
from minillama.training.sources import find_source
from minillama.training.step import Diverged, new_training, take_step
from minillama.training.validate import validate, write_samples
from minillama.weights import load_model


@pytest.fixture(scope="module")
def text_file(tmp_path_factory):
    draw = random.Random(0)
    names, things = ["Mia", "Leo", "小安"], ["kite", "ball", "苹果"]
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    lines = [f"{draw.choice(names)} has a {draw.choice(things)}.\n" for _ in range(400)]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def asked(path, **changes):
    config = TrainConfig(
        corpus=str(path),
        tokenizer="char",
        preset="tiny",
        steps=12,
        batch_size=4,
        seq_len=32,
        threads=1,
        dtype="float32",
    )
    return replace(config, **changes)


def opened(path):
    """The corpus, ready to train on."""
    return find_source(str(path)).open(draft(asked(path)))[0]


@pytest.fixture(scope="module")
def finished(text_file, tmp_path_factory):
    """A run to look at, and its events."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    config = asked(text_file, steps=60, every=25, keep=3, lr=5e-3)
    return folder, list(train(config, folder))


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_a_run_tells_what_happens_in_order(finished):
    _, events = finished
    kinds = [type(event) for event in events if not isinstance(event, Preparing | Step)]
    look = [Saved, Validated, Sampled, Sampled]
    assert kinds == [Started, *look, *look, *look, Finished]
    assert [step.step for step in of_kind(events, Step)] == list(range(1, 61))
    assert [event.step for event in of_kind(events, Validated)] == [25, 50, 60]
    last = events[-1]
    assert last.validation == of_kind(events, Validated)[-1]
    assert last.step == 60 and last.seconds > 0
    steps = of_kind(events, Step)
    assert all(step.tokens == 4 * 32 * step.step for step in steps)
    assert steps[-1].seconds_left == 0 < steps[0].seconds_left


def test_it_starts_at_ln_v_and_learns(finished):
    _, events = finished
    vocab_size = of_kind(events, Started)[0].model.vocab_size
    steps = of_kind(events, Step)
    assert steps[0].loss == pytest.approx(math.log(vocab_size), rel=0.03)
    assert events[-1].validation.loss < steps[0].loss - 2


def test_units_of_a_text(finished):
    """One token is one character here, and some characters are three bytes."""
    last = finished[1][-1].validation
    assert last.nats_per_character == pytest.approx(last.loss)
    assert last.bits_per_byte < last.loss / math.log(2)
    assert (last.floor, last.floor_per_document, last.excess, last.ratio) == (None,) * 4


def test_the_logs_hold_what_was_told(finished):
    folder, events = finished
    log = runs.read_log(folder)
    for table, rows in [
        (log.training, of_kind(events, Step)),
        (log.validation, of_kind(events, Validated)),
    ]:
        for name in table.dtype.names:
            told = [getattr(row, name) for row in rows]
            np.testing.assert_array_equal(table[name], np.array(told, dtype=float))


def test_the_run_folder_is_a_model_folder(finished, text_file):
    folder, events = finished
    model, tokenizer = minillama.load(folder)
    assert tokenizer.decode(tokenizer.encode("Mia 小安")) == "Mia 小安"
    latest, _ = minillama.load(runs.latest_checkpoint(folder))
    for ours, theirs in zip(model.parameters(), latest.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    # the loss that was told is the loss of this model
    corpus = opened(text_file)
    again = validate(new_training(model, draft(asked(text_file))), corpus, final=True)
    assert again.loss == pytest.approx(events[-1].validation.loss, rel=1e-6)


def test_models_are_kept_along_the_way(finished):
    folder, _ = finished
    assert sorted(path.name for path in (folder / "kept").iterdir()) == [
        "step-000015",
        "step-000030",
        "step-000060",
    ]
    model, _ = minillama.load(folder / "kept" / "step-000060")
    final, _ = minillama.load(folder)
    for small, large in zip(model.parameters(), final.parameters(), strict=True):
        assert torch.equal(small, large.to(torch.bfloat16))


def test_kept_steps_halve():
    assert kept_steps(1000, 8) == {1000, 500, 250, 125, 62, 31, 15, 7}
    assert kept_steps(3, 8) == {1, 3}
    assert kept_steps(3, 0) == set()


def test_everything_that_repeats_a_run_is_written_down(finished):
    run = json.loads((finished[0] / "run.json").read_text(encoding="utf-8"))
    assert None not in [run["plan"][name] for name in ("threads", "dtype", "steps", "seed", "lr")]
    assert run["model"]["vocab_size"] and run["torch"] == torch.__version__


def test_the_same_seed_is_the_same_run_and_leaves_the_callers_randomness_alone(text_file, tmp_path):
    def losses(name, seed):
        return [e.loss for e in train(asked(text_file, steps=3, seed=seed), tmp_path / name)
                if isinstance(e, Step)]  # fmt: skip

    state = torch.random.get_rng_state()
    first = losses("a", seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(99)
    assert losses("b", seed=1) == first
    assert losses("c", seed=2) != first


def test_a_step_of_several_batches_is_a_step_of_one_large_batch(text_file):
    """Also where the batches have unequal numbers of targets."""
    corpus = opened(text_file)
    plan = draft(asked(text_file, batch_size=8))
    large = find_source(plan.corpus).batches(corpus, plan).batch(0)
    targets = large.targets.clone()  # it shares its memory with the tokens
    targets[:3, 5:] = -100
    large = replace(large, targets=targets)
    halves = [replace(large, tokens=large.tokens[rows], targets=large.targets[rows])
              for rows in (slice(0, 4), slice(4, 8))]  # fmt: skip
    results = []
    for batches in ([large], halves):
        torch.manual_seed(0)
        model = Llama(ModelConfig.preset("tiny", vocab_size=corpus.tokenizer.vocab_size))
        training = new_training(model, draft(asked(text_file)))
        loss, norm = take_step(training, batches, draft(asked(text_file)))
        results.append((loss, norm, torch.cat([p.detach().flatten() for p in model.parameters()])))
        assert training.step == 1 and training.tokens == 8 * 32 - 3 * 27
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)


def test_a_config_from_a_file_is_checked():
    assert TrainConfig.from_dict(asked("f").to_dict()) == asked("f")
    with pytest.raises(ValueError, match=r"steps must be a whole number, not 1\.5"):
        TrainConfig.from_dict({"steps": 1.5})
    with pytest.raises(ValueError, match="'stpes'"):
        TrainConfig.from_dict({"stpes": 1})


def test_toytown_knows_its_floor(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "TOKENIZER_STORIES", 50)
    monkeypatch.setattr(sources, "VALIDATION_DOCUMENTS", 20)
    config = TrainConfig(
        tokenizer="char", preset="tiny", steps=2, batch_size=2, threads=1, dtype="float32"
    )
    events = list(train(config, tmp_path / "run"))
    last = events[-1].validation
    assert last.documents == 20
    assert 10 < last.floor_per_document < last.nats_per_document
    assert last.excess == pytest.approx(last.nats_per_document - last.floor_per_document)
    assert last.ratio == pytest.approx(last.loss / last.floor)
    assert of_kind(events, Started)[0].floor == last.floor == of_kind(events, Step)[0].floor
    english, chinese = (sample.prompt for sample in of_kind(events, Sampled)[-2:])
    assert english.isascii() and not chinese.isascii()
    assert all(e.text.startswith(e.prompt) for e in of_kind(events, Sampled))


def test_minutes_become_steps(text_file, tmp_path, monkeypatch):
    """With 0.4 seconds a step, 1 second a validation with samples, and a clock of our own."""
    clock = [1000.0]
    monkeypatch.setattr(setup.time, "perf_counter", lambda: clock[0])

    def takes(seconds, result=None):
        def work(*_, **__):
            clock[0] += seconds
            return result

        return work

    monkeypatch.setattr(setup, "take_step", takes(0.4))
    monkeypatch.setattr(setup, "validate", takes(0.7))
    monkeypatch.setattr(setup, "write_samples", takes(0.3, []))
    corpus = opened(text_file)
    model = Llama(ModelConfig.preset("tiny", vocab_size=corpus.tokenizer.vocab_size))
    config = asked(text_file, steps=None, minutes=2.0)
    decided = setup.decide(config, model, corpus, seconds_per_token=0.0, began=995.0)
    # 5 s had gone, 3 timed steps take 1.2 s, one look 1 s, and 9 looks and a final one are to come
    assert decided.steps == int((120 - 5 - 3 * 0.4 - 1 - (9 + 4) * 1) / 0.4)
    assert decided.every == math.ceil(decided.steps / 10)
    # data that takes as long to make as to train on halves the steps
    slow = setup.decide(config, model, corpus, 0.4 / (4 * 32), began=clock[0])
    assert slow.steps == pytest.approx((120 - 1.2 - 1 - 13) / 0.8, abs=1)


@pytest.mark.parametrize(("steps", "every"), [(5, 20), (40, 20), (400, 40)])
def test_a_short_run_stops_to_look_only_now_and_then(text_file, steps, every):
    corpus = opened(text_file)
    model = Llama(ModelConfig.preset("tiny", vocab_size=corpus.tokenizer.vocab_size))
    config = asked(text_file, steps=steps, threads=1, dtype="float32")
    assert setup.decide(config, model, corpus, 0.0, began=0.0).every == every
    config = replace(config, every=2)
    assert setup.decide(config, model, corpus, 0.0, began=0.0).every == 2


def test_samples_are_one_and_short_in_the_first_third(text_file, monkeypatch):
    corpus = opened(text_file)
    training = new_training(
        Llama(ModelConfig.preset("tiny", vocab_size=corpus.tokenizer.vocab_size)),
        draft(asked(text_file)),
    )
    asked_for = []

    def written(model, prompts, max_new_tokens, **_):
        asked_for.append((len(prompts), max_new_tokens))
        return [[]] * len(prompts)

    monkeypatch.setattr(validate_module, "continuations", written)
    for training.step in (5, 9, 10, 30):
        assert len(write_samples(training, corpus, 30)) == asked_for[-1][0]
    assert asked_for == [(1, 64), (1, 64), (2, 256), (2, 256)]


def test_a_run_can_go_on_from_a_model(finished, text_file, tmp_path):
    """From its very weights, with its shape and tokenizer, whatever the preset."""
    folder, _ = finished
    old = load_model(folder)
    config = asked(text_file, init_from=str(folder), tokenizer=None, preset=None, lr=1e-9)
    source = shutil.copytree(folder, tmp_path / "source")
    events = train(replace(config, init_from=str(source), steps=3), tmp_path / "run")
    step = next(event for event in events if isinstance(event, Step))
    events.close()
    assert step.loss == pytest.approx(validated(old, text_file), abs=0.2)  # not ln V
    shutil.rmtree(source)  # it is not asked for again
    assert isinstance(list(resume(tmp_path / "run"))[-1], Finished)
    new, tokenizer = minillama.load(tmp_path / "run")
    assert new.config == old.config
    assert tokenizer.encode("Mia") == minillama.load(folder)[1].encode("Mia")
    for name, weight in new.state_dict().items():
        torch.testing.assert_close(weight, old.state_dict()[name], rtol=1e-5, atol=1e-5)


def test_a_model_with_another_models_tokenizer_is_refused(finished, text_file, tmp_path):
    folder, _ = finished
    mixed = shutil.copytree(folder, tmp_path / "mixed")
    shutil.copy(asset_path("tokenizers/toytown/tokenizer.model"), mixed / "tokenizer.model")
    with pytest.raises(ValueError, match="tokenizer 2048: they do not belong together"):
        config = asked(text_file, init_from=str(mixed), tokenizer=None)
        list(train(config, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def validated(model, text_file):
    corpus = opened(text_file)
    return validate(new_training(model, draft(asked(text_file))), corpus).loss


def test_the_warm_up_suits_short_and_long_runs():
    warmups = {steps: setup.warmup_for(steps) for steps in (1, 100, 800, 3000, 50_000)}
    assert warmups == {1: 0, 100: 25, 800: 200, 3000: 300, 50_000: 1000}


def test_long_runs_save_often_enough(text_file, monkeypatch):
    monkeypatch.setattr(setup, "seconds_for", lambda work, repeats=2: 1.0)
    corpus = opened(text_file)
    model = Llama(ModelConfig.preset("tiny", vocab_size=corpus.tokenizer.vocab_size))
    decided = setup.decide(asked(text_file, steps=None, minutes=120.0), model, corpus, 0.0, 0.0)
    assert decided.every * 1.0 <= setup.LONGEST_WAIT


def test_a_diverging_run_stops_with_its_last_good_checkpoint(text_file, tmp_path, monkeypatch):
    def poisoned(training, batches, plan):
        if training.step == 7:
            with torch.no_grad():
                training.model.norm.weight.fill_(math.inf)
        return take_step(training, batches, plan)

    monkeypatch.setattr("minillama.training.loop.take_step", poisoned)
    says = r"diverged at step 8: the loss is nan.* --lr below 0\.006, --warmup above 3, since"
    with pytest.raises(Diverged, match=says) as caught:
        list(train(asked(text_file, every=5), tmp_path / "run"))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "run" / "diverged-step-000008.npz") in str(caught.value)
    model, _ = minillama.load(runs.latest_checkpoint(tmp_path / "run"))
    assert runs.latest_checkpoint(tmp_path / "run").name == "step-000005"
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert len(runs.read_log(tmp_path / "run").training) == 7
    # Without the poison the run goes on. With it, it comes to the same end.
    with pytest.raises(Diverged, match="diverged at step 8"):
        list(resume(tmp_path / "run"))
    monkeypatch.undo()
    assert isinstance(list(resume(tmp_path / "run"))[-1], Finished)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_batch_that_diverged_is_saved(text_file, tmp_path, monkeypatch, accumulate):
    seen = []

    def poisoned(training, batches, plan):
        seen[:] = batches
        if training.step == 2:
            with torch.no_grad():
                training.model.norm.weight.fill_(math.nan)
        return take_step(training, batches, plan)

    monkeypatch.setattr("minillama.training.loop.take_step", poisoned)
    with pytest.raises(Diverged, match="or --dtype float32"):
        list(train(asked(text_file, dtype="bfloat16", accumulate=accumulate), tmp_path / "run"))
    with np.load(tmp_path / "run" / "diverged-step-000003.npz") as arrays:
        assert {*arrays} == {"tokens", "targets"}  # windows have no documents
        for name in arrays:
            assert arrays[name].shape == (accumulate, 4, 32)
            np.testing.assert_array_equal(
                arrays[name], np.stack([getattr(batch, name) for batch in seen])
            )
    documents = replace(seen[0], documents=torch.zeros(4, 32, dtype=torch.int64))
    path = save_batches(tmp_path, 7, [documents])
    with np.load(path) as arrays:
        assert path.name == "diverged-step-000007.npz" and arrays["documents"].shape == (1, 4, 32)


def overflowing_at(step):
    """A `take_step` after which, at this step, a weight is infinite."""

    def take(training, batches, plan):
        result = take_step(training, batches, plan)
        if training.step == step:
            with torch.no_grad():
                training.model.norm.weight[3] = math.inf
        return result

    return take


def test_weights_that_are_no_numbers_are_no_checkpoint(text_file, tmp_path, monkeypatch):
    """The loss of a step is finite, and what the optimiser then makes of the weights is not."""
    monkeypatch.setattr("minillama.training.loop.take_step", overflowing_at(10))
    with pytest.raises(
        Diverged, match=r"at step 10: norm\.weight is not finite; start another run"
    ):
        list(train(asked(text_file, every=5), tmp_path / "run"))
    assert runs.latest_checkpoint(tmp_path / "run").name == "step-000005"


def test_a_trial_step_that_diverges_is_told_what_to_try(text_file, tmp_path, monkeypatch):
    def diverges(*arguments):
        raise Diverged("training diverged at step 1: the loss is nan")

    monkeypatch.setattr("minillama.training.setup.take_step", diverges)
    with pytest.raises(Diverged, match="the loss is nan; start another run with --lr below"):
        list(train(asked(text_file, steps=None, minutes=0.1), tmp_path / "run"))


def test_stopping_saves_no_weights_that_are_no_numbers(text_file, tmp_path, monkeypatch):
    monkeypatch.setattr("minillama.training.loop.take_step", overflowing_at(8))
    running = train(asked(text_file, every=5), tmp_path / "run")
    while not (isinstance(event := next(running), Step) and event.step == 8):
        pass
    with pytest.raises(Diverged, match=r"norm\.weight is not finite; start another run with"):
        running.close()
    assert runs.latest_checkpoint(tmp_path / "run").name == "step-000005"


def test_a_run_that_ends_in_no_number_has_not_finished(text_file, tmp_path, monkeypatch):
    def overflows(training, batches, plan):
        result = take_step(training, batches, plan)
        if training.step == 12:
            with torch.no_grad():
                training.model.norm.weight.fill_(1e38)
        return result

    monkeypatch.setattr("minillama.training.loop.take_step", overflows)
    events = []
    with pytest.raises(Diverged, match="by step 12: the validation loss is"):
        for event in train(asked(text_file, lr=1.0), tmp_path / "run"):
            events.append(event)
    assert not of_kind(events, Finished)


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"corpus": "nowhere.txt"}, "no file nowhere.txt"),
        ({"preset": "gigantic"}, "no preset 'gigantic'"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"steps": None, "minutes": 0.0}, "minutes must be above zero"),
        ({"minutes": 1.0}, "minutes or steps, not both"),
        ({"lr": math.nan}, "lr must be above zero"),
        ({"clip": -1.0}, "clip must be above zero"),
        ({"floor_ratio": 2.0}, "floor_ratio must be from 0 to 1"),
        ({"dtype": "float8"}, "dtype must be float32 or bfloat16, not float8"),
        ({"seq_len": 50_000}, "too short"),
        ({"tokenizer": "bpe", "vocab_size": 2048}, "vocab_size 2048 is too large"),
        ({"tokenizer": "nowhere"}, "no tokenizer at nowhere"),
        ({"tokenizer": None, "init_from": "nowhere"}, "there is no model 'nowhere'"),
        ({"init_from": "toytown"}, "toytown has a tokenizer of its own: leave out tokenizer"),
        ({"tokenizer": "bpe", "init_from": "toytown"}, "tokenizer of its own: leave out tokenizer"),
        ({"tokenizer": None, "init_from": "toytown"}, "keeps its shape, .* not .* preset tiny"),
        ({"vocab_size": 300}, "vocab_size is for a bpe tokenizer .* leave out tokenizer char"),
        ({"tokenizer": "folder", "vocab_size": 300}, "vocab_size is for .* tokenizer folder"),
        ({"language": "en"}, "language chooses among toytown's stories: leave it out"),
        ({"language": "de", "corpus": "toytown"}, "language must be en, zh, both, not de"),
        ({"batch_size": 10**12}, "batch_size must be at most 1,048,576"),
        ({"keep": 10**12}, "keep must be at most 64"),
        ({"threads": 10**9}, "threads must be at most 1,024"),
        ({"seed": 2**64}, "seed must be at most"),
        ({"steps": 10**400}, "steps must be at most"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_no_folder(text_file, tmp_path, changes, says):
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        list(train(asked(text_file, **changes), tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_something_is_refused(text_file, tmp_path):
    (tmp_path / "mine.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(ValueError, match="exists and is not empty"):
        list(train(asked(text_file), tmp_path))
    with pytest.raises(ValueError, match="exists and is not empty"):
        list(train(asked(text_file), tmp_path / "mine.txt"))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("changes", [{"batch_size": 2**20}, {"preset": "llama-65b"}])
def test_more_than_this_machine_can_hold_is_refused(text_file, tmp_path, monkeypatch, changes):
    monkeypatch.setattr(setup, "memory_bytes", lambda: 2**33)
    with pytest.raises(ValueError, match=r"at least .* GiB of memory, .* this machine has 8 GiB"):
        list(train(asked(text_file, **changes), tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_there_must_be_a_run_to_resume(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run in"):
        list(resume(tmp_path / "nothing"))


def test_one_folder_one_training(text_file, tmp_path):
    running = train(asked(text_file), tmp_path / "run")
    while not isinstance(next(running), Started):
        pass
    with pytest.raises(BlockingIOError, match="another training is running"):
        list(resume(tmp_path / "run"))
    running.close()
    assert isinstance(list(resume(tmp_path / "run"))[-1], Finished)


def test_of_two_that_begin_in_one_folder_at_once_the_second_refuses(text_file, tmp_path):
    """Both find it empty; the one that reads its corpus longer must not write over the other."""
    late = train(asked(text_file, seed=1), tmp_path / "run")
    assert isinstance(next(late), Preparing)
    running = train(asked(text_file, seed=2), tmp_path / "run")
    while not isinstance(next(running), Started):
        pass
    with pytest.raises(BlockingIOError, match="another training is running"):
        list(late)
    later = train(asked(text_file, seed=3), tmp_path / "other")
    assert isinstance(next(later), Preparing)
    list(train(asked(text_file, seed=4), tmp_path / "other"))
    with pytest.raises(ValueError, match="exists and is not empty"):
        list(later)
    for folder, seed in [("run", 2), ("other", 4)]:
        assert read_run(tmp_path / folder)["asked"]["seed"] == seed
    running.close()


def test_ctrl_c_in_the_middle_of_a_step_saves_after_it(text_file, tmp_path, monkeypatch):
    def interrupted(training, batches, plan):
        if training.step == 6:
            signal.raise_signal(signal.SIGINT)
        return take_step(training, batches, plan)

    monkeypatch.setattr("minillama.training.loop.take_step", interrupted)
    events = list(train(asked(text_file, every=5), tmp_path / "run"))
    assert events[-1] == Interrupted(7, tmp_path / "run")
    assert len(runs.read_log(tmp_path / "run").training) == 7
    minillama.load(tmp_path / "run")  # what was learnt so far can be used
    monkeypatch.undo()
    resumed = list(resume(tmp_path / "run"))
    assert of_kind(resumed, Started)[0].step == 7
    assert [event.step for event in of_kind(resumed, Step)] == [8, 9, 10, 11, 12]
    whole = list(train(asked(text_file, every=5), tmp_path / "whole"))
    assert [e.loss for e in of_kind(resumed, Step)] == [e.loss for e in of_kind(whole, Step)][7:]


def test_ctrl_c_before_the_first_step_can_be_resumed(text_file, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("minillama.training.setup.decide", interrupted)
    assert list(train(asked(text_file), tmp_path / "run"))[-1] == Interrupted(0, tmp_path / "run")
    monkeypatch.undo()
    assert isinstance(list(resume(tmp_path / "run"))[-1], Finished)


def test_a_closed_generator_has_saved(text_file, tmp_path):
    running = train(asked(text_file, every=5), tmp_path / "run")
    for event in running:
        if isinstance(event, Step) and event.step == 8:
            break
    running.close()
    assert runs.latest_checkpoint(tmp_path / "run").name == "step-000008"


def test_a_finished_run_resumes_to_the_same_end(finished):
    folder, events = finished
    before = (folder / "log.csv").read_bytes()
    again = list(resume(folder))
    assert not of_kind(again, Step)
    assert again[-1].validation == events[-1].validation
    assert (folder / "log.csv").read_bytes() == before
