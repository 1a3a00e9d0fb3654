"""The bench: right sums on tiny shapes. How fast anything is, no test can know."""

import json
import time
from dataclasses import fields, replace
from statistics import median

import nbformat
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from minillama.bench import decoding, jobs, lessons, limits, memory, training
from minillama.bench.decoding import decoding_speed
from minillama.bench.jobs import Bench, Job
from minillama.bench.limits import Limits, Product
from minillama.bench.report import Report
from minillama.bench.same_loss import same_loss
from minillama.bench.shapes import (
    Shape,
    matmul_parameters,
    random_batch,
    shapes,
    training_flops,
)
from minillama.bench.starting import first_token
from minillama.bench.training import AS_TRAINED, OURS, training_speed
from minillama.bench.turns import Ratio, faster, in_turns
from minillama.cli import main
from minillama.config import ModelConfig
from minillama.model import Llama

CONFIG = ModelConfig(
    dim=32, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=48, vocab_size=64, max_seq_len=64
)
TINY = Shape("tiny one", CONFIG, batch_size=3, seq_len=16)
PRODUCTS = [Product("square", 8, 8, 8, 1.0, 4.0), Product("gate", 8, 8, 8, 2.0, 3.0)]
AT = Limits(1, PRODUCTS, copy_gb_s=1.0, read_gb_s=3.0, read_bytes=8)


@pytest.fixture
def instant(monkeypatch):
    """Every measurement small: a run of the whole bench takes a second or two."""
    tiny = {name: replace(TINY, name=name) for name in shapes()}
    monkeypatch.setattr(jobs, "shapes", lambda: tiny)
    monkeypatch.setattr(jobs, "NEW_TOKENS", 8)
    monkeypatch.setattr(jobs, "PROMPT_TOKENS", 4)
    monkeypatch.setattr(training, "TURN_SECONDS", 1e-9)
    monkeypatch.setattr(limits, "SQUARE", (32, 32, 32))
    monkeypatch.setattr(limits, "COPIED", 2**16)
    monkeypatch.setattr(limits, "REPEATS", 1)


# ------------------------------------------------------------------------------------- comparing


def test_rivals_take_turns_after_each_has_warmed_up():
    calls = []
    works = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    seconds = in_turns(works, 3)
    assert "".join(calls) == "ab" + "ababab"
    assert [len(seconds[name]) for name in "ab"] == [3, 3]
    with pytest.raises(ValueError, match="rounds must be at least 1, not 0"):
        in_turns(works, 0)


def test_seconds_are_those_of_the_work():
    seconds = in_turns({"slow": lambda: time.sleep(0.02), "fast": lambda: None}, 2)
    assert min(seconds["slow"]) >= 0.02 > min(seconds["fast"])


def test_a_ratio_compares_the_times_of_one_round():
    ours, theirs = [1.0, 2.0, 4.0], [2.0, 2.0, 12.0]
    ratio = faster(ours, theirs)
    assert ratio == Ratio(median=2.0, least=1.0, most=3.0, rounds=3)
    assert ratio.median != median(theirs) / median(ours)  # which forgets who was whose neighbour
    assert str(ratio) == "2.00 times (1.00 to 3.00)"
    assert faster([2.0], [1.0], more=32.0).median == 16
    with pytest.raises(ValueError):
        faster([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="no times"):
        faster([], [])


# ------------------------------------------------------------------------------------- arithmetic


@pytest.mark.parametrize("n_kv_heads", [1, 4])
@pytest.mark.parametrize("tie_embeddings", [False, True])
def test_the_formula_of_flops_is_what_pytorch_counts(n_kv_heads, tie_embeddings):
    config = replace(CONFIG, n_kv_heads=n_kv_heads, tie_embeddings=tie_embeddings)
    batch = random_batch(replace(TINY, config=config))
    model = Llama(config)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(batch.tokens).sum().backward()
    assert training_flops(config, 16) * batch.tokens.numel() == counter.get_total_flops()


def test_the_weights_that_multiply_are_the_linear_layers():
    model = Llama(CONFIG)
    linear = [m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear)]
    assert matmul_parameters(CONFIG) == sum(linear)


