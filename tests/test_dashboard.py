"""The dashboard: trainings in real processes, watched from their folders alone."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import matplotlib
import pytest
from damaging import damages
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook

matplotlib.use("agg")

import minillama
from minillama import runs, widgets
from minillama.runs import control
from minillama.runs.folder import check_free, read_run
from minillama.runs.lock import is_locked
from minillama.runs.status import look
from minillama.system.notebooks import execute, write_notebook
from minillama.training import launch as background
from minillama.training.config import TrainConfig
from minillama.training.events import Paused, Step
from minillama.training.loop import resume, train

ROOT = str(Path(minillama.__file__).parents[1])
PATIENCE = 120


@pytest.fixture(scope="module")
def text_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    draw = random.Random(0)
    path.write_text("".join(draw.choices("abcdef <&\n", k=3000)), encoding="utf-8")
    return path


@pytest.fixture
def config(text_file):
    """A run of a few seconds."""
    return TrainConfig(
        corpus=str(text_file),
        tokenizer="char",
        preset="tiny",
        steps=300,
        batch_size=1,
        seq_len=8,
        every=150,
        threads=1,
        dtype="float32",
    )


@pytest.fixture(autouse=True)
def boards(monkeypatch):
    """Make dashboards; what they started has ended when the test has, and no thread is left."""
    monkeypatch.setenv("PYTHONPATH", ROOT)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = []

    def make(folder, **start):
        made.append(widgets.dashboard(folder, **start))
        return made[-1]

    yield make
    for board in made:
        board.close()
        if is_locked(board.folder):
            control.request(board.folder, "stop")
    for process in background._STARTED:
        process.wait(PATIENCE)
    assert not [t for t in threading.enumerate() if t.name.startswith("watching")]


def reach(board, condition):
    end = time.monotonic() + PATIENCE
    while not (board.state and condition(board)):  # asking for its state, it looks at the folder
        assert time.monotonic() < end, (board.state, board._look)
        time.sleep(0.02)


def in_state(*states):
    return lambda board: board.state in states


def can_press(board):
    names = ("start_button", "pause_button", "stop_button")
    return [getattr(board, n).description for n in names if not getattr(board, n).disabled]


def shown(board, part):
    [value] = [
        widget.value
        for widget in [*board.view.children, *board.view.children[0].children]
        if f"minillama-{part}" in widget._dom_classes
    ]
    return value


def says(board):
    return re.search('minillama-state">(.*?)</span>', shown(board, "status"))[1]


def finish(board, folder):
    assert board.wait(PATIENCE) == "finished"
    assert can_press(board) == [] and says(board).startswith("Finished after")
    minillama.load(folder)


def test_a_run_is_started_paused_found_again_stopped_and_resumed(boards, config, tmp_path):
    folder = tmp_path / "runs" / "a run"
    board = boards(folder, start=config)
    assert board.state == "not begun" and can_press(board) == ["Start"]
    assert board.wait(1) == "not begun"  # there is nothing to wait for
    board.start_button.click()
    assert board.state == "starting" and can_press(board) == []
    board.start()  # is under way already
    reach(board, in_state("training"))
    reach(board, lambda board: board._look.step > 20)
    assert can_press(board) == ["Pause", "Stop"]
    with pytest.raises(TimeoutError, match=r"is training after 0\.1 seconds"):
        board.wait(0.1)
    board.pause_button.click()
    reach(board, in_state("paused"))
    step = runs.step_of(runs.latest_checkpoint(folder))
    assert says(board) == f"Paused and saved at step {step}"
    assert can_press(board) == ["Continue", "Stop"]
    board.close()

    second = boards(folder)  # as after a restart of the kernel: it knows nothing but the folder
    assert second.state == "paused" and can_press(second) == ["Continue", "Stop"]
    assert second._look.step == step
    second.start_button.click()
    reach(second, in_state("training"))
    reach(second, lambda board: board._look.step > step)
    second.stop_button.click()
    assert second.wait(PATIENCE) == "stopped"
    reached = runs.step_of(runs.latest_checkpoint(folder))
    assert step < reached < config.steps
    assert says(second) == f"Stopped; saved at step {reached}"

    third = boards(folder)
    assert third.state == "stopped" and can_press(third) == ["Continue"]
    third.start_button.click()
    finish(third, folder)
    steps = runs.read_log(folder).training["step"]
    assert steps.tolist() == list(range(1, config.steps + 1))


def test_a_run_that_is_killed_has_stopped_and_can_be_resumed(boards, config, tmp_path):
    board = boards(tmp_path / "run", start=replace(config, steps=400, every=100))
    board.start()
    reach(board, lambda board: board._look.validation is not None)
    if os.name == "nt":
        board._process.kill()
    else:
        os.kill(board._process.pid, signal.SIGKILL)
    assert board.wait(PATIENCE) == "stopped"
    assert re.fullmatch(
        r"The process was ended from outside; saved at step [\d,]+",
        says(board),
    )
    again = boards(tmp_path / "run")
    assert again.state == "stopped" and can_press(again) == ["Continue"]


def test_a_run_that_fails_says_why_and_is_started_with_another_config(boards, config, tmp_path):
    wrong = replace(config, corpus=str(tmp_path / "nowhere.txt"))
    board = boards(tmp_path / "run", start=wrong)
    board.start()
    right = f"failed: there is no file {tmp_path / 'nowhere.txt'}"
    assert board.wait(PATIENCE) == right
    assert can_press(board) == ["Start"]  # the file may be there by then
    assert boards(tmp_path / "run").state == right  # known from the folder alone
    assert can_press(boards(tmp_path / "run")) == ["Start"]
    assert check_free(tmp_path / "run") is None

    # It never began, and so another config may: as when a typo in the cell is corrected.
    board = boards(tmp_path / "run", start=replace(config, steps=5))
    board.start()
    finish(board, tmp_path / "run")
    assert runs.read_log(tmp_path / "run").training["step"].tolist() == [1, 2, 3, 4, 5]


def test_a_run_that_diverged_says_so(boards, config, tmp_path):
    with pytest.raises(ValueError, match="diverged"):
        list(train(replace(config, lr=1e30), tmp_path / "run"))
    assert says(boards(tmp_path / "run")).startswith("Failed: training diverged at step")


def test_the_process_reads_its_config_from_the_folder(config, tmp_path, monkeypatch):
    folder, commands, start = tmp_path / "-run", [], subprocess.Popen

    def starts_something_else(command, **options):
        commands.append(command)
        return start([sys.executable, "-c", ""], **options)

    monkeypatch.setattr(subprocess, "Popen", starts_something_else)
    background.launch(folder, config)
    assert commands[0][1:] == ["-m", "minillama", "train", f"--resume={folder}"]
    assert TrainConfig.from_dict(read_run(folder)["asked"]) == config
    with pytest.raises(FileNotFoundError, match="no run in"):
        background.launch(tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_what_cannot_be_started_is_told(boards, config, tmp_path):
    with pytest.raises(ValueError, match=r"there is no run in .* say what to start"):
        boards(tmp_path / "nothing").start()
    assert can_press(boards(tmp_path / "nothing")) == []
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("It was", encoding="utf-8")
    board = boards(tmp_path / "thesis", start=config)
    with pytest.raises(ValueError, match="exists and is not empty"):
        board.start()
    board.start_button.click()  # there is no cell in which it could be raised
    assert board.state.startswith("failed: ") and "exists and is not empty" in says(board)
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter1.txt"]
    with pytest.raises(ValueError, match="presett"):
        boards(tmp_path / "x", start={"presett": "tiny"})
    (tmp_path / "file").write_text("", encoding="utf-8")
    board = boards(tmp_path / "file", start=config)
    board.start_button.click()
    assert "is not empty" in says(board)


# What is seen of a run that goes on elsewhere, here in the test itself.


@pytest.fixture
def held(short_config, tmp_path):
    """A run of four steps, and a function that lets it go on to an event of some kind."""
    events = train(replace(short_config, steps=12, every=4), tmp_path / "run")

    def until(kind, step=None):
        for event in events:
            if isinstance(event, kind) and step in (None, event.step):
                return event

    yield until
    events.close()


def test_every_state_is_read_from_the_folder(held, tmp_path):
    folder = tmp_path / "run"
    assert look(folder).state == "not begun"
    held(Step, 3)
    now = look(folder)
    assert (now.state, now.alive, now.step, now.steps) == ("training", True, 3, 12)
    assert now.requested is None
    log = runs.read_log(folder).training
    assert now.loss == pytest.approx(log["loss"].mean())
    assert now.seconds_left == pytest.approx(now.seconds / 3 * 9)
    control.request(folder, "pause")
    assert look(folder).requested == "pause"
    held(Paused)
    assert look(folder).state == "paused"
    control.resume(folder)
    held(Step, 5)
    now = look(folder)
    assert now.state == "training"
    assert now.validation == runs.read_log(folder).validation["loss"][-1]
    held(type(None))  # to the end
    now = look(folder)
    assert (now.state, now.alive, now.step, now.seconds_left) == ("finished", False, 12, 0)


def test_a_run_of_an_older_version_says_less(held, tmp_path):
    held(type(None))
    for name in ("status.json", "samples.jsonl"):
        (tmp_path / "run" / name).unlink()
    assert look(tmp_path / "run").state == "finished"
    running = resume(tmp_path / "run")
    next(running)
    running.close()


def test_a_newer_view_of_a_run_lets_the_older_one_rest(held, boards, tmp_path):
    held(Step, 3)
    first = boards(tmp_path / "run")
    thread = first._thread
    second = boards(tmp_path / "run")
    assert not thread.is_alive() and second._thread.is_alive()
    assert "this one rests" in shown(first, "status")
    first.pause_button.click()  # but its buttons work
    assert control.requested(tmp_path / "run") == "pause"
    assert says(first) == "Pausing after this step …"
    reach(second, lambda board: can_press(board) != ["Pause", "Stop"])
    assert can_press(second) == ["Continue", "Stop"]
    second.resume()
    assert control.requested(tmp_path / "run") is None


def test_nothing_is_written_into_the_page_while_nothing_is_new(held, boards, tmp_path):
    held(Step, 5)
    board, seen = boards(tmp_path / "run"), []
    for widget in [*board.view.children, *board.view.children[0].children]:
        widget.observe(lambda change: seen.append(change["name"]))
    time.sleep(1.5)
    assert seen == []
    held(Step, 6)
    reach(board, lambda board: ">6 of 12<" in shown(board, "numbers"))


def test_the_view_has_the_numbers_and_the_curves(held, boards, tmp_path):
    board = boards(tmp_path / "run")
    empty = shown(board, "picture")
    assert "No" not in shown(board, "numbers") and "–" in shown(board, "numbers")
    held(Step, 6)
    board = boards(tmp_path / "run")
    now = look(tmp_path / "run")
    for words in ("6 of 12", f"{now.loss:.3f}", f"{now.validation:.3f}", "width: 50.0%"):
        assert words in shown(board, "numbers")
    assert shown(board, "picture") != empty
    assert 'alt="A training run in run. Training. Step 6 of 12' in shown(board, "picture")


def test_samples_are_text_and_earlier_ones_can_be_seen_again(held, boards, tmp_path):
    held(Step, 5)
    board = boards(tmp_path / "run")
    assert board.moment.disabled and "after 4 steps" in shown(board, "samples")
    held(type(None))
    path = tmp_path / "run" / "samples.jsonl"
    content = path.read_text(encoding="utf-8")
    content += '{"step": 12, "prompt": "<i>", "text": "<i><script>\\n&"}\n'
    path.write_text(content, encoding="utf-8")
    markup = "<b>&lt;i&gt;</b>&lt;script&gt;\n&amp;"
    reach(board, lambda board: markup in shown(board, "samples"))
    assert "after 12 steps" in shown(board, "samples")
    assert (board.moment.value, board.moment.max, board.moment.disabled) == (2, 2, False)
    board.moment.value = 0
    assert "after 4 steps" in shown(board, "samples")
    board.close()
    board.wait(5)
    assert "after 4 steps" in shown(board, "samples")  # it stays where it was moved to


def test_its_still_is_the_run_as_it_is_now(held, boards, tmp_path):
    held(Step, 6)
    board = boards(tmp_path / "run")
    data, metadata = board._repr_mimebundle_()
    assert metadata == {} and {"text/html", "text/plain"} < data.keys()
    assert data["text/plain"].startswith("A training run in run. Training. Step 6 of 12: ")
    [image] = re.findall("<img[^>]*>", data["text/html"])
    assert "data:image/png;base64," in image and "A training run in run." in image
    assert "<b>" in data["text/html"] and "6 of 12" in data["text/html"]
    held(type(None))
    assert "Finished after 12 steps" in board.still()[0]["text/plain"]


NAMES = "run.json log.csv validation.csv samples.jsonl status.json control output.txt lock".split()


@pytest.fixture(scope="module")
def finished(short_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    list(train(replace(short_config, keep=0), folder))
    (folder / "output.txt").write_text("minillama: error: something\n", encoding="utf-8")
    (folder / "control").write_text("pause", encoding="utf-8")
    return folder


@settings(max_examples=100)
@given(name=st.sampled_from(NAMES), damage=damages())
def test_a_look_at_a_damaged_run_is_no_error(finished, tmp_path_factory, name, damage):
    folder = tmp_path_factory.mktemp("damaged") / "run"
    shutil.copytree(finished, folder)
    content = damage((folder / name).read_bytes())
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    assert look(folder).state in ("stopped", "finished", "failed", "not begun", "starting")
    shutil.rmtree(folder)


@settings(max_examples=15)
@given(name=st.sampled_from(NAMES[:5]), damage=damages())
def test_a_damaged_run_is_shown_all_the_same(finished, tmp_path_factory, name, damage):
    folder = tmp_path_factory.mktemp("damaged") / "run"
    shutil.copytree(finished, folder)
    content = damage((folder / name).read_bytes()) or b""
    (folder / name).write_bytes(content)
    board = widgets.dashboard(folder)
    assert board.still()[0]["text/plain"].startswith("A training run in run.")
    board.close()
    shutil.rmtree(folder)


# In a notebook without a page.

CELLS = (
    """\
from minillama import runs, widgets
board = widgets.dashboard("run", start=dict(corpus="text.txt", tokenizer="char", preset="tiny",
    steps=40, batch_size=1, seq_len=8, every=20, threads=1, dtype="float32"))
board.start()
board""",
    "for i in range(10**6): pass",
    "board.wait(100)",
    "board",
)


def test_a_stored_notebook_holds_the_run_as_it_was(tmp_path, text_file):
    shutil.copy(text_file, tmp_path / "text.txt")
    path = tmp_path / "views.ipynb"
    write_notebook(path, new_notebook(cells=[new_code_cell(source) for source in CELLS]))
    first, nothing, state, last = (cell.outputs for cell in execute(path).cells)
    assert (len(first), nothing, len(last)) == (1, [], 1)
    assert first[0].data["text/plain"] == "A training run in run. Starting …."
    assert state[0].data["text/plain"] == "'finished'"
    assert last[0].data.keys() == {"text/html", "text/plain"}
    assert last[0].data["text/plain"].startswith("A training run in run. Finished after 40 steps.")
