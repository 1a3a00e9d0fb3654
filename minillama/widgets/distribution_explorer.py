"""The distribution explorer: what may come next in a text, before and after the transforms."""

import textwrap
from html import escape
from typing import Any

import ipywidgets
import torch
from jaxtyping import Float
from torch import Tensor

from minillama.config import Sampling
from minillama.model import Llama
from minillama.plots.bars import distribution_bars
from minillama.plots.colors import BLUE, FAINT, INK, ORANGE, QUIET
from minillama.plots.show import picture
from minillama.plots.text import readable
from minillama.sampling import check_prompts
from minillama.tokenizer import Tokenizer
from minillama.transforms import next_token_probabilities
from minillama.widgets.still import Data, Metadata, WithStill

ROWS = 10  # so many of the likeliest tokens are shown
RANGES: dict[str, tuple[float, float, float]] = {
    "temperature": (0.0, 2.0, 0.05),
    "top_k": (0, 50, 1),
    "top_p": (0.05, 1.0, 0.05),
    "min_p": (0.0, 0.5, 0.01),
}
LABEL = {"description_width": "90px"}
LABELS = ("the model's own", "after the transforms")
STYLE = f"""<style>
.minillama-distribution {{ background: #fff; border: 1px solid {FAINT}; border-radius: 4px;
  padding: 8px; --jp-widgets-label-color: {INK}; --jp-widgets-readout-color: {INK}; }}
.minillama-distribution .minillama-take {{ text-align: left; box-shadow: none; color: {INK};
  background: #fff; border: 1px solid {FAINT}; border-radius: 3px; line-height: 26px;
  height: 28px; overflow: hidden; }}
.minillama-distribution .minillama-take:hover {{ outline: 2px solid {INK}; }}
.minillama-distribution .minillama-bars .widget-html-content {{ color: {INK}; font-size: 11px;
  line-height: 14px; }}
.minillama-distribution .minillama-bars i {{ display: inline-block; height: 11px; width: 230px;
  margin-right: 6px; vertical-align: middle;
  background: linear-gradient(to right, var(--c) var(--share), transparent 0); }}
.minillama-distribution .minillama-read {{ color: {INK}; white-space: pre-wrap; line-height: 1.5; }}
.minillama-distribution .minillama-note {{ color: {QUIET}; font-size: 12px; line-height: 1.4; }}
</style>"""


