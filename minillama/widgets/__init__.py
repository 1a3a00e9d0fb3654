"""Views to use in a notebook: controls around a model or its numbers, each with a still."""

from minillama.widgets.explorer import AttentionExplorer, attention_explorer
from minillama.widgets.playground import Playground, playground

__all__ = ["AttentionExplorer", "Playground", "attention_explorer", "playground"]
