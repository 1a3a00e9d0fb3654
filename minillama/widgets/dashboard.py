"""The dashboard: a training in a process of its own, watched and controlled from a notebook."""

import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from minillama.runs import control
from minillama.runs.folder import RUN
from minillama.runs.status import UNDER_WAY, Look, look
from minillama.training.config import TrainConfig
from minillama.training.launch import launch
from minillama.widgets.run_view import RunView
from minillama.widgets.still import Data, Metadata, WithStill

TICK = 0.5  # seconds from one look at the folder to the next

_NEWEST: WeakValueDictionary[Path, "Dashboard"] = WeakValueDictionary()


class Dashboard(WithStill):
    """A run folder, watched: the state of its run, its curves, and what the model writes now.

    `state` is "not begun", "starting", "training", "paused", "stopped", "finished" or "failed: "
    and why. `start_button` (which also continues), `pause_button` and `stop_button` do what
    `resume()`, `pause()` and `stop()` do. `wait()` waits for the end. `moment` is the slider that
    shows earlier samples.

    The dashboard reads everything it knows from the folder, so another dashboard, in another
    kernel, shows and controls the same run. It watches in a thread, which ends when the run does.
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
            (self.start_button, self.resume),
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

        Does nothing while a training is under way. Raises ValueError if there is nothing to resume
        and nobody said what to start, and an OSError if the folder cannot be used.
        """
        with self._lock:
            self._refresh()
            if self._look.state in UNDER_WAY:
                return
            self._problem = ""
            if self._start is None and not (self.folder / RUN).is_file():
                raise ValueError(
                    f'there is no run in {self.folder}; say what to start: start={{"minutes": 1}}'
                )
            self._process = launch(self.folder, None if self._begun else self._start)
        self._follow()

    def pause(self) -> None:
        """Let the run save after its current step, and wait; it keeps its place in memory."""
        self._tell(lambda folder: control.request(folder, "pause"))

    def resume(self) -> None:
        """Let a paused run continue; one that stopped, or has not begun, is started."""
        self._refresh()
        if self._look.state in UNDER_WAY:
            self._tell(control.resume)
        else:
            self.start()

    def stop(self) -> None:
        """Let the run save after its current step, and end; `resume()` continues it."""
        self._tell(lambda folder: control.request(folder, "stop"))

    def wait(self, timeout: float | int = 600) -> str:
        """Return the state when the run has finished, stopped or failed.

        Buttons do not respond meanwhile, since the kernel is busy waiting; the view is kept up to
        date.
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
        """Stop watching; the run goes on. `start()` and the buttons begin to watch again."""
        self._resting.set()
        thread = self._thread
        if thread and thread is not threading.current_thread():
            thread.join()

    def still(self) -> tuple[Data, Metadata]:
        """The picture as it is now, with what is said and written around it."""
        self._refresh()
        return self._parts.still(self._look)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[Data, Metadata]:
        self._follow()  # somebody else may have resumed the run
        return super()._repr_mimebundle_(include, exclude)

    def _tell(self, request: Callable[[Path], None]) -> None:
        """Make a request to a run under way; without one there is nobody to ask."""
        self._refresh()
        if self._look.alive:
            request(self.folder)
        self._follow()

    def _try(self, action: Callable[[], None]) -> None:
        """Do what a button says. An error is shown in the view, since there is no cell for it."""
        try:
            action()
        except (ValueError, OSError) as error:
            self._problem = str(error)
            self._refresh()

    def _follow(self) -> None:
        """Make sure that the folder is watched while there is something to see."""
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
        """Bring the view up to date with the folder; returns whether the run has ended."""
        with self._lock:
            launched = None if self._process is None else self._process.poll() is None
            now = look(self.folder, launched)
            if self._problem and now.state not in UNDER_WAY:
                now = Look("failed", self._problem, steps=now.steps, step=now.step)
            ended = now.state not in UNDER_WAY
            known = self._start is not None or (self.folder / RUN).is_file()
            self._look = now
            self._parts.show(now, self._begun, ended and now.state != "finished" and known)
            return ended

    @property
    def _begun(self) -> bool:
        """Whether there is a run to resume: one whose steps are decided, if not taken."""
        return self._look.steps is not None


def dashboard(
    folder: str | Path, *, start: TrainConfig | Mapping[str, Any] | None = None
) -> Dashboard:
    """A view of the training run in a folder, with buttons to start, pause, continue and stop it.

    The training runs in a process of its own, whatever happens to the page and the kernel; another
    dashboard on the same folder finds it again. start: what to train if there is no run in the
    folder yet, as fields of `TrainConfig`: `start={"preset": "tiny", "minutes": 1}`.

    Raises ValueError, naming the field, for a start that makes no sense.
    """
    return Dashboard(folder, start)