def test_the_shapes_are_those_that_are_asked_for():
    there = shapes()
    assert list(there) == ["A", "B", "tiny", "small", "toytown"]
    large, small = there["A"].config, there["B"].config
    assert (large.dim, large.n_layers, large.n_heads, large.n_kv_heads) == (256, 6, 8, 8)
    assert (small.dim, small.n_layers, small.n_heads, small.hidden_dim) == (128, 4, 4, 352)
    assert (there["A"].tokens, there["B"].tokens) == (32 * 256, 12 * 64)


# --------------------------------------------------------------------------------------- training


def test_training_speed_and_ratios_follow_from_the_times():
    speed = training_speed(TINY, 1, "float32", rounds=3, at=AT)
    assert set(speed.seconds) == {OURS, "transformers float32", "transformers bfloat16"}
    assert set(speed.ratios) == set(speed.seconds) - {OURS}
    for name, seconds in speed.seconds.items():
        assert len(seconds) == 3 and min(seconds) > 0
        assert speed.tokens_per_second[name] == pytest.approx(48 / median(seconds))
    for name, ratio in speed.ratios.items():
        pairs = [b / a for a, b in zip(speed.seconds[OURS], speed.seconds[name], strict=True)]
        assert (ratio.least, ratio.median, ratio.most) == (min(pairs), median(pairs), max(pairs))
    done = speed.tokens_per_second[OURS] * training_flops(CONFIG, 16)
    assert speed.of_limit == pytest.approx(done / 2e9)  # the faster of the two products
    assert speed.parameters == Llama(CONFIG).n_parameters


def test_a_preset_is_measured_on_stories_with_its_own_optimiser_too(monkeypatch):
    monkeypatch.setattr(training, "have_peers", lambda: False)
    monkeypatch.setattr(training, "TURN_SECONDS", 1e-9)
    shape = replace(shapes()["tiny"], batch_size=2, seq_len=128)
    batch = shape.batch()
    assert batch.documents is not None and len(batch.documents.unique()) > 1
    speed = training_speed(shape, 1, "float32", rounds=1, at=AT)
    default = shape.plan(1, "float32").optimizer
    assert list(speed.seconds) == [OURS, AS_TRAINED][: 1 if default == "adamw" else 2]
    targets = int((batch.targets >= 0).sum())
    assert speed.tokens_per_second[OURS] == pytest.approx(targets / speed.seconds[OURS][0])


def test_both_learn_the_same_from_the_same():
    batches = [random_batch(TINY, seed % 4) for seed in range(20)]
    same = same_loss(TINY, batches)
    assert len(same.ours) == len(same.theirs) == 20
    assert same.ours[-1] < same.ours[0] - 0.05  # something was learnt
    assert same.ours == pytest.approx(same.theirs, rel=1e-3)
    assert same.largest_difference < 1e-3
    differences = [abs(a - b) / b for a, b in zip(same.ours, same.theirs, strict=True)]
    assert same.largest_difference == max(differences)


# --------------------------------------------------------------------------------------- decoding


def test_decoding_speed_and_ratios_follow_from_the_times():
    speed = decoding_speed(TINY, AT, 3, prompt_tokens=5, new_tokens=12, rows=4, compiled=False)
    assert set(speed.seconds) == {*decoding.UNCOMPILED, "transformers"}
    theirs = speed.seconds["transformers"]
    for name, ratio in speed.ratios.items():
        pairs = [b / a for a, b in zip(speed.seconds[name], theirs, strict=True)]
        assert (ratio.least, ratio.median, ratio.most) == (min(pairs), median(pairs), max(pairs))
    assert speed.agreeing[decoding.EAGER] == speed.agreeing["fused"] == 12  # the same text
    for name, seconds in speed.seconds.items():
        assert speed.tokens_per_second[name] == pytest.approx(12 / median(seconds))
    kept = 2 * 2 * 2 * 8 * (5 + 6)  # keys and values, layers, heads, width, half of the way
    assert speed.bytes_per_token == 4 * (matmul_parameters(CONFIG) + kept)
    assert speed.limit == pytest.approx(3e9 / speed.bytes_per_token)
    assert set(speed.rows_ratios) == set(speed.rows_tokens_per_second) == set(decoding.UNCOMPILED)
    assert speed.rows == 4 and speed.rows_ratios["fused"].rounds == 3


