"""Run and model folders that are damaged or mean harm: one clear sentence, at once."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from damaging import assert_a_sentence, damages
from hypothesis import given, settings
from hypothesis import strategies as st
from test_given_models import given_model

import minillama
from minillama import runs
from minillama.training.events import Step
from minillama.training.loop import resume, train

# Run folders


@pytest.fixture(scope="module")
def begun(tmp_path_factory, short_config):
    """A run of four steps that stopped after two."""
    config = replace(short_config, keep=0)
    folder = tmp_path_factory.mktemp("begun") / "run"
    running = train(config, folder)
    while not (isinstance(event := next(running), Step) and event.step == 3):
        pass
    running.close()
    assert runs.latest_checkpoint(folder).name == "step-000003"
    return folder


FILES = [
    "run.json",
    "log.csv",
    "validation.csv",
    "samples.jsonl",
    "status.json",
    "reference.json",
    "checkpoints/latest",
    "checkpoints/step-000003/config.json",
    "checkpoints/step-000003/state.json",
    "checkpoints/step-000003/model.safetensors",
    "checkpoints/step-000003/optimizer.safetensors",
    "data/tokenizer.model",
    "data/train.npz",
    "data/valid.npz",
    "data/scores.npz",
]


# The same in a run whose tokenizer came as a tokenizer.json, with several ids that end a text.
JSON_FILES = [
    f"data/{name}.json" for name in ("tokenizer", "tokenizer_config", "generation_config")
]


@pytest.fixture(scope="module")
def begun_with_json(tmp_path_factory, short_config):
    """A run like the other one, on from a model that has no tokenizer.model."""
    folder = tmp_path_factory.mktemp("begun")
    source = given_model(folder / "given", "bytes in json")
    path = folder / "text.txt"
    path.write_text("abcdef " * 99, encoding="utf-8")
    changes = {"corpus": str(path), "init_from": str(source), "tokenizer": None, "preset": None}
    running = train(replace(short_config, keep=0, **changes), folder / "run")
    while not (isinstance(event := next(running), Step) and event.step == 3):
        pass
    running.close()
    return folder / "run"


@settings(max_examples=100)
@given(name=st.sampled_from(FILES + JSON_FILES), damage=damages())
def test_a_damaged_run_is_told_or_goes_on(begun, begun_with_json, tmp_path_factory, name, damage):
    folder = tmp_path_factory.mktemp("damaged") / "run"
    shutil.copytree(begun_with_json if name in JSON_FILES else begun, folder)
    content = damage((folder / name).read_bytes())
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    events = resume(folder)
    try:
        for _ in islice(events, 30):
            pass
        runs.read_log(folder)
        runs.read_samples(folder)
    except Exception as error:
        assert_a_sentence(error)
    finally:
        try:
            events.close()
        except Exception as error:
            assert_a_sentence(error)
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("checkpoints/latest", b"../../../elsewhere", "write the name of the newest folder"),
        ("checkpoints/latest", b"", "write the name of the newest folder"),
        ("checkpoints/latest", b"step-000009", "write the name of the newest folder"),
        ("checkpoints/step-000003/state.json", b"[]", "should hold a JSON object"),
        ("checkpoints/step-000003/state.json", b'{"step": 3}', "tokens is missing"),
        (
            "checkpoints/step-000003/state.json",
            b'{"step": 2, "tokens": 1, "seconds": 1}',
            "it is not of this checkpoint",
        ),
        ("checkpoints/step-000003/state.json", b'{"model": 3}', "'model' is not a field"),
        ("run.json", b"[" * 100_000, "is not valid JSON"),
        ("run.json", b"{}", "does not say what was asked for"),
        ("log.csv", b"step\n\xff\xff\n1,2\n2,3\n", r"log\.csv is damaged in line 2"),
    ],
)
def test_what_is_damaged_is_named(begun, tmp_path, name, content, says):
    shutil.copytree(begun, tmp_path / "run")
    (tmp_path / "run" / name).write_bytes(content)
    with pytest.raises(ValueError, match=says):
        list(resume(tmp_path / "run"))


def test_a_checkpoint_beyond_the_end_is_refused_and_not_trained_for_ever(begun, tmp_path):
    shutil.copytree(begun, tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    path.write_bytes(path.read_bytes().replace(b'"steps": 4', b'"steps": 2'))
    with pytest.raises(ValueError, match=r"beyond the 2 steps that run\.json says"):
        list(resume(tmp_path / "run"))


def test_a_torn_end_of_a_log_is_no_damage(begun, tmp_path):
    """After a power cut, what was not yet forced to disk may be zeros."""
    shutil.copytree(begun, tmp_path / "run")
    with (tmp_path / "run" / "log.csv").open("ab") as file:
        file.write(b"\0\0\0\n\0\0")
    list(resume(tmp_path / "run"))
    assert runs.read_log(tmp_path / "run").training["step"].tolist() == [1, 2, 3, 4]


# Memory

CLAIMS = """
import io, json, resource, struct, sys, zipfile
from pathlib import Path
import numpy as np
from minillama.system.npz import read_arrays
from minillama.config import LIMITS, ModelConfig
from minillama.data import Documents
from minillama.training.loop import resume
from minillama.weights import load_model

