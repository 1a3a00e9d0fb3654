"""Views to use in a notebook: controls around a model or its numbers, each with a still."""

from minillama.widgets.explorer import AttentionExplorer, attention_explorer
from minillama.widgets.playground import Playground, playground
from minillama.widgets.sliders import Sliders, sliders

__all__ = [
    "AttentionExplorer",
    "Playground",
    "Sliders",
    "attention_explorer",
    "playground",
    "sliders",
]
