"""The attention explorer: point at a token of a text and see which others it looks at."""

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets
import numpy as np
from jaxtyping import Float
from torch import Tensor

from minillama.plots.attention import attention_map
from minillama.plots.colors import FAINT, INK, QUIET, SKY, VERMILION
from minillama.plots.show import picture
from minillama.plots.text import as_array, readable
from minillama.widgets.still import Data, Metadata, WithStill

TOP = 3  # so many of the tokens looked at are listed with numbers
SMALLEST = 0.005  # a weight below is shown as none
LINES = 1 + TOP  # kept for them and their title, so that the page below does not move

# BOX is the whole view and TOKENS the box of tokens, each a button. Every button has its weight, in
# percent, as --w: a colour between white and SKY, on which INK reads well, and a number below.
STYLE = f"""
BOX {{ background: #fff; border: 1px solid {FAINT}; border-radius: 4px; padding: 8px;
  --jp-widgets-label-color: {INK}; --jp-widgets-readout-color: {INK}; }}
TOKENS > div {{ display: flex; flex-wrap: wrap; }}
TOKENS button.jupyter-button {{ width: auto; height: auto; min-width: 22px; margin: 2px 1px;
  padding: 2px 4px; line-height: 1.25; font-size: 14px; box-shadow: none; border-radius: 3px;
  color: {INK}; background: color-mix(in srgb, {SKY} calc(var(--w) * 1%), #fff); }}
TOKENS button.jupyter-button::after {{ display: block; font-size: 10px; opacity: var(--w);
  counter-reset: weight var(--w); content: counter(weight); }}
TOKENS button.jupyter-button:hover {{ outline: 2px solid {INK}; }}
TOKENS button.jupyter-button:focus-visible {{ outline: 3px solid {INK}; }}
BOX .minillama-top {{ display: none; color: {INK}; line-height: 1.5; min-height: {LINES * 1.5}em;
  margin-bottom: 6px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }}
BOX .minillama-top i {{ display: inline-block; width: 80px; height: 0.7em; margin: 0 3px;
  background: linear-gradient(to right, {SKY} var(--share), {FAINT} 0); }}
BOX .minillama-note {{ color: {QUIET}; font-size: 12px; line-height: 1.4; }}
"""
NOTE = (
    "Point at a token to see what it looks at, click to keep it. The darker a token, the more is "
    "taken from it; the number below is its weight in percent."
)


