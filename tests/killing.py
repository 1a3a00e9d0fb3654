"""Kill a training at random moments, again and again, and look at what is left (see test_kills).

    python killing.py TEXT FOLDER KILLS SEED

This process imports PyTorch once and computes nothing with it. Each sitting of a training is a fork
of it, so it starts in milliseconds, and is killed after a random time.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

from minillama import runs
from minillama.training.config import TrainConfig
from minillama.training.events import Saved
from minillama.training.loop import resume, train

WEIGHTS = ("model.safetensors", "optimizer.safetensors", "tokenizer.model", "config.json")
EVERY = 4
STEPS = 16
SAMPLES = (0, 1, 3, 5)  # after so many looks, of which the first is in the run's first third
CLOCKS = ("seconds", "tokens_per_second")


def main() -> None:
    text, folder, kills, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    torch.set_num_threads(1)
    torch.optim.AdamW([torch.zeros(1)])  # the first one imports for a second
    config = TrainConfig(
        corpus=text,
        tokenizer="char",
        preset="tiny",
        steps=STEPS,
        batch_size=1,
        seq_len=8,
        every=EVERY,
        keep=2,
        threads=1,
        dtype="float32",
    )
    whole, digests = folder / "whole", folder / "digests.json"
    start = time.perf_counter()
    assert wait(fork(lambda: undisturbed(config, whole, digests))) == 0
    length = time.perf_counter() - start
    expected = json.loads(digests.read_text(encoding="utf-8"))

    draw = random.Random(seed)
    killed = finished = reached = 0
    left: dict[str, int] = {}  # how often a kill left what
    while killed < kills or not finished:
        run = folder / f"run-{finished}"
        child = fork(lambda run=run: sitting(config, run))
        if killed < kills:
            time.sleep(draw.random() ** 2 * length)  # the start has more delicate moments
            os.kill(child, signal.SIGKILL)
        code = wait(child)
        if code == -signal.SIGKILL:
            killed += 1
            what, step = look(run, whole, expected)
            assert step >= reached, f"step {reached} was safe, and then {step} was the latest"
            reached = step
            left[what] = left.get(what, 0) + 1
        else:
            assert code == 0, f"a training that was resumed failed with {code}"
            look(run, whole, expected)
            compare_to_the_last_bit(run, whole)
            finished, reached = finished + 1, 0
    print(f"{killed} kills, {finished} runs finished, {time.perf_counter() - start:.1f} s; {left}")


def fork(work: Callable[[], None]) -> int:
    """Start `work` in a copy of this process; its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def undisturbed(config: TrainConfig, folder: Path, digests: Path) -> None:
    """The run that nobody kills, and the digests of all its checkpoints."""
    found = {e.step: digest(e.folder) for e in train(config, folder) if isinstance(e, Saved)}
    digests.write_text(json.dumps(found), encoding="utf-8")


def sitting(config: TrainConfig, folder: Path) -> None:
    for _ in resume(folder) if (folder / "run.json").exists() else train(config, folder):
        pass


def look(run: Path, whole: Path, expected: dict[str, list[str]]) -> tuple[str, int]:
    """Check that nothing of what was safe is lost; what there is of the run, up to which step."""
    if not (run / "run.json").exists():
        return "nothing", 0
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["asked"]
    checkpoint = runs.latest_checkpoint(run) if (run / "checkpoints").exists() else None
    step = runs.step_of(checkpoint) if checkpoint else 0
    if checkpoint:
        assert digest(checkpoint) == expected[str(step)]
        state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
        assert state["step"] == step
    for name in ("log.csv", "validation.csv"):
        if (run / name).exists():
            ours, theirs = rows(run / name), rows(whole / name)
            assert ours == theirs[: len(ours)]
            # every step up to the checkpoint is in the log, every validation before it
            safe = step if name == "log.csv" else step // EVERY - 1
            assert len(ours) - 1 >= safe, f"{name} has {len(ours) - 1} rows after {step} steps"
            # and no step was taken beyond the one that had to be saved first
            most = step + EVERY if name == "log.csv" else step // EVERY
            assert len(ours) - 1 <= most, f"{name} has {len(ours) - 1} rows after {step} steps"
    if (run / "samples.jsonl").exists():
        ours, theirs = lines(run / "samples.jsonl"), lines(whole / "samples.jsonl")
        assert ours == theirs[: len(ours)]
        assert len(ours) >= SAMPLES[max(0, step // EVERY - 1)], (
            f"{len(ours)} samples by step {step}"
        )
    partial = any(path.name.endswith(".partial") for path in run.rglob("*"))
    stage = "checkpoint" if checkpoint else "data" if (run / "data").exists() else "plan"
    return stage + " and something half written" * partial, step


def compare_to_the_last_bit(run: Path, whole: Path) -> None:
    for name in ("log.csv", "validation.csv"):
        assert rows(run / name) == rows(whole / name)
    for name in ("samples.jsonl", "status.json"):
        assert lines(run / name) == lines(whole / name)
    names, theirs = ({p.relative_to(folder) for p in folder.rglob("*")} for folder in (run, whole))
    assert names == theirs, f"{names ^ theirs} is in one alone"
    for name in names:
        if name.suffix in (".safetensors", ".npz", ".model"):
            assert (run / name).read_bytes() == (whole / name).read_bytes(), name


def rows(path: Path) -> list[list[str]]:
    """The whole lines of a log, without what a clock filled in."""
    table = [line.split(",") for line in lines(path)]
    columns = [i for i, name in enumerate(table[0]) if name not in CLOCKS] if table else []
    return [[row[i] for i in columns] for row in table]


def lines(path: Path) -> list[str]:
    """Those of a file that are whole."""
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def digest(checkpoint: Path) -> list[str]:
    return [hashlib.sha256((checkpoint / name).read_bytes()).hexdigest() for name in WEIGHTS]


if __name__ == "__main__":
    main()
