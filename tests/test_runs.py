"""The run folder: whatever is written is there whole or not at all."""

import errno
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import filelock
import numpy as np
import pytest

from minillama import runs
from minillama.runs.checkpoints import save_checkpoint
from minillama.runs.folder import begin_run, check_free, clean, free_folder, read_run
from minillama.runs.lock import is_locked, locked
from minillama.runs.logs import Log
from minillama.system import files as disk
from minillama.system.interrupts import uninterrupted


def text(content):
    return lambda path: path.write_text(content, encoding="utf-8")


def folder_of(**files):
    def write(path):
        path.mkdir()
        for name, content in files.items():
            text(content)(path / name)

    return write


def fails_halfway(path):
    folder_of(a="half")(path)
    raise RuntimeError("the power is gone")


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "f.json"
    disk.write_json(path, {"名字": 1.5})
    assert disk.read_json(path) == {"名字": 1.5}
    with pytest.raises(TypeError):
        disk.write_json(path, {"name": object()})
    assert disk.read_json(path) == {"名字": 1.5}


def test_damaged_json_is_told(tmp_path):
    text('{"half')(tmp_path / "f.json")
    with pytest.raises(ValueError, match=r"f\.json is damaged"):
        disk.read_json(tmp_path / "f.json")


def test_everything_is_on_disk_before_the_rename(tmp_path, monkeypatch):
    """A rename that outruns the data would leave a whole name on half a file after a power cut."""
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("rename"), replace(a, b)))
    disk.write_atomically(tmp_path / "d", folder_of(a="1", b="2"))
    assert done[:3] == ["fsync", "fsync", "rename"]


def test_a_leftover_does_not_stand_in_the_way(tmp_path):
    with pytest.raises(RuntimeError):
        disk.write_atomically(tmp_path / "d", fails_halfway)
    assert not (tmp_path / "d").exists()
    disk.write_atomically(tmp_path / "d", folder_of(b="whole"))
    assert names(tmp_path) == ["d", "d/b"]


def test_two_checkpoints_stay_and_latest_names_the_newest(tmp_path):
    assert runs.latest_checkpoint(tmp_path) is None
    for step in (5, 999_999, 1_000_000):  # the last one sorts before the second as text
        save_checkpoint(tmp_path, step, folder_of(model=str(step)))
    newest = tmp_path / "checkpoints" / "step-1000000"
    assert runs.latest_checkpoint(tmp_path) == newest
    assert names(tmp_path / "checkpoints") == [
        "latest", "step-1000000", "step-1000000/model", "step-999999", "step-999999/model",
    ]  # fmt: skip


def test_saving_the_same_step_again_does_nothing(tmp_path):
    save_checkpoint(tmp_path, 5, folder_of(model="first"))
    again = save_checkpoint(tmp_path, 5, fails_halfway)
    assert (again / "model").read_text(encoding="utf-8") == "first"


def test_a_failed_save_leaves_the_last_good_one(tmp_path):
    good = save_checkpoint(tmp_path, 5, folder_of(model="good"))
    with pytest.raises(RuntimeError):
        save_checkpoint(tmp_path, 6, fails_halfway)
    assert runs.latest_checkpoint(tmp_path) == good
    clean(tmp_path)
    assert names(tmp_path / "checkpoints") == ["latest", "step-000005", "step-000005/model"]


def test_cleaning_removes_a_checkpoint_that_latest_does_not_know_yet(tmp_path):
    save_checkpoint(tmp_path, 5, folder_of(model="good"))
    folder_of(model="killed before latest was written")(tmp_path / "checkpoints" / "step-000006")
    text("half")(tmp_path / "run.json.partial")
    (tmp_path / "checkpoints" / ".step-000006.partial.1f").mkdir()
    clean(tmp_path)
    assert names(tmp_path) == [
        "checkpoints",
        "checkpoints/latest",
        "checkpoints/step-000005",
        "checkpoints/step-000005/model",
    ]


@dataclass
class Row:
    step: int
    loss: float
    floor: float | None = None


COLUMNS = ("step", "loss", "floor")


def write_log(path, rows, keep_below=1):
    log = Log(path, COLUMNS, keep_below)
    for row in rows:
        log.add(row)
    log.sync()
    log.close()