folder = Path(sys.argv[1])
unit = 1 if sys.platform == "darwin" else 1024
begun = Path(sys.argv[2])

def npz(path, count, data, compression):
    header = io.BytesIO()
    described = {"descr": "<i8", "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(header, described)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in ("tokens.npy", "offsets.npy"):
            with archive.open(name, "w") as file:
                file.write(header.getvalue())
                for _ in range(data // 10**6):
                    file.write(bytes(10**6))

def tensors(path, shape):
    name = "norm.weight"
    length = 4
    for side in shape:
        length *= side
    header = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, length]}}
    header = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(64))

huge = {name: limit for name, limit in LIMITS.items() if name != "max_seq_len"}
tiny = ModelConfig.preset("tiny").to_dict()
shape = tiny | huge | {"n_kv_heads": 1024, "max_seq_len": 2**16}
try:
    load_model("nowhere")  # imports what the others need
except FileNotFoundError:
    pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

def refused(work, *arguments):
    try:
        work(*arguments)
    except ValueError as error:
        print(str(error)[:150])
    else:
        raise SystemExit("was not refused")

for count, data, compression in [
    (10**12, 0, zipfile.ZIP_STORED),
    (10**9, 10**6, zipfile.ZIP_STORED),
    (10**8 // 4, 2 * 10**8, zipfile.ZIP_DEFLATED),
]:
    npz(folder / "x.npz", count, data, compression)
    refused(Documents.load, folder / "x.npz")
model = folder / "model"
model.mkdir()
for config, sides in [(tiny, [2**40]), (tiny, [2**20, 2**22]), (shape, [16])]:
    (model / "config.json").write_text(json.dumps({"model_type": "minillama"} | config))
    tensors(model / "model.safetensors", sides)
    refused(load_model, model)
(model / "config.json").write_text(json.dumps({"model_type": "minillama"} | tiny))
(model / "model.safetensors").write_bytes(struct.pack("<Q", 2**40) + b"{}")
refused(load_model, model)
run = json.loads((begun / "run.json").read_text())
for changes in ({"model": shape}, {"plan": run["plan"] | {"batch_size": 2**20, "seq_len": 2**20}}):
    (begun / "run.json").write_text(json.dumps(run | changes))
    refused(lambda: list(resume(begun)))
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before
print("grown", grown)
assert grown < 150e6, grown
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no module resource to measure memory with")
def test_absurd_claims_take_no_memory(begun, tmp_path):
    """Files that claim terabytes, one that unfolds to 400 megabytes, models larger than any."""
    shutil.copytree(begun, tmp_path / "run")
    environment = os.environ | {"PYTHONPATH": str(Path(minillama.__file__).parents[1])}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CLAIMS, str(tmp_path), str(tmp_path / "run")],
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    print(time.perf_counter() - start, done.stdout, done.stderr)
    assert done.returncode == 0
    assert done.stdout.count("\n") == 3 + 4 + 2 + 1