def test_what_is_compiled_takes_part(monkeypatch):
    """Without the minute that compiling takes; test_compiled holds that the text is the same."""
    taken = []
    monkeypatch.setattr(decoding, "compile_decoding", lambda model: taken.append(model) or model)
    speed = decoding_speed(TINY, AT, 1, prompt_tokens=5, new_tokens=12, rows=2)
    assert set(speed.ratios) == set(decoding.OURS) == {"minillama", *list(decoding.OURS)[1:]}
    assert [model.norm.weight.dtype for model in taken] == [torch.float32, torch.bfloat16]
    assert speed.agreeing["compiled"] == 12


def test_agreeing_counts_from_the_first_token_on():
    assert decoding.agreeing([1, 2, 3], [1, 2, 4]) == 2
    assert decoding.agreeing([9, 2, 3], [1, 2, 3]) == 0
    assert decoding.agreeing([1, 2], [1, 2, 3]) == 2


# --------------------------------------------------------------------------------- other processes


def test_the_first_byte_ends_the_clock():
    program = "import time; time.sleep(0.2); print('a', flush=True); time.sleep(1)"
    start = time.perf_counter()
    first = first_token(1, ("-c", program))
    assert 0.2 <= first.least == first.median == first.seconds[0]
    assert time.perf_counter() - start - first.least > 0.9


def test_a_process_that_writes_nothing_is_quoted():
    with pytest.raises(ValueError, match="wrote nothing: no model"):
        first_token(1, ("-c", "raise SystemExit('no model')"))


def test_peak_memory_is_that_of_its_own_process():
    ours = torch.ones(2**28)  # a gigabyte, which must not be in the child's figure
    peak = memory.peak_memory("training", "small", rows=8)
    least = 16 * Llama(shapes()["small"].config).n_parameters / 2**20
    assert least < peak.own_mib < peak.total_mib < ours.nbytes / 2**20
    assert (peak.what, peak.shape, peak.rows) == ("training", "small", 8)
    assert memory.peak_mib() > ours.nbytes / 2**20


def test_memory_that_nobody_knows_is_said_so(monkeypatch):
    monkeypatch.setattr(memory, "peak_mib", lambda: None)
    with pytest.raises(ValueError, match="does not say how much memory"):
        memory.peak_memory("training", "tiny")


def test_a_process_that_fails_says_why():
    with pytest.raises(ValueError, match="failed: KeyError: 'huge'"):
        memory.peak_memory("training", "huge")


@pytest.fixture
def lesson(tmp_path):
    def write(*cells):
        notebook = nbformat.v4.new_notebook(cells=cells)
        notebook.metadata["minillama"] = {"minutes": 1, "budget_seconds": 25}
        path = tmp_path / "99_some.ipynb"
        nbformat.write(notebook, path)
        return path

    return write


def test_a_lesson_trains_if_its_code_takes_steps(lesson):
    code, prose = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    assert lessons.trains(lesson(prose("so"), code("loss.backward()\noptimizer.step()")))
    assert lessons.trains(lesson(code("!minillama train --steps 9")))
    assert lessons.trains(lesson(code("losses = train_briefly(model, documents, steps=9)")))
    assert not lessons.trains(lesson(prose("then `optimizer.step()`"), code("step = 1")))
    assert "04_attention" in [path.stem for path in lessons.training_lessons()]


