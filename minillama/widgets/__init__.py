"""Views to use in a notebook: controls around a model or its numbers, each with a still."""

from minillama.widgets.dashboard import Dashboard, dashboard
from minillama.widgets.explorer import AttentionExplorer, attention_explorer
from minillama.widgets.playground import Playground, playground
from minillama.widgets.sliders import Sliders, sliders

__all__ = [
    "AttentionExplorer",
    "Dashboard",
    "Playground",
    "Sliders",
    "attention_explorer",
    "dashboard",
    "playground",
    "sliders",
]
