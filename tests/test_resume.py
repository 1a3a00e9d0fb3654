"""Kill -9 at any moment, resume: the run goes on as if nothing had happened, to the last bit.

Real processes are really killed: at moments drawn at random out of all that happens on disk and
between events, in the middle of saves on purpose, and from outside.
"""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import minillama
from minillama.training.config import TrainConfig
from minillama.training.events import Finished, Step
from minillama.training.loop import resume, train

ROOT = str(Path(minillama.__file__).parents[1])


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


@pytest.fixture(scope="module")
def lives(config):
    """A function that starts a run which dies at a moment, and gives the lines that it prints."""
    script = Path(__file__).with_name("dying.py")
    environment = os.environ | {"PYTHONPATH": ROOT, "PYTHONIOENCODING": "utf-8"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen([sys.executable, script], cwd=ROOT, env=environment, **pipes) as parent:

        def start(folder, moment):
            line = json.dumps([str(folder), config.to_dict(), str(moment)])
            print(line, file=parent.stdin, flush=True)
            while line := parent.stdout.readline():
                yield line
                if line.startswith("ended"):
                    return

        yield start
        parent.stdin.close()


def last_words(lines):
    """What a run printed last, once it is dead; it must not have died of an error."""
    *said, end = lines
    assert end.split()[1] in ("0", "9", "-9"), said
    return said[-1]


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
def test_killed_at_a_delicate_moment(lives, config, whole, tmp_path, moment):
    folder = tmp_path / "run"
    assert last_words(lives(folder, moment)).startswith("killed")
    finish_and_compare(folder, config, whole)


def test_killed_at_random_moments_again_and_again(lives, config, whole, tmp_path):
    folder, draw = tmp_path / "run", random.Random()
    for _ in range(3):
        print(last_words(lives(folder, draw.randrange(1, 50))))  # shown if the test fails
    finish_and_compare(folder, config, whole)


def test_killed_from_outside(lives, config, whole, tmp_path):
    run = lives(tmp_path / "run", 0)
    _, process = next(run).split()
    last = f"step {random.randrange(1, 20)}\n"
    assert last in run  # and no further
    os.kill(int(process), getattr(signal, "SIGKILL", signal.SIGTERM))
    assert list(run)[-1].split()[1] in ("-9", str(int(signal.SIGTERM)))
    finish_and_compare(tmp_path / "run", config, whole)


def test_a_second_process_refuses_while_the_first_goes_on(config, whole, tmp_path):
    folder = tmp_path / "run"
    first = train(config, folder)
    while not (isinstance(event := next(first), Step) and event.step == 5):
        pass
    second = [sys.executable, "-m", "minillama", "train", "--resume", str(folder)]
    environment = os.environ | {"PYTHONPATH": ROOT, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(second, cwd=ROOT, env=environment, encoding="utf-8", capture_output=True)
    assert done.returncode == 2
    assert f"error: another training is running in {folder}; wait for it" in done.stderr
    with pytest.raises(BlockingIOError, match="another training is running"):
        list(resume(folder))
    assert isinstance(list(first)[-1], Finished)
    finish_and_compare(folder, config, whole)