def test_a_lesson_is_timed_and_left_as_it_is(lesson):
    path = lesson(nbformat.v4.new_code_cell("import time; time.sleep(0.3)"))
    before = path.read_bytes()
    timed = lessons.lesson_time(path)
    assert timed.lesson == "99_some" and timed.budget_seconds == 25
    assert timed.seconds > 0.3
    assert path.read_bytes() == before


def test_a_lesson_that_fails_says_how(lesson):
    path = lesson(nbformat.v4.new_code_cell("1 / 0"))
    with pytest.raises(ValueError, match="it ends with ZeroDivisionError: division by zero"):
        lessons.lesson_time(path)


# -------------------------------------------------------------------------------------- the command


def test_a_run_prints_its_ratios_and_writes_json(instant, capsys, tmp_path):
    path = tmp_path / "bench.json"
    line = ["bench", "training", "decoding", "--quick", "--threads", "1", "--json", str(path)]
    assert main(line) == 0
    out = capsys.readouterr().out
    found = json.loads(path.read_text(encoding="utf-8"))
    assert list(found) == [field.name for field in fields(Report)]
    assert [speed["shape"] for speed in found["training"]] == ["B", "A"]
    assert [at["threads"] for at in found["limits"]] == [1]
    assert found["missing"] == found["memory"] == found["lessons"] == []
    assert found["first_token"] is None
    for speed in [*found["training"], found["decoding"]]:
        for ratio in speed["ratios"].values():
            stated = Ratio(**ratio)
            assert str(stated) in out
            assert stated.least <= stated.median <= stated.most and stated.rounds == 2
    for product in found["limits"][0]["products"]:
        assert min(product["float32"], product["bfloat16"]) > 0
    assert f"the loss is {found['same_loss']['ours'][-1]:.5f}" in out
    assert found["machine"]["torch"] == torch.__version__
    assert found["seconds"] > 0 and found["processor_seconds"] > 0
    assert max(map(len, out.splitlines())) <= 120


def test_without_transformers_ours_is_measured_alone(instant, monkeypatch, capsys):
    for module in (training, decoding, jobs):
        monkeypatch.setattr(module, "have_peers", lambda: False)
    assert main(["bench", "training", "decoding", "--quick", "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert "comparison: transformers is not installed" in out
    assert "as fast" not in out and "32 at once" in out


def test_what_cannot_be_measured_is_reported_and_the_rest_goes_on(instant):
    def fail():
        raise FileNotFoundError("there is no model\n'toytown'")

    bench = Bench(["start"])
    bench.carry_out(Job("first token", fail))
    assert bench.report.missing == ["first token: there is no model 'toytown'"]


def test_every_part_has_its_jobs():
    labels = [job.label for job in Bench().jobs()]
    assert [label for label in labels if label.startswith("training")] == [
        f"training {name}" for name in shapes()
    ]
    for label in ("comparing losses", "decoding", "first token", "memory of training A"):
        assert label in labels
    assert "lesson 04_attention" in labels
    quick = [job.label for job in Bench(quick=True).jobs()]
    assert len(quick) < len(labels) and not any("lesson" in label for label in quick)
    assert [job.label for job in Bench(["lessons"], quick=True).jobs()] == [
        label for label in labels if "lesson" in label
    ]


@pytest.mark.parametrize(
    "line, sentence",
    [
        ("bench speed", "there is no part 'speed' of the bench: training, decoding, start, memory"),
        ("bench --threads 0", "--threads must be from 1 to 1024, not 0"),
        ("bench start --json nowhere/x.json", "cannot write x.json in "),
        ("bench --threads many", "invalid int value: 'many'"),
    ],
)
def test_a_bad_argument_is_refused_in_one_sentence(line, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(line.split())
    except SystemExit as exit:  # argparse
        code = exit.code
    out, err = capsys.readouterr()
    assert code == 2 and out == ""
    assert err.startswith("minillama: error: ") and err.count("\n") == 1
    assert sentence in err
