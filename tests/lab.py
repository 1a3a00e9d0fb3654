"""A real JupyterLab in a real browser: a server of its own, and notebooks opened as a reader would.

Nothing of the user's is touched: settings, runtime files and notebooks lie in a temporary folder.
"""

import importlib.util
import json
import math
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

BROWSERS = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()
NEWS = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
AT_ONCE = 20  # in so many times what a view takes that only echoes, every view answers
PATIENCE = 300  # seconds that anything may take on a busy machine, a lesson's cells included

# A cell with a button that counts how often it was clicked.
ECHO = """import ipywidgets

_echo = ipywidgets.Button(description="0")
_echo.on_click(lambda button: setattr(button, "description", str(int(button.description) + 1)))
_echo"""


def find_browser():
    """The path of a Chromium or Chrome that the system has, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def require_browser():
    """Skip the test, with its reason, where no browser can be driven.

    With MINILLAMA_BROWSER=required it fails instead, so that nobody takes skipped for passed.
    """
    reason = None
    if importlib.util.find_spec("playwright") is None:
        reason = "playwright is not installed"
    elif find_browser() is None:
        reason = "there is no Chromium or Chrome on PATH"
    if reason and os.environ.get("MINILLAMA_BROWSER") == "required":
        pytest.fail(f"{reason}, and MINILLAMA_BROWSER=required")
    if reason:
        pytest.skip(reason)


class Server:
    """A JupyterLab server on a free port of this machine, for the notebooks in `folder`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.notebooks = self.folder / "notebooks"
        self.notebooks.mkdir()
        self.token = secrets.token_hex(16)
        self.log = self.folder / "server.log"
        settings = self.folder / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        text = json.dumps(NEWS)
        (settings / "notification.jupyterlab-settings").write_text(text, encoding="utf-8")
        self.runtime = self.folder / "runtime"
        environment = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        places = {name: str(self.folder / place) for name, place in environment.items()}
        command = [
            *[sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"],
            *["--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"],
            f"--ServerApp.root_dir={self.notebooks}",
            f"--IdentityProvider.token={self.token}",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            # Should the tests be killed, it ends by itself.
            "--MappingKernelManager.cull_idle_timeout=600",
            "--MappingKernelManager.cull_connected=True",
            "--ServerApp.shutdown_no_activity_timeout=600",
        ]
        with self.log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                command,
                env=os.environ | places,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self.url = wait_for(self._address, "JupyterLab did not start:\n{}", self.read_log)
            wait_for(lambda: self.ask("api/status"), "JupyterLab gives no answer")
        except BaseException:
            self.close()
            raise

    def _address(self):
        if self.process.poll() is not None:
            raise AssertionError(f"JupyterLab has ended:\n{self.read_log()}")
        for file in self.runtime.glob("jpserver-*.json"):
            try:
                return json.loads(file.read_text(encoding="utf-8"))["url"]
            except ValueError:  # half written
                return None

    def ask(self, path, method="GET"):
        """What the server's API answers, or None while it does not."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read() or "null")
        except OSError:
            return None

    def read_log(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def close(self):
        """End the server, and with it its kernels."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Notebook:
    """A notebook of the server, open in a page of the browser."""

    def __init__(self, server, page, name):
        self.server, self.page, self.name = server, page, name
        self.path = server.notebooks / name
        self.patience = 60  # seconds for a view to change
        self.cells = []  # as they are saved once they have run
        self.echo_seconds = math.inf  # what a view takes for which the kernel does next to nothing
        self.complaints = []  # of the page and of the kernel, in words
        page.set_default_timeout(PATIENCE * 1000)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"page: {error}"))
        page.on("websocket", lambda socket: socket.on("framereceived", self._on_frame))
        stem = re.sub(r"\W", "-", self.path.stem)
        page.goto(f"{server.url}lab/workspaces/{stem}/tree/{name}?token={server.token}")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        wait_for(lambda: self.kernel_state() == "idle", "no kernel came up")

    def _on_console(self, message):
        if message.type == "error":
            self.complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def _on_frame(self, frame):
        """Errors of the kernel reach the page as messages, whether it shows them or not."""
        text = frame.decode("utf-8", "replace") if isinstance(frame, bytes) else frame
        words = None
        if re.search(r'"msg_type": ?"error"', text):
            words = text[text.rfind('"ename"') :]
        elif re.search(r'"msg_type": ?"stream"', text) and re.search(r'"name": ?"stderr"', text):
            words = text[text.rfind('"text"') :]
        # JupyterLab asks for a kernel's widgets before there can be any.
        if words and "No such comm" not in words:
            self.complaints.append(f"kernel: {words[:2000]}")

    def session(self):
        """What the server says of this notebook's kernel."""
        sessions = self.server.ask("api/sessions") or []
        return next((s for s in sessions if s["path"] == self.name), None)

    def kernel_state(self):
        """The state of the kernel, once the page is connected to it."""
        session = self.session()
        if session and session["kernel"]["connections"]:
            return session["kernel"]["execution_state"]
        return None

    def close(self):
        """Close the page and end the kernel."""
        self.page.close()
        self.server.ask(f"api/sessions/{self.session()['id']}", "DELETE")

    def run_all(self):
        """Run all cells and wait for the last; a cell that fails is an AssertionError.

        What the page shows of a kernel can be late, and cells out of sight are not in the page; so
        the server says when the kernel is idle, and the saved file what the cells gave.
        """
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
        self.page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
        self.cells = wait_for(self._executed_cells, "{}", self._progress)
        expected = len(errors(self.cells))  # all of them in cells that should raise
        kernel = [words for words in self.complaints if words.startswith("kernel:")]
        if len(kernel) == expected:
            self.complaints = [words for words in self.complaints if words not in kernel]
        if any(ECHO in "".join(cell["source"]) for cell in self.cells):
            button = self.output_of(ECHO).get_by_role("button")
            look = "element => element.textContent"
            times = [self._seconds_to_change(button, button.click, look) for _ in range(5)]
            self.echo_seconds = sorted(times)[2]

    def _executed_cells(self):
        """The saved notebook's cells, once all of them have run."""
        if self.kernel_state() != "idle":
            return None
        self.page.keyboard.press("Control+s")
        self.page.wait_for_timeout(200)
        try:
            cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        except ValueError:  # half written
            return None
        for number, tags, error in errors(cells):
            words = f"{self.name}, cell {number}: {error['ename']}: {error['evalue']}"
            assert "raises-exception" in tags, words
        return cells if not unexecuted(cells) else None

    def _progress(self):
        cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        left = f"{len(unexecuted(cells))} of its cells have not run"
        return f"{self.name}: {left}, the kernel is {self.kernel_state()}; {self.complaints}"

    def output_of(self, code, nth=0):
        """The output area of the nth code cell with this text in it, scrolled into view."""
        number = [
            i
            for i, cell in enumerate(self.cells)
            if cell["cell_type"] == "code" and code in "".join(cell["source"])
        ][nth]
        cell = self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{number}"]')
        cell.scroll_into_view_if_needed()
        output = cell.locator(".jp-OutputArea")
        output.scroll_into_view_if_needed()
        return output

    def drag(self, slider, share):
        """Drag a slider's handle to this share of its length."""
        handle = slider.locator(".noUi-handle")
        handle.hover()  # waits until it is in view and at rest
        box, track = handle.bounding_box(), slider.locator(".noUi-base").bounding_box()
        mouse, y = self.page.mouse, box["y"] + box["height"] / 2
        mouse.move(box["x"] + box["width"] / 2, y)
        mouse.down()
        mouse.move(track["x"] + share * track["width"], y, steps=4)
        mouse.up()

    def changes_at_once(self, view, *actions, look="element => element.outerHTML", within=AT_ONCE):
        """Do things and assert that a view looks otherwise soon after one of them.

        One is enough, since other work on the machine can only make it slower; but every one has to
        change it. `look` is JavaScript that gives what is compared. `within` counts in times of
        what `echo_seconds` says, so that a busy machine changes nothing.
        """
        best = min(self._seconds_to_change(view, action, look) for action in actions)
        assert best < within * self.echo_seconds, f"the view takes {best:.2f} s to change"

    def _seconds_to_change(self, view, action, look):
        before = self._settled(view, look)
        action()
        start = time.perf_counter()
        while view.evaluate(look) == before:
            assert time.perf_counter() - start < self.patience, "the view does not change"
            time.sleep(0.005)
        return time.perf_counter() - start

    def _settled(self, view, look):
        """How a view looks once nothing of what was done before changes it any more."""
        end = time.monotonic() + PATIENCE
        now = view.evaluate(look)
        while time.monotonic() < end:
            before = now
            self.page.wait_for_timeout(150)
            now = view.evaluate(look)
            if now == before:
                return now
        raise AssertionError("the view does not come to rest")

    def expect(self, view, pattern):
        """Wait until a view's text is this, a regular expression."""

        def fits():
            return re.fullmatch(pattern, view.inner_text().strip(), re.DOTALL)

        wait_for(fits, "it says {}", lambda: f"{view.inner_text()!r}, which is not {pattern}")

    def check(self):
        """Assert that neither page nor kernel has complained."""
        assert not self.complaints, "\n".join(self.complaints)


def unexecuted(cells):
    return [c for c in cells if c["cell_type"] == "code" and c["execution_count"] is None]


def errors(cells):
    """For each error that is stored: the cell's number, its tags, and the output."""
    return [
        (number, cell["metadata"].get("tags", []), output)
        for number, cell in enumerate(cells, 1)
        for output in cell.get("outputs", [])
        if output["output_type"] == "error"
    ]


@contextmanager
def open_browser():
    """The system's Chromium, without a window, driven by playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def wait_for(condition, complaint, words=lambda: ""):
    """Ask until there is an answer, and return it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.1)
    raise AssertionError(complaint.format(words()))
