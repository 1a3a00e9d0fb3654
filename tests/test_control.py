"""Pause, go on and stop, asked from outside through a file: the training stays the same."""

import json
import threading
import time
from dataclasses import replace

import pytest
from clock import seconds

from minillama import cli, runs
from minillama.runs import control
from minillama.system.files import WriteError
from minillama.training.events import Finished, Interrupted, Paused, Preparing, Started, Step
from minillama.training.loop import resume, train


@pytest.fixture(scope="module")
def config(short_config):
    return replace(short_config, steps=12, every=5)


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    """The folder of a run of which nobody asked anything."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    list(train(config, folder))
    return folder


def rows(path):
    """The rows of a log without what a clock filled in."""
    header, *lines = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [i for i, name in enumerate(header) if name not in ("seconds", "tokens_per_second")]
    return [[line[i] for i in kept] for line in lines]


def assert_same_run(folder, whole):
    for name in ("log.csv", "validation.csv"):
        assert rows(folder / name) == rows(whole / name)
    for name in ("samples.jsonl", "model.safetensors"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    last = "checkpoints/step-000012/optimizer.safetensors"
    assert (folder / last).read_bytes() == (whole / last).read_bytes()


def state(folder):
    return control.read_status(folder)["state"]


@pytest.mark.parametrize("at", [1, 5, 7, 10, 11])
def test_a_pause_changes_nothing_but_the_time(config, whole, tmp_path, at):
    """Also where a checkpoint and a validation have just been made, at 5 and 10."""
    folder, events = tmp_path / "run", []
    for event in train(config, folder):
        events.append(event)
        if isinstance(event, Step) and event.step == at:
            control.request(folder, "pause")
        if isinstance(event, Paused):
            assert state(folder) == "paused"
            assert runs.step_of(runs.latest_checkpoint(folder)) == event.step == at
            threading.Timer(0.05, control.resume, [folder]).start()
    assert [type(event) for event in events].count(Paused) == 1
    assert isinstance(events[-1], Finished) and state(folder) == "finished"
    assert_same_run(folder, whole)


def test_a_pause_before_the_first_step(config, whole, tmp_path):
    folder = tmp_path / "run"
    for event in train(config, folder):
        if isinstance(event, Started):
            control.request(folder, "pause")
        if isinstance(event, Paused):
            assert event.step == 0 and runs.latest_checkpoint(folder) is None
            control.resume(folder)
    assert_same_run(folder, whole)


def test_the_seconds_of_a_pause_are_not_those_of_training(config, tmp_path):
    folder, trained = tmp_path / "run", {}
    start = time.perf_counter()
    for event in train(config, folder):
        if isinstance(event, Step):
            trained[event.step] = event.seconds
            if event.step in (4, 8):
                control.request(folder, "pause")
        if isinstance(event, Paused):
            threading.Timer(0.5, control.resume, [folder]).start()
    assert trained[12] < time.perf_counter() - start - 1
    assert runs.read_log(folder).training["seconds"][-1] == trained[12]


def test_who_waits_computes_nothing(tmp_path):
    control.request(tmp_path, "pause")
    threading.Timer(0.6, control.resume, [tmp_path]).start()
    before, start = time.thread_time(), time.perf_counter()
    control.wait_while_paused(tmp_path)
    waited = time.perf_counter() - start
    assert waited > 0.5
    assert time.thread_time() - before < 0.05 * waited


def test_to_look_takes_no_time(tmp_path):
    def repeat(work):
        for _ in range(1000):
            work()

    exists = seconds(repeat, (tmp_path / "a file").exists)
    assert seconds(repeat, lambda: control.requested(tmp_path)) < 20 * exists


@pytest.mark.parametrize("paused_first", [False, True])
def test_stop_is_ctrl_c_from_outside(config, whole, tmp_path, paused_first):
    folder, events = tmp_path / "run", []
    for event in train(config, folder):
        events.append(event)
        if isinstance(event, Step) and event.step == 7:
            control.request(folder, "pause" if paused_first else "stop")
        if isinstance(event, Paused):
            control.request(folder, "stop")
    assert events[-1] == Interrupted(7, folder)
    assert state(folder) == "stopped" and control.requested(folder) is None
    assert runs.step_of(runs.latest_checkpoint(folder)) == 7
    *_, last = resume(folder)
    assert isinstance(last, Finished)
    assert_same_run(folder, whole)


def test_a_run_that_is_killed_while_paused_has_lost_nothing(config, whole, tmp_path, monkeypatch):
    folder = tmp_path / "run"

    def die(folder):
        raise MemoryError  # ends it with nothing saved on the way, as a kill would

    monkeypatch.setattr(control, "wait_while_paused", die)
    with pytest.raises(MemoryError):
        for event in train(config, folder):
            if isinstance(event, Step) and event.step == 8:
                control.request(folder, "pause")
    monkeypatch.undo()
    assert control.requested(folder) == "pause"  # left over, and no business of the next sitting
    events = list(resume(folder))
    assert events[0].step == 8 and not [event for event in events if isinstance(event, Paused)]
    assert_same_run(folder, whole)


def test_what_was_asked_of_an_earlier_sitting_does_not_stop_the_next(config, tmp_path):
    folder = tmp_path / "run"
    for event in train(config, folder):
        if isinstance(event, Step) and event.step == 3:
            control.request(folder, "stop")
    for what in ("stop", "pause"):
        control.request(folder, what)
        running = resume(folder)
        assert isinstance(next(running), Started)
        assert isinstance(next(running), Step)
        running.close()
        assert state(folder) == "stopped"


def test_a_training_that_is_refused_takes_nothing_back(config, tmp_path):
    """A second one in the same folder must not undo what is asked of the first."""
    folder = tmp_path / "run"
    running = train(config, folder)
    while not isinstance(next(running), Step):
        pass
    control.request(folder, "pause")
    with pytest.raises(BlockingIOError):
        list(resume(folder))
    assert control.requested(folder) == "pause" and state(folder) == "training"
    running.close()


def test_stop_while_stories_are_written(tmp_path):
    from minillama.training.config import TrainConfig

    config = TrainConfig(preset="tiny", steps=40, threads=1, dtype="float32", seq_len=64)
    folder, events = tmp_path / "run", []
    for event in train(config, folder):
        events.append(event)
        if isinstance(event, Preparing) and event.what == "measuring this machine":
            control.request(folder, "stop")
    assert events[-1] == Interrupted(0, folder)
    assert not (folder / "data").exists()


def test_what_went_wrong_is_said(config, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(ValueError, match="diverged"):
        list(train(replace(config, lr=1e30), folder))
    status = control.read_status(folder)
    assert status["state"] == "failed"
    assert status["words"].startswith("training diverged at step 2") and "\n" not in status["words"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"pausee", b"stop" * 100, b"\0"])
def test_a_damaged_control_file_asks_for_nothing(tmp_path, content):
    (tmp_path / "control").write_bytes(content)
    assert control.requested(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"state": 1, "words": ""}', b"\xff"])
def test_a_damaged_status_says_nothing(tmp_path, content):
    (tmp_path / "status.json").write_bytes(content)
    assert control.read_status(tmp_path) == {}
    assert control.read_status(tmp_path / "nowhere") == {}


def test_asking_where_there_is_no_folder_is_told(tmp_path):
    with pytest.raises(WriteError, match="cannot write control in"):
        control.request(tmp_path / "nowhere", "pause")
    control.resume(tmp_path)  # nothing was asked, and so nothing is to be taken back


def test_the_command_says_in_one_line_that_it_waits(config, tmp_path, capsys):
    folder, out = tmp_path / "run", []
    options = [f"--{n.replace('_', '-')}={v}" for n, v in config.to_dict().items() if v is not None]

    def other_hand():
        while not (folder / "log.csv").exists():
            time.sleep(0.001)
        control.request(folder, "pause")
        while control.read_status(folder)["state"] not in ("paused", "finished"):
            time.sleep(0.01)
        out.append(control.read_status(folder)["state"])
        control.resume(folder)

    hand = threading.Thread(target=other_hand)
    hand.start()
    assert cli.main(["train", *options, "--steps=150", "--every=75", "--out", str(folder)]) == 0
    hand.join()
    told = [line for line in capsys.readouterr().out.splitlines() if "paused" in line]
    assert out == ["paused"] and len(told) == 1
    assert told[0].endswith(f"saved and paused; it continues when {folder / 'control'} is removed")


def test_samples_are_kept_with_their_line_breaks(whole):
    samples = runs.read_samples(whole)
    assert [sample.step for sample in samples] == [5, 5, 10, 10, 12, 12]
    assert all(sample.text.startswith(sample.prompt) for sample in samples)
    assert any("\n" in sample.text for sample in samples)


@pytest.mark.parametrize(
    "content", ["{\n", "[1]\n", '{"step": 1}\n', '{"step": "1", "prompt": "", "text": ""}\n']
)
def test_damaged_samples_are_told(tmp_path, content):
    (tmp_path / "samples.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"samples\.jsonl is damaged"):
        runs.read_samples(tmp_path)


def test_a_sample_not_yet_whole_is_left_out(tmp_path):
    line = json.dumps({"step": 1, "prompt": "a", "text": "a\u2028b\nc"}, ensure_ascii=False)
    (tmp_path / "samples.jsonl").write_text(f"{line}\n{line[:9]}", encoding="utf-8", newline="\n")
    assert runs.read_samples(tmp_path) == [(1, "a", "a\u2028b\nc")]


def test_many_looks_do_not_disturb_the_lock(tmp_path):
    """Whoever only looks holds the lock for a moment, which a training waits for."""
    from minillama.runs.lock import is_locked, locked

    ended = threading.Event()

    def look():
        while not ended.is_set():
            is_locked(tmp_path)
            time.sleep(0.001)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(100):
            with locked(tmp_path):
                assert is_locked(tmp_path)
    finally:
        ended.set()
        thread.join()