class AttentionExplorer(WithStill):
    """A text whose tokens show which others they look at, in the layer and head chosen.

    Pointing at a token needs no kernel: the weights are in the page, as rules of its style.
    `layer`, `head` and `token` are the controls, each with a number from 0 as its `value`.
    """

    def __init__(
        self,
        maps: Float[Tensor | np.ndarray, "layers heads time time"],
        tokens: Sequence[str],
        *,
        layer: int = 0,
        head: int = 0,
        token: int | None = None,
    ) -> None:
        self._maps = as_array(maps)
        if self._maps.ndim != 4 or self._maps.shape[2] != self._maps.shape[3]:
            raise ValueError(
                f"maps must have the axes (layers, heads, time, time), but have the shape "
                f"{self._maps.shape}; where texts have an axis, take one of them: maps[:, 0]"
            )
        layers, heads, time, _ = self._maps.shape
        if len(tokens) != time:
            raise ValueError(f"there are {len(tokens)} tokens, but weights for {time}")
        if not (self._maps.min() >= 0 and self._maps.max() <= 1 + 1e-3):
            raise ValueError("the weights must lie between 0 and 1: take them after the softmax")
        token = time - 1 if token is None else token
        choices = (("layer", layer, layers), ("head", head, heads), ("token", token, time))
        for what, chosen, size in choices:
            if not 0 <= chosen < size:
                raise ValueError(f"{what} must be from 0 to {size - 1}, not {chosen}")
        self._tokens = list(tokens)
        self._names = [readable(token) for token in tokens]

        self.layer = _slider("layer", layer, layers)
        self.head = _slider("head", head, heads)
        options = [(name or "∅", number) for number, name in enumerate(self._names)]
        self.token = ipywidgets.ToggleButtons(options=options, value=token, description="token")
        self.token.layout = {"flex": "1 1 320px", "width": "auto"}
        self.token.add_class("minillama-tokens")
        self._drawn = ipywidgets.HTML(layout={"flex": "0 0 240px", "margin": "0 0 0 12px"})
        flow = ipywidgets.Layout(flex_flow="row wrap")
        self.view = ipywidgets.VBox(
            [
                ipywidgets.HBox([self.layer, self.head], layout=flow),
                ipywidgets.HBox([self.token, self._drawn], layout=flow),
            ]
        )
        self._scope = f"minillama-{self.view.model_id}"  # other views' rules are not for this one
        self.view.add_class("minillama-explorer")
        self.view.add_class(self._scope)
        self._draw()
        for control in (self.layer, self.head, self.token):
            control.observe(self._draw, "value")

    def still(self) -> tuple[Data, Metadata]:
        """The map of the layer and head chosen as a picture, the row of the token framed."""
        layer, head, token = self.layer.value, self.head.value, self.token.value
        where = f"layer {layer}, head {head}"
        top = ", ".join(f'"{self._names[key]}"' for key in self._top(token))
        alt = (
            f"Attention of {where} over {len(self._tokens)} tokens. "
            f'Token {token}, "{self._names[token]}", looks most at {top}.'
        )
        ax = attention_map(self._weights(), self._tokens, framed=token, title=where)
        return picture(ax, alt)

    def _weights(self) -> Float[np.ndarray, "time time"]:
        return self._maps[self.layer.value, self.head.value]

    def _top(self, token: int) -> list[int]:
        """The tokens that a token looks at most, the most first."""
        weights = self._weights()[token]
        order = np.argsort(-weights, kind="stable")[:TOP]
        return [int(key) for key in order if weights[key] >= SMALLEST]

    def _draw(self, change: Any = None) -> None:
        """Write the weights of the layer and head chosen into the page: rules, and top lists."""
        box, numbers = f".{self._scope}", range(len(self._tokens))
        style = STYLE.replace("TOKENS", f"{box} .minillama-tokens").replace("BOX", box)
        tops = [self._listed(number) for number in numbers]
        rules = [self._rules(box, number) for number in numbers]
        # Setting tooltips makes the page build the buttons again, so only where they change.
        words = [f"looks at {', '.join(f'{n} {w:.2f}' for n, w in top)}" for top in tops]
        if list(self.token.tooltips or []) != words:
            self.token.tooltips = words
        self._drawn.value = f"<style>{style}{''.join(rules)}</style>" + "".join(
            [self._panel(number, tops[number]) for number in numbers]
            + [f'<div class="minillama-note">{NOTE}</div>']
        )

    def _rules(self, box: str, number: int) -> str:
        """What holds while a token is pointed at, or is the chosen one and none is pointed at."""
        button = f"{box} .minillama-tokens button:nth-child({number + 1})"
        pointed = f"{box}:has(button:nth-child({number + 1}):hover)"
        percent = np.rint(100 * self._weights()[number]).astype(int)
        weights = "".join(f"--w{key}:{percent[key]};" for key in percent.nonzero()[0])
        rules = f"{button}{{--w:var(--w{number},0)}}"
        for state in [pointed] + [f"{box}:not(:has(button:hover))"] * (number == self.token.value):
            rules += f"{state}{{{weights}}}{state} .minillama-top-{number}{{display:block}}"
        if number == self.token.value:
            rules += f"{button}.jupyter-button{{outline:2px solid {VERMILION}}}"
        return rules + "\n"

    def _listed(self, number: int) -> list[tuple[str, float]]:
        weights = self._weights()[number]
        return [(self._names[key], float(weights[key])) for key in self._top(number)]

    def _panel(self, number: int, top: list[tuple[str, float]]) -> str:
        """The tokens that one looks at most, with their weights as bars and numbers."""
        lines = [
            f'<br>{weight:.2f} <i style="--share:{weight:.0%}"></i> {escape(name)}'
            for name, weight in top
        ]
        title = f"token {number}, <b>{escape(self._names[number])}</b>, looks most at"
        classes = f"minillama-top minillama-top-{number}"
        return f'<div class="{classes}">{title}{"".join(lines)}</div>'


def attention_explorer(
    maps: Float[Tensor | np.ndarray, "layers heads time time"],
    tokens: Sequence[str],
    *,
    layer: int = 0,
    head: int = 0,
    token: int | None = None,
) -> AttentionExplorer:
    """A view of attention maps: point at a token, or click it, and see what it looks at.

    layer, head, token: what is chosen at first, counted from 0; None is the last token.
    Raises ValueError for tokens that are not as many as the maps have, or a choice out of range.
    """
    return AttentionExplorer(maps, tokens, layer=layer, head=head, token=token)


def _slider(name: str, chosen: int, size: int) -> ipywidgets.IntSlider:
    slider = ipywidgets.IntSlider(chosen, 0, max(size - 1, 1), description=name)
    slider.disabled = size == 1  # a slider cannot begin where it ends
    return slider
