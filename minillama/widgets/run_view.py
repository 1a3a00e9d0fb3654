"""What the dashboard looks like: buttons, numbers, curves and samples of one run."""

import base64
import io
import time
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from minillama.plots.show import picture
from minillama.plots.training import run_panels
from minillama.runs import Sample, read_samples
from minillama.runs.status import Look
from minillama.widgets import run_page
from minillama.widgets.still import Data, Metadata

REDRAW = 2.0  # seconds from one picture to the next, at least
SHARE = 0.1  # of one processor's time that drawing may take, at most
PICTURE = "width: 100%; max-width: 960px; aspect-ratio: 960 / 400; display: block"


class RunView:
    """The parts of the view, and what fills them. Every part keeps its size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.start_button = _button("Start", "primary")
        self.pause_button, self.stop_button = _button("Pause"), _button("Stop")
        self.moment = ipywidgets.IntSlider(
            min=0,
            max=1,
            description="samples",
            style={"description_width": "initial"},
            readout=False,
            disabled=True,
        )
        self._status, self._numbers, self._picture, self._text = (
            ipywidgets.HTML() for _ in range(4)
        )
        self._status.layout.flex = "1 1 300px"  # beside or below the buttons, whatever it says
        buttons = [self.start_button, self.pause_button, self.stop_button]
        row = ipywidgets.HBox([*buttons, self._status], layout={"flex_flow": "row wrap"})
        self.box = ipywidgets.VBox([row, self._numbers, self._picture, self.moment, self._text])
        for part, name in (
            (self.box, "dashboard"),
            (self._status, "status"),
            (self._numbers, "numbers"),
            (self._picture, "picture"),
            (self._text, "samples"),
        ):
            part.add_class(f"minillama-{name}")
        self.moment.observe(self._show_samples, "value")
        self._samples: list[list[Sample]] = []  # of each moment
        self._drawn: tuple[Any, ...] = ()  # of what the picture is,
        self._next_drawing = 0.0  # and when it may be drawn again

    def show(self, now: Look, resumable: bool, startable: bool) -> None:
        """Bring everything up to date; the picture only now and then, while the run goes on."""
        self._status.value = run_page.status(now, self._folder)
        self._numbers.value = run_page.numbers(now)
        waits = now.state == "paused" or now.requested == "pause"
        self.start_button.description = "Continue" if resumable or now.alive else "Start"
        self.start_button.disabled = not (startable or (now.alive and waits))
        self.pause_button.disabled = not now.alive or waits or bool(now.requested)
        self.stop_button.disabled = not now.alive or now.requested == "stop"
        content, began = (now.size, now.steps, now.floor), time.monotonic()
        calm = now.state != "training"  # then it may be long before there is anything new
        if content == self._drawn or (not calm and began < self._next_drawing):
            return
        self._read_samples()
        file = io.BytesIO()
        run_panels(self._folder, now.steps, now.floor).savefig(
            file, format="png", dpi=100, pil_kwargs={"compress_level": 1}
        )
        png = base64.b64encode(file.getvalue()).decode()
        self._picture.value = _image(png, run_page.summary(now, self._folder, self.latest))
        self._drawn, took = content, time.monotonic() - began
        self._next_drawing = time.monotonic() + max(REDRAW, took / SHARE)

    def rest(self) -> None:
        """Say that the run is watched elsewhere."""
        self._status.value = run_page.quiet("A newer view shows this run; this one rests")

    @property
    def latest(self) -> list[Sample]:
        """What the model wrote last."""
        return self._samples[-1] if self._samples else []

    def still(self, now: Look) -> tuple[Data, Metadata]:
        """The view as it is now, as a page without buttons, and in words."""
        alt = run_page.summary(now, self._folder, self.latest)
        data, _ = picture(run_panels(self._folder, now.steps, now.floor), alt)
        parts = [run_page.status(now, self._folder), run_page.numbers(now)]
        parts += [_image(data["image/png"], alt), run_page.samples(self.latest)]
        return {"text/plain": alt, "text/html": f"<div>{''.join(parts)}</div>"}, {}

    def _read_samples(self) -> None:
        """Read the samples; the slider stays at the last moment, unless it was moved from there."""
        moments: dict[int, list[Sample]] = {}
        try:
            for sample in read_samples(self._folder):
                moments.setdefault(sample.step, []).append(sample)
        except (OSError, ValueError):
            moments = {}  # not yet, or damaged
        at_the_end = self.moment.disabled or self.moment.value >= len(self._samples) - 1
        self._samples = list(moments.values())
        last = len(self._samples) - 1
        self.moment.max, self.moment.disabled = max(1, last), last < 1
        if at_the_end:
            self.moment.value = max(0, last)
        self._show_samples()

    def _show_samples(self, change: Any = None) -> None:
        chosen = self._samples[self.moment.value : self.moment.value + 1] or [[]]
        self._text.value = run_page.samples(chosen[0])


def _button(name: str, style: str = "") -> ipywidgets.Button:
    return ipywidgets.Button(description=name, button_style=style, layout={"width": "100px"})


def _image(png: str, alt: str) -> str:
    # Decoded at once, so that there is no blank between two pictures.
    source = f"data:image/png;base64,{png}"
    return f'<img alt="{escape(alt)}" decoding="sync" style="{PICTURE}" src="{source}">'
