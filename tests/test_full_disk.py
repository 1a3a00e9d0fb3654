"""A disk that is full or read-only, at every place where a run writes.

One sentence says where and why, what was safe stays whole, and the run goes on to the same end once
there is room again.
"""

import errno
import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import SafetensorError

import minillama
from minillama import cli, runs
from minillama.runs.folder import read_run
from minillama.system.files import WriteError, write_atomically
from minillama.training.config import Plan
from minillama.training.events import Finished, Step
from minillama.training.loop import resume, train
from minillama.training.optimizer_file import load_optimizers
from minillama.training.step import Diverged, new_training
from minillama.weights import load_model, save_model, tensors


class Disk:
    """Counts what is written through it, and refuses everything after the `room`-th time."""

    def __init__(self, monkeypatch):
        self.room, self.used, self.cause = 10**9, 0, errno.ENOSPC
        for module, name in [(os, "fsync"), (os, "replace"), (os, "mkdir")]:
            monkeypatch.setattr(module, name, self.refusing(getattr(module, name)))
        monkeypatch.setattr(io, "open", self.opening(io.open))
        monkeypatch.setattr(tensors, "save_file", self.saving(tensors.save_file))

    def check(self, path=None):
        self.used += 1
        if self.used > self.room:
            raise OSError(self.cause, os.strerror(self.cause), path)

    def refusing(self, function):
        def call(path, *arguments, **options):
            self.check(None if isinstance(path, int) else str(path))
            return function(path, *arguments, **options)

        return call

    def opening(self, function):
        def call(path, mode="r", *arguments, **options):
            if {*mode} & {*"wax+"}:
                self.check(str(path))
            return function(path, mode, *arguments, **options)

        return call

    def saving(self, function):
        def call(*arguments, **options):
            try:
                self.check()
            except OSError as error:  # what safetensors, which is written in Rust, makes of it
                raise SafetensorError(
                    f"Error while serializing: I/O error: {error.strerror} (os error {error.errno})"
                ) from None
            return function(*arguments, **options)

        return call


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def go_on(short_config, folder):
    return list(resume(folder) if (folder / "run.json").exists() else train(short_config, folder))


def losses(folder):
    return runs.read_log(folder).training["loss"].tolist()


@pytest.mark.parametrize(
    ("cause", "first", "stride"), [("ENOSPC", 0, 5), ("EROFS", 1, 10), ("EACCES", 6, 10)]
)
def test_wherever_the_disk_refuses_nothing_is_lost(
    short_config, disk, tmp_path, cause, first, stride
):
    for name in ("first", "whole"):  # the first may import what writes a cache
        disk.used = 0
        assert isinstance(go_on(short_config, tmp_path / name)[-1], Finished)
    n_places = disk.used
    assert n_places > 40
    disk.cause = getattr(errno, cause)
    for room in range(first, n_places, stride):
        folder = tmp_path / str(room)
        disk.room, disk.used = room, 0
        with pytest.raises(WriteError) as caught:
            go_on(short_config, folder)
        said = str(caught.value)
        assert os.strerror(disk.cause) in said and str(tmp_path) in said and "\n" not in said

        disk.room = 10**9
        latest = runs.latest_checkpoint(folder) if folder.exists() else None
        for checkpoint in folder.glob("checkpoints/step-*"):
            if checkpoint.suffix != ".partial":
                plan = Plan.from_dict(read_run(folder)["plan"])
                training = new_training(load_model(checkpoint), plan)
                path = checkpoint / "optimizer.safetensors"
                load_optimizers(training.optimizers, training.model, path)
        if (folder / "data").exists():
            step = runs.step_of(latest) if latest else None
            safe = f"of step {step} is complete" if latest else "no checkpoint has been saved"
            assert safe in said and said.endswith("once this is fixed")
        events = go_on(short_config, folder)
        assert isinstance(events[-1], Finished)
        assert losses(folder) == losses(tmp_path / "whole")
        if latest:
            begun = min([e.step for e in events if isinstance(e, Step)], default=5)
            assert begun == runs.step_of(latest) + 1
        assert not [*folder.rglob("*.partial")]


