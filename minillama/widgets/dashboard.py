"""The dashboard: a training in a process of its own, watched and controlled from a notebook."""

import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from minillama.runs import control
from minillama.runs.status import UNDER_WAY, Look, look
from minillama.training.config import TrainConfig
from minillama.training.launch import launch
from minillama.widgets.run_view import RunView
from minillama.widgets.still import Data, Metadata, WithStill

TICK = 0.5  # seconds from one look at the folder to the next

_NEWEST: WeakValueDictionary[Path, "Dashboard"] = WeakValueDictionary()


class Dashboard(WithStill):
    """A run folder, watched: the state of its run, its curves, and what the model writes by now.

    `state` is "not begun", "starting", "training", "paused", "stopped", "finished" or "failed: "
    and why. `start_button` (which continues, too), `pause_button` and `stop_button` do what
    `start()`, `go_on()`, `pause()` and `stop()` do. `wait()` waits for the end. `moment` is the
    slider that shows earlier samples.

    All it knows, it reads from the folder, so that another dashboard, in another kernel, shows and
    controls the same run. It watches in a thread, which ends when the run does.
    """

    def __init__(
        self, folder: str | Path, start: TrainConfig | Mapping[str, Any] | None = None
    ) -> None:
        self.folder = Path(folder)
        if start is not None and not isinstance(start, TrainConfig):
            start = TrainConfig.from_dict(start)
        self._start = start
        self._process: subprocess.Popen[bytes] | None = None  # where it was started here
        self._problem = ""  # why it could not be started
        self._look = Look("not begun")
        self._lock, self._resting = threading.RLock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._parts = parts = RunView(self.folder)
        self.view, self.moment = parts.box, parts.moment
        self.start_button, self.pause_button = parts.start_button, parts.pause_button
        self.stop_button = parts.stop_button
        for button, action in (
            (self.start_button, self.go_on),
            (self.pause_button, self.pause),
            (self.stop_button, self.stop),
        ):
            button.on_click(lambda _, action=action: self._try(action))
        place = self.folder.absolute()
        if older := _NEWEST.get(place):  # as where a cell is run again
            older.close()
            older._parts.rest()
        _NEWEST[place] = self
        self._follow()

    @property
    def state(self) -> str:
        """What the run is doing now: see the class."""
        self._refresh()
        look = self._look
        return f"failed: {look.words}" if look.state == "failed" else look.state

    def start(self) -> None:
        """Start the run in a process of its own, or resume it where it stopped.

        Raises ValueError where there is nothing to resume and it is not known what to start, and an
        OSError where the folder cannot be used. Nothing happens where a training is under way.
        """
        with self._lock:
            self._refresh()
            if self._look.state in UNDER_WAY:
                return
            self._problem = ""
            begun = (self.folder / "run.json").is_file()
            if not begun and self._start is None:
                raise ValueError(
                    f'there is no run in {self.folder}; say what to start: start={{"minutes": 1}}'
                )
            self._process = launch(self.folder, None if begun else self._start)
        self._follow()

    def pause(self) -> None:
        """Let the run save and wait after the step that it is in; it keeps its place in memory."""
        self._ask(control.pause)

    def go_on(self) -> None:
        """Let a paused run go on; one that stopped, or has not begun, is started."""
        self._refresh()
        if self._look.state in UNDER_WAY:
            self._ask(control.go_on)
        else:
            self.start()

    def stop(self) -> None:
        """Let the run save and end after the step that it is in; `start()` resumes it."""
        self._ask(control.stop)

    def wait(self, timeout: float | int = 600) -> str:
        """Return the state when the run has finished, stopped or failed.

        Buttons give no answer meanwhile, since the kernel is busy waiting; the view goes on.
        Raises TimeoutError after `timeout` seconds.
        """
        end = time.monotonic() + timeout
        self._follow()
        while thread := self._thread:
            thread.join(max(0.0, min(TICK, end - time.monotonic())))
            if time.monotonic() >= end and thread.is_alive():
                state = self.state
                raise TimeoutError(f"the run in {self.folder} is {state} after {timeout} seconds")
        return self.state

    def close(self) -> None:
        """Watch no longer; the run goes on. `start()` and the buttons begin to watch again."""
        self._resting.set()
        thread = self._thread
        if thread and thread is not threading.current_thread():
            thread.join()

    def still(self) -> tuple[Data, Metadata]:
        """The picture as it is now, with what is said and written around it."""
        self._refresh()
        return self._parts.still(self._look)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[Data, Metadata]:
        self._follow()  # somebody else may have gone on with the run
        return super()._repr_mimebundle_(include, exclude)

    def _ask(self, word: Callable[[Path], None]) -> None:
        """Ask a run under way for something; without one there is nobody to ask."""
        self._refresh()
        if self._look.alive:
            word(self.folder)
        self._follow()

    def _try(self, action: Callable[[], None]) -> None:
        """Do what a button says; what is wrong with it stands in the view, as there is no cell."""
        try:
            action()
        except (ValueError, OSError) as error:
            self._problem = str(error)
            self._refresh()

    def _follow(self) -> None:
        """See to it that the folder is watched, while there is something to see."""
        with self._lock:
            self._resting.clear()
            if not self._refresh() and self._thread is None:
                self._thread = threading.Thread(
                    target=self._watch, name=f"watching {self.folder}", daemon=True
                )
                self._thread.start()

    def _watch(self) -> None:
        try:
            while not self._resting.wait(TICK) and self.view.comm is not None:
                with self._lock:
                    if self._refresh():
                        self._thread = None
                        return
        finally:
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _refresh(self) -> bool:
        """Bring the view up to date with the folder; whether the run has ended."""
        with self._lock:
            launched = None if self._process is None else self._process.poll() is None
            now = look(self.folder, launched)
            if self._problem and now.state not in UNDER_WAY:
                now = Look("failed", self._problem, steps=now.steps, step=now.step)
            ended = now.state not in UNDER_WAY
            resumable = (self.folder / "run.json").is_file()
            known = resumable or self._start is not None
            self._look = now
            self._parts.show(now, resumable, ended and now.state != "finished" and known)
            return ended


def dashboard(
    folder: str | Path, *, start: TrainConfig | Mapping[str, Any] | None = None
) -> Dashboard:
    """A view of the training run in a folder, with buttons to start, pause, continue and stop it.

    The training goes on in a process of its own, whatever becomes of the page and the kernel;
    another dashboard on the same folder finds it again. start: what to train where no run is in the
    folder yet, as fields of `TrainConfig`: `start={"preset": "tiny", "minutes": 1}`.

    Raises ValueError, naming the field, for a start that makes no sense.
    """
    return Dashboard(folder, start)