def test_logged_numbers_read_back_exactly(tmp_path):
    losses = [0.1 + 0.2, 1e-30, 123456789.123456789]
    for name in ("log.csv", "validation.csv"):
        write_log(tmp_path / name, [Row(i + 1, loss) for i, loss in enumerate(losses)])
    log = runs.read_log(tmp_path)
    assert log.training["loss"].tolist() == losses
    assert log.validation["step"].tolist() == [1, 2, 3]
    assert np.isnan(log.training["floor"]).all()
    table = np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)  # the one-liner
    assert table["loss"].tolist() == losses


def test_an_empty_log_reads_as_no_rows(tmp_path):
    for name in ("log.csv", "validation.csv"):
        write_log(tmp_path / name, [])
    assert len(runs.read_log(tmp_path).training["loss"]) == 0


def test_a_folder_without_a_log_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="folder of a run"):
        runs.read_log(tmp_path)


def test_rows_past_the_checkpoint_and_torn_lines_are_cut(tmp_path):
    path = tmp_path / "log.csv"
    write_log(path, [Row(step, 1 / step) for step in range(1, 8)])
    with path.open("a", encoding="utf-8") as file:
        file.write("8,0.1")  # no line end: the process died here
    write_log(path, [Row(6, 60.0)], keep_below=6)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["step", "1", "2", "3", "4", "5", "6"]
    assert lines[-1] == "6,60.0,"


def test_a_row_is_in_the_file_at_once(tmp_path):
    log = Log(tmp_path / "log.csv", COLUMNS, 1)
    log.add(Row(1, 2.0, 0.5))
    assert (tmp_path / "log.csv").read_bytes() == b"step,loss,floor\n1,2.0,0.5\n"
    log.close()


def test_a_locked_folder_refuses_a_second_lock(tmp_path):
    second = locked(tmp_path)
    with locked(tmp_path), pytest.raises(BlockingIOError, match="another training is running"):
        second.__enter__()
    with locked(tmp_path):
        pass  # free again


def test_a_system_without_locks_is_told(tmp_path, monkeypatch):
    def no_locks(self):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(filelock.FileLock, "_acquire", no_locks)
    assert not is_locked(tmp_path)
    with (
        pytest.raises(disk.WriteError, match=r"cannot lock .* choose a folder on another disk"),
        locked(tmp_path),
    ):
        pass


def test_ctrl_c_waits_for_the_end_of_the_block():
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("the rest of the block")
    assert done == ["the rest of the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_in_the_block_is_not_hidden_by_ctrl_c():
    with pytest.raises(ZeroDivisionError), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        raise ZeroDivisionError


def test_uninterrupted_blocks_run_in_other_threads_too():
    done = []

    def work():
        with uninterrupted():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


def test_a_folder_is_named_after_the_corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert free_folder("texts/my.txt") == Path("runs/my")
    Path("runs/my").mkdir(parents=True)
    assert free_folder("texts/my.txt") == Path("runs/my-2")


def test_a_run_begins_where_none_has_come_to_a_plan(tmp_path):
    folder = tmp_path / "run"
    check_free(folder)
    folder.mkdir()
    for seed in (1, 2):  # the first was killed, or found no corpus
        begin_run(folder, {"seed": seed})
        assert read_run(folder) == {"asked": {"seed": seed}}
    disk.write_json(folder / "run.json", read_run(folder) | {"plan": {}, "model": {}})
    with pytest.raises(ValueError, match="is not empty; resume the run in it"):
        begin_run(folder, {"seed": 3})
    text("damaged")(folder / "run.json")
    with pytest.raises(ValueError, match=r"run\.json is damaged"):
        begin_run(folder, {"seed": 3})
    with pytest.raises(FileNotFoundError, match="there is no run in"):
        read_run(tmp_path / "other")


def test_an_error_in_a_file_of_a_folder_is_about_the_folder(tmp_path):
    def write(path):
        path.mkdir()
        disk.write_text(path / "missing" / "file", "text")

    with pytest.raises(disk.WriteError, match=r"cannot write d in .*: No such file"):
        disk.write_atomically(tmp_path / "d", write)