class DistributionExplorer(WithStill):
    """A text, and its next token's probabilities before and after the transforms of sampling.

    Controls: `prompt`, `temperature`, `top_k`, `top_p` and `min_p` have a `value`. `take(token)`
    adds a token, as a click on its name does; `draw()` adds one drawn from what is shown; `undo()`
    takes the last one back. `text` is all of it, and `before` and `after` are the distributions.
    """

    def __init__(
        self,
        model: Llama,
        tokenizer: Tokenizer,
        *,
        prompt: str = "Once upon a time",
        temperature: float | int = 1.0,
        top_k: int = 0,
        top_p: float | int = 1.0,
        min_p: float | int = 0.0,
        seed: int | None = None,
    ) -> None:
        values = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
        for name, (low, high, _) in RANGES.items():
            if not low <= values[name] <= high:
                raise ValueError(f"{name} must be from {low} to {high}, not {values[name]}")
        self._model, self._tokenizer = model, tokenizer
        self._names = [readable(piece) for piece in tokenizer.pieces(range(tokenizer.vocab_size))]
        self._source = torch.Generator()
        self._source.seed() if seed is None else self._source.manual_seed(seed)
        self._taken: list[int] = []

        self.prompt = ipywidgets.Text(
            prompt, description="prompt", style=LABEL, layout={"width": "500px"}
        )
        self.temperature, self.top_k, self.top_p, self.min_p = (
            _slider(name, values[name]) for name in RANGES
        )
        self.draw_button = ipywidgets.Button(description="Draw one", button_style="primary")
        self.undo_button = ipywidgets.Button(description="Undo")
        self._read, self._note = ipywidgets.HTML(), ipywidgets.HTML()
        self._buttons = [ipywidgets.Button(layout={"width": "150px"}) for _ in range(ROWS)]
        self._bars = [ipywidgets.HTML() for _ in range(ROWS)]
        flow = ipywidgets.Layout(flex_flow="row wrap")
        rows = [ipywidgets.HBox(pair) for pair in zip(self._buttons, self._bars, strict=True)]
        self.view = ipywidgets.VBox(
            [
                ipywidgets.HTML(STYLE),
                ipywidgets.HBox([self.prompt, self.draw_button, self.undo_button], layout=flow),
                ipywidgets.HBox([self.temperature, self.top_k], layout=flow),
                ipywidgets.HBox([self.top_p, self.min_p], layout=flow),
                self._read,
                *rows,
                self._note,
            ]
        )
        self.view.add_class("minillama-distribution")
        self._read.add_class("minillama-read")
        self._note.add_class("minillama-note")
        for button, bars in zip(self._buttons, self._bars, strict=True):
            button.add_class("minillama-take")
            bars.add_class("minillama-bars")
            button.on_click(self._on_take)
        self.draw_button.on_click(lambda button: self.draw())
        self.undo_button.on_click(lambda button: self.undo())
        self.prompt.observe(self._begin, "value")
        for name in RANGES:
            getattr(self, name).observe(self._transform, "value")
        self._look()

    @property
    def text(self) -> str:
        """The prompt, and the tokens taken."""
        return self._tokenizer.decode(self._ids())

    def take(self, token: int) -> None:
        """Add a token to the text. Raises ValueError for one that the vocabulary does not have."""
        check_prompts([[token]], self._model.config)
        self._taken.append(token)
        self._look()

    def draw(self) -> None:
        """Add a token drawn from the distribution after the transforms."""
        self.take(int(torch.multinomial(self.after, 1, generator=self._source)))

    def undo(self) -> None:
        """Take the last token back; nothing happens where none was taken."""
        del self._taken[-1:]
        self._look()

    def still(self) -> tuple[Data, Metadata]:
        """The two distributions as bars."""
        likeliest = int(self.before.argmax())
        alt = (
            f'What comes after "{self.text}": {self._names[likeliest]} with probability '
            f"{self.before[likeliest]:.3f} before the transforms and {self.after[likeliest]:.3f} "
            f"after ({self._settings()}). {self._kept()}"
        )
        ax = distribution_bars(self.before, self._names, top=ROWS, other=self.after, labels=LABELS)
        shown = textwrap.shorten(self.text[::-1], 60, placeholder=" …")[::-1]
        ax.set_title(f"after “{shown}”", fontsize=10, pad=28)
        return picture(ax, alt)

    def _beginning(self) -> list[int]:
        # A word begins with its space, so one at the end of the prompt would be one too many.
        return self._tokenizer.encode(self.prompt.value.rstrip(" "), bos=True)

    def _ids(self) -> list[int]:
        return [*self._beginning(), *self._taken]

    def _begin(self, change: Any) -> None:
        self._taken.clear()
        self._look()

    def _on_take(self, button: ipywidgets.Button) -> None:
        self.take(int(self._order[self._buttons.index(button)]))

    def _look(self) -> None:
        """Let the model read the text, the end of it where it is too long."""
        ids = self._ids()[-self._model.config.max_seq_len :]
        device = self._model.tok_embeddings.weight.device
        with torch.no_grad():
            self._logits = self._model(torch.tensor([ids], device=device))[:, -1].cpu().double()
        self.before: Float[Tensor, " vocab_size"] = self._logits.softmax(-1)[0]
        self._order = self.before.argsort(descending=True, stable=True)[:ROWS].tolist()
        taken = escape("".join(self._tokenizer.stream(self._taken, after=self._beginning())))
        prompt = escape(self.prompt.value.rstrip(" "))
        self._read.value = f"{prompt}<b style='color:{BLUE}'>{taken}</b> …"
        self.undo_button.disabled = not self._taken
        for button, token in zip(self._buttons, self._order, strict=False):
            button.description = self._names[token] or "∅"
            button.tooltip = f"add {self._names[token]} to the text"
        self._transform()

    def _transform(self, change: Any = None) -> None:
        options = {name: getattr(self, name).value for name in RANGES}
        after = next_token_probabilities(self._logits, [self._ids()], Sampling(**options))
        self.after: Float[Tensor, " vocab_size"] = after[0]
        widest = max(float(self.before.max()), float(self.after.max()))
        for bars, token in zip(self._bars, self._order, strict=False):
            both = zip((self.before[token], self.after[token]), (BLUE, ORANGE), strict=True)
            bars.value = "<br>".join(
                f'<i style="--share:{share / widest:.1%};--c:{color}"></i>{share:.3f}'
                for share, color in both
            )
        key = zip(LABELS, (BLUE, ORANGE), strict=True)
        names = ", ".join(f'<b style="color:{color}">■</b> {name}' for name, color in key)
        self._note.value = f"{names}. {self._kept()} Click a token to take it."

    def _kept(self) -> str:
        kept, shown = int((self.after > 0).sum()), self._order
        before, after = (max(0.0, 1 - float(p[shown].sum())) for p in (self.before, self.after))
        return (
            f"{kept:,} of {len(self.after):,} tokens can still be drawn. Those not shown have the "
            f"probability {before:.3f} before and {after:.3f} after."
        )

    def _settings(self) -> str:
        return ", ".join(f"{name} {getattr(self, name).value:g}" for name in RANGES)


def distribution_explorer(
    model: Llama,
    tokenizer: Tokenizer,
    *,
    prompt: str = "Once upon a time",
    temperature: float | int = 1.0,
    top_k: int = 0,
    top_p: float | int = 1.0,
    min_p: float | int = 0.0,
    seed: int | None = None,
) -> DistributionExplorer:
    """A view of the next token's probabilities, before and after the transforms of sampling.

    Type a text, drag the sliders, click a token to add it to the text, or draw one.
    temperature: 0 (greedy) to 2. top_k: 0 (all) to 50. top_p: 0.05 to 1. min_p: 0 to 0.5.
    seed: of what is drawn; None draws anew each time. Raises ValueError for a setting outside its
    range.
    """
    return DistributionExplorer(
        model,
        tokenizer,
        prompt=prompt,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        seed=seed,
    )


def _slider(name: str, value: float | int) -> ipywidgets.IntSlider | ipywidgets.FloatSlider:
    low, high, step = RANGES[name]
    looks: dict[str, Any] = {"description": name.replace("_", " "), "style": LABEL}
    if isinstance(low, int):
        return ipywidgets.IntSlider(int(value), min=low, max=int(high), **looks)
    return ipywidgets.FloatSlider(value, min=low, max=high, step=step, **looks)