def test_half_a_file_takes_no_room_on_a_full_disk(disk, tmp_path):
    def write(path):
        path.mkdir()
        (path / "large").write_bytes(b"x" * 1000)
        disk.room = 0
        (path / "another").write_bytes(b"y")

    with pytest.raises(WriteError, match=r"cannot write d in .*: No space left on device"):
        write_atomically(tmp_path / "d", write)
    assert [*tmp_path.iterdir()] == []


def test_ctrl_c_on_a_full_disk_says_that_nothing_was_saved(short_config, disk, tmp_path):
    running = train(short_config, tmp_path / "run")
    while not isinstance(next(running), Step):
        pass
    disk.room = disk.used
    with pytest.raises(WriteError, match="No space left on device; no checkpoint has been saved"):
        running.close()


def test_a_model_that_cannot_be_written_is_an_os_error(short_config, disk, tmp_path):
    go_on(short_config, tmp_path / "run")
    model = load_model(tmp_path / "run")
    for room, format in [(0, "native"), (1, "native"), (2, "native"), (1, "hf")]:
        disk.room, disk.used = room, 0
        with pytest.raises(OSError, match="No space left on device"):
            save_model(model, tmp_path / "copy", format)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_the_command_says_it_in_one_line(short_config, disk, tmp_path, capsys):
    disk.room = 0
    arguments = [
        "train",
        "--corpus",
        short_config.corpus,
        "--preset",
        "tiny",
        "--tokenizer",
        "char",
    ]
    arguments += ["--steps", "2", "--seq-len", "8", "--out", str(tmp_path / "run")]
    assert cli.main([*arguments, "--threads", "1", "--dtype", "float32"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said == f"minillama: error: cannot write run in {tmp_path}: No space left on device"


def test_a_loss_that_is_none_is_told_on_a_full_disk_too(short_config, disk, tmp_path):
    running = train(replace(short_config, lr=1e30), tmp_path / "run")
    while not isinstance(next(running), Step):
        pass
    disk.room = disk.used
    told = r"diverged at step 2: .*, on a batch that could not be saved \(cannot write diverged"
    with pytest.raises(Diverged, match=told + r".*No space left on device\); start another run"):
        list(running)


def command(*arguments, before=None):
    environment = os.environ | {"PYTHONPATH": str(Path(minillama.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-m", "minillama", *map(str, arguments)],
        env=environment | {"OMP_NUM_THREADS": "1"},
        preexec_fn=before,
        capture_output=True,
        encoding="utf-8",
    )


def limit():
    """Let the system itself break every file off at 20,000 bytes."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot limit the size of files")
@pytest.mark.parametrize(
    "line",
    [
        ["corpus", "--stories", "44", "-o"],  # refused as the file is closed
        ["corpus", "--stories", "300", "-o"],  # and before
        ["convert", "toytown"],
        ["workbook"],
    ],
    ids=" ".join,
)
def test_other_commands_leave_the_whole_or_nothing(tmp_path, line):
    failed = command(*line, tmp_path / "new", before=limit)
    assert failed.returncode == 2
    told = f"minillama: error: cannot write new in {tmp_path}: File too large"
    assert failed.stderr.splitlines()[-1] == told
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot limit the size of files")
def test_a_real_limit_on_what_is_written(short_config, tmp_path):
    """The limit comes in the middle of the weights."""
    out = tmp_path / "run"
    arguments = [
        "train",
        "--corpus",
        short_config.corpus,
        "--preset",
        "tiny",
        "--tokenizer",
        "char",
    ]
    arguments += ["--steps", "4", "--every", "2", "--batch-size", "1", "--seq-len", "8"]
    failed = command(*arguments, "--threads", "1", "--dtype", "float32", "--out", out, before=limit)
    assert failed.returncode == 2, failed.stderr
    assert failed.stderr.strip().splitlines()[-1] == (
        f"minillama: error: cannot write step-000002 in {out / 'checkpoints'}: File too large; "
        "no checkpoint has been saved yet, and --resume starts again once this is fixed"
    )
    assert "Traceback" not in failed.stderr
    assert [*out.glob("checkpoints/*")] == []
    assert len(losses(out)) == 2
    assert isinstance(list(resume(out))[-1], Finished)


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="the administrator may write everywhere"
)
def test_a_real_folder_without_permission(short_config, tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(WriteError, match=r"cannot write run in .*: Permission denied"):
            list(train(short_config, tmp_path / "run"))
    finally:
        tmp_path.chmod(0o755)
