"""The playground: let a model write, with the settings of its sampling as controls."""

from html import escape
from typing import Any

import ipywidgets

from minillama.model import Llama
from minillama.tokenizer import Tokenizer
from minillama.widgets.still import Data, Metadata, WithStill
from minillama.widgets.writing import Writing

BEGINNINGS = {"English": "Once upon a time", "中文": "从前"}  # as ToyTown's stories begin
LABEL = {"description_width": "90px"}
RANGES = {"temperature": (0.0, 1.5), "top_p": (0.05, 1.0)}


class Playground(WithStill):
    """A model that writes on from a prompt, shown while it writes.

    Controls: `prompt`, `language`, `temperature`, `top_p`, `length` (in tokens) and `seed` have a
    `value`; `write_button` and `stop_button` do what `write()` and `stop()` do. Writing goes on in
    the background; `wait()` waits for its end. `text` is the prompt and what was written.
    """

    def __init__(
        self,
        model: Llama,
        tokenizer: Tokenizer,
        *,
        prompt: str = BEGINNINGS["English"],
        temperature: float | int = 0.8,
        top_p: float | int = 1.0,
        length: int = 200,
        seed: int | None = None,
    ) -> None:
        ranges = RANGES | {"length": (1, model.config.max_seq_len)}
        for name, value in (("temperature", temperature), ("top_p", top_p), ("length", length)):
            low, high = ranges[name]
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low} to {high}, not {value}")
        self._model, self._tokenizer = model, tokenizer
        self._writing: Writing | None = None  # the text that is shown

        self.prompt = ipywidgets.Text(
            prompt, description="prompt", style=LABEL, layout={"flex": "1 1 320px"}
        )
        self.language = ipywidgets.ToggleButtons(
            options=list(BEGINNINGS),
            value="中文" if any("一" <= character <= "鿿" for character in prompt) else "English",
            description="language",
            style={"button_width": "auto"},
            layout=ipywidgets.Layout(
                display="flex", width="max-content", margin="2px 2px 2px 12px", grid_gap="8px"
            ),
        )
        self.temperature = _slider("temperature", temperature, 0.05)
        self.top_p = _slider("top_p", top_p, 0.05)
        self.length = ipywidgets.IntSlider(
            length, *ranges["length"], description="length", style=LABEL
        )
        self.seed = ipywidgets.Text(
            "" if seed is None else str(seed),
            description="seed",
            style=LABEL,
            placeholder="empty: a new one each time",
        )
        self.write_button = ipywidgets.Button(description="Write", button_style="primary")
        self.stop_button = ipywidgets.Button(description="Stop", disabled=True)
        self._shown, self._status = ipywidgets.HTML(), ipywidgets.HTML()
        flow = ipywidgets.Layout(flex_flow="row wrap")
        self.view = ipywidgets.VBox(
            [
                ipywidgets.HBox([self.prompt, self.language], layout=flow),
                ipywidgets.HBox([self.temperature, self.top_p], layout=flow),
                ipywidgets.HBox([self.length, self.seed], layout=flow),
                ipywidgets.HBox([self.write_button, self.stop_button, self._status], layout=flow),
                self._shown,
            ]
        )
        for part, name in (
            (self.view, "minillama-playground"),
            (self._shown, "minillama-text"),
            (self._status, "minillama-status"),
        ):
            part.add_class(name)
        self.language.observe(self._begin_in, "value")
        self.write_button.on_click(lambda button: self.write())
        self.stop_button.on_click(lambda button: self.stop())
        self.prompt.on_msg(self._on_enter)

    @property
    def text(self) -> str:
        """The prompt and what was written after it so far; empty before the first `write()`."""
        return self._writing.prompt + self._writing.written if self._writing else ""

    def write(self, seed: int | None = None) -> None:
        """Begin to write, in the background; a text that is being written is stopped first.

        seed: for this text only; None takes what stands in the control.
        """
        self.stop()
        self.wait()
        settings = {
            "max_new_tokens": self.length.value,
            "temperature": self.temperature.value,
            "top_p": self.top_p.value,
        }
        prompt, number = self.prompt.value, self.seed.value if seed is None else str(seed)
        writing = Writing(self._model, self._tokenizer, prompt, number, settings, self._show)
        self._writing = writing
        self._show(writing)
        writing.start()

    def stop(self) -> None:
        """Let the token that is being made be the last; nothing happens if none is."""
        if self._writing is not None:
            self._writing.stop()

    def wait(self, timeout: float | int = 60) -> None:
        """Return when nothing is being written. Raises TimeoutError after `timeout` seconds."""
        if self._writing is not None and not self._writing.wait(timeout):
            raise TimeoutError(f"the playground is still writing after {timeout} seconds")

    def still(self) -> tuple[Data, Metadata]:
        """The text as paragraphs, and the settings."""
        words = (
            f"temperature {self.temperature.value:g}, top_p {self.top_p.value:g}, "
            f"at most {self.length.value} tokens"
        )
        if self._writing is None:
            text = f"A playground for prompts such as: {self.prompt.value}"
            return {"text/plain": text, "text/html": f"<p>{escape(text)}</p>"}, {}
        paragraphs = escape(self._writing.written).replace("\n\n", "</p><p>").replace("\n", "<br>")
        html = f"<p><b>{escape(self._writing.prompt)}</b>{paragraphs}</p><p><i>{words}</i></p>"
        return {"text/plain": self.text, "text/html": html}, {}

    def _show(self, writing: Writing) -> None:
        """Bring the view up to date; called by the thread that writes, while one does."""
        self._shown.value = (
            '<div style="white-space: pre-wrap; line-height: 1.6; font-size: 15px">'
            f"<b>{escape(writing.prompt)}</b>{escape(writing.written)}</div>"
        )
        words = escape(writing.words)
        self._status.value = f"<b>{words}</b>" if writing.failed else words
        self.write_button.disabled, self.stop_button.disabled = not writing.done, writing.done

    def _begin_in(self, change: Any) -> None:
        self.prompt.value = BEGINNINGS[self.language.value]

    def _on_enter(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        if content.get("event") == "submit":
            self.write()


def playground(
    model: Llama,
    tokenizer: Tokenizer,
    *,
    prompt: str = BEGINNINGS["English"],
    temperature: float | int = 0.8,
    top_p: float | int = 1.0,
    length: int = 200,
    seed: int | None = None,
) -> Playground:
    """A view in which a model writes on from a prompt, with sampling's settings as controls.

    temperature: 0 to 1.5. top_p: 0.05 to 1. length: at most so many new tokens.
    seed: the same one writes the same text; None takes a new one each time.
    Raises ValueError for a setting outside its range.
    """
    return Playground(
        model,
        tokenizer,
        prompt=prompt,
        temperature=temperature,
        top_p=top_p,
        length=length,
        seed=seed,
    )


def _slider(name: str, value: float | int, step: float) -> ipywidgets.FloatSlider:
    low, high = RANGES[name]
    return ipywidgets.FloatSlider(
        value, min=low, max=high, step=step, description=name, style=LABEL
    )
