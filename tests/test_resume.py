"""Kill -9 at any moment, resume: the run goes on as if nothing had happened, to the last bit.

Real processes are really killed: at moments drawn at random out of all that happens on disk and
between events, in the middle of saves on purpose, and from outside.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import minillama
from minillama.training.config import TrainConfig
from minillama.training.events import Finished
from minillama.training.loop import resume, train

# The child trains or resumes, and kills itself at a moment: the n-th of those it passes through, or
# the first whose description matches.
CHILD = """
import json, os, re, signal, sys
from minillama.training.config import TrainConfig
from minillama.training.loop import resume, train

folder, config, moment = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
passed = 0

def here(name):
    global passed
    passed += 1
    if str(passed) == moment or not moment.isdigit() and re.search(moment, name):
        print("killed at moment", passed, name, flush=True)
        if os.name == "nt":
            os._exit(9)
        os.kill(os.getpid(), signal.SIGKILL)

def watched(name):
    original = getattr(os, name)
    def call(*args, **kwargs):
        here("before " + name + " " + str(args))
        return original(*args, **kwargs)
    setattr(os, name, call)

watched("fsync")
watched("replace")
if os.path.exists(os.path.join(folder, "run.json")):
    events = resume(folder)
else:
    events = train(TrainConfig.from_dict(config), folder)
for event in events:
    here(repr(event))
    if type(event).__name__ == "Step":
        print("step", event.step, flush=True)
print("finished after", passed, flush=True)
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    draw = random.Random(0)
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_text("".join(draw.choices("abcdef \n", k=3000)), encoding="utf-8")
    return TrainConfig(
        corpus=str(path),
        tokenizer="char",
        preset="tiny",
        steps=20,
        batch_size=2,
        seq_len=24,
        accumulate=2,
        every=6,
        keep=3,
        threads=1,
        dtype="bfloat16",
    )


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    """The folder of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert isinstance(list(train(config, folder))[-1], Finished)
    return folder


def start(folder, config, moment):
    command = [sys.executable, "-c", CHILD, str(folder), json.dumps(config.to_dict()), str(moment)]
    root = Path(minillama.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, encoding="utf-8", cwd=root, env=environment
    )


def last_words(child):
    """What the child printed last, once it is dead; it must not have died of an error."""
    out, _ = child.communicate(timeout=120)
    assert child.returncode in (0, 9, -9), out
    return "".join(out.splitlines()[-1:])


def table(path, without):
    """The cells of a CSV file as text, without the columns that a clock filled."""
    header, *rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    return [[cell for name, cell in zip(header, row, strict=True) if name not in without]
            for row in [header, *rows]]  # fmt: skip


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def finish_and_compare(folder, config, whole):
    """Go on to the end: the same losses to the last digit, and the same files to the last bit."""
    began = (folder / "run.json").exists()
    events = list(resume(folder) if began else train(config, folder))
    assert isinstance(events[-1], Finished)
    for name, clocks in [("log", ["seconds", "tokens_per_second"]), ("validation", ["seconds"])]:
        assert table(folder / f"{name}.csv", clocks) == table(whole / f"{name}.csv", clocks)
    assert (folder / "samples.jsonl").read_bytes() == (whole / "samples.jsonl").read_bytes()
    assert names(folder) == names(whole)
    for name in names(whole):
        if name.endswith((".safetensors", ".npz", ".model")):
            assert (folder / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize(
    "moment",
    [
        r"replace .*run\.json\.partial",  # the folder is made, but there is no run in it yet
        r"replace .*data\.partial",  # the corpus is written, but not under its name yet
        r"replace .*latest\.partial",  # the first checkpoint is there, but nothing points at it
        r"replace .*step-000012\.partial",  # a later checkpoint is whole, but not renamed
        r"^Validated\(step=12",  # between a checkpoint and the validation that belongs to it
    ],
)
def test_killed_at_a_delicate_moment(config, whole, tmp_path, moment):
    folder = tmp_path / "run"
    assert last_words(start(folder, config, moment)).startswith("killed")
    finish_and_compare(folder, config, whole)


def test_killed_at_random_moments_again_and_again(config, whole, tmp_path):
    folder, draw = tmp_path / "run", random.Random()
    for _ in range(3):
        print(last_words(start(folder, config, draw.randrange(1, 50))))  # shown if the test fails
    finish_and_compare(folder, config, whole)


def test_killed_from_outside(config, whole, tmp_path):
    child = start(tmp_path / "run", config, 0)
    steps = random.randrange(1, 20)
    for line in child.stdout:
        if line.startswith(f"step {steps}"):
            break
    child.kill()
    last_words(child)
    finish_and_compare(tmp_path / "run", config, whole)


def test_a_second_process_refuses_while_the_first_goes_on(config, whole, tmp_path):
    folder = tmp_path / "run"
    # It stops in the middle of step 5, and goes on when a line comes in.
    program = CHILD.replace(
        '"step", event.step, flush=True)',
        """"step", event.step, flush=True)
        if event.step == 5:
            sys.stdin.readline()""",
    )
    command = [sys.executable, "-c", program, str(folder), json.dumps(config.to_dict()), "0"]
    root = Path(minillama.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8"}
    options = {"cwd": root, "env": environment, "encoding": "utf-8"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **options, **pipes) as first:
        while not first.stdout.readline().startswith("step 5"):
            assert first.poll() is None
        second = [sys.executable, "-m", "minillama", "train", "--resume", str(folder)]
        done = subprocess.run(second, **options, capture_output=True)
        assert done.returncode == 2
        assert f"error: another training is running in {folder}; wait for it" in done.stderr
        with pytest.raises(BlockingIOError, match="another training is running"):
            list(resume(folder))
        first.communicate("go on\n", timeout=120)
        assert first.returncode == 0
    finish_and_compare(folder, config, whole)
