"""Sliders above a picture that is drawn anew when one of them moves."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets

from minillama.plots.show import Drawing, picture
from minillama.widgets.still import Data, Metadata, WithStill


class Sliders(WithStill):
    """A picture, and above it a control for each number or choice that it depends on.

    `controls` holds them by name: `controls["angle"].value = 1.0` draws the picture for that.
    """

    def __init__(
        self,
        draw: Callable[..., tuple[Drawing, str]],
        start: Mapping[str, Any] | None = None,
        **choices: Sequence[Any],
    ) -> None:
        if not choices:
            raise ValueError("name at least one choice, such as angle=(0.0, 6.28)")
        start = dict(start or {})
        if unknown := start.keys() - choices.keys():
            raise ValueError(f"start names {', '.join(sorted(unknown))}, which is no control")
        self._draw = draw
        self.controls = {
            name: _control(name, choice, start.get(name)) for name, choice in choices.items()
        }
        self._image = ipywidgets.HTML()  # an Image widget has no text for those who do not see it
        self._redraw()
        row = ipywidgets.HBox([*self.controls.values()], layout={"flex_flow": "row wrap"})
        self.view = ipywidgets.VBox([row, self._image])
        self.view.add_class("minillama-sliders")
        for control in self.controls.values():
            control.observe(self._redraw, "value")

    def still(self) -> tuple[Data, Metadata]:
        """The picture as it is now."""
        return picture(*self._drawing())

    def _drawing(self) -> tuple[Drawing, str]:
        return self._draw(**{name: control.value for name, control in self.controls.items()})

    def _redraw(self, change: Any = None) -> None:
        data, _ = picture(*self._drawing(), small=False)
        source = f"data:image/png;base64,{data['image/png']}"
        self._image.value = f'<img alt="{escape(data["text/plain"])}" src="{source}">'


def sliders(
    draw: Callable[..., tuple[Drawing, str]],
    start: Mapping[str, Any] | None = None,
    **choices: Sequence[Any],
) -> Sliders:
    """A picture that depends on numbers or choices, each with a control.

    `draw(**values)` gives the picture and the words for those who do not see it, as `plots.show`
    takes them. Each choice is a pair (least, most) or triple (least, most, step), whose control is
    a slider of whole numbers or of floats; or a list of things to choose from, which gets a row of
    buttons. `start` says where they stand at first: at the least, or the first thing, otherwise.

    Raises ValueError for a choice that is neither, and whatever `draw` raises.
    """
    return Sliders(draw, start, **choices)


def _control(name: str, choice: Sequence[Any], start: Any) -> ipywidgets.ValueWidget:
    """The control for one choice; see `sliders`."""
    title, style = name.replace("_", " "), {"description_width": "initial"}
    if isinstance(choice, list) and choice:
        chosen = choice[0] if start is None else start
        if chosen not in choice:
            raise ValueError(f"{name} starts at {chosen!r}, which is none of {choice}")
        options = [(str(value), value) for value in choice]
        style["button_width"] = "auto"
        return ipywidgets.ToggleButtons(
            options=options, value=chosen, description=title, style=style
        )
    if not isinstance(choice, tuple) or len(choice) not in (2, 3):
        raise ValueError(
            f"{name} must be a list of choices, or (least, most) or (least, most, step), "
            f"not {choice!r}"
        )
    least, most = choice[:2]
    chosen = least if start is None else start
    if not least < most or not least <= chosen <= most:
        raise ValueError(f"{name} must run from less to more, from or to {chosen!r}: {choice!r}")
    looks: dict[str, Any] = {"description": title, "style": style, "layout": {"width": "360px"}}
    if all(isinstance(number, int) for number in (*choice, chosen)):
        step = choice[2] if len(choice) == 3 else 1
        return ipywidgets.IntSlider(chosen, least, most, step, **looks)
    step = choice[2] if len(choice) == 3 else (most - least) / 100
    digits = max(0, 1 - math.floor(math.log10(step)))
    return ipywidgets.FloatSlider(
        chosen, min=least, max=most, step=step, readout_format=f".{digits}f", **looks
    )
