"""Views to use in a notebook: controls around a model or its numbers, each with a still."""

from minillama.system.extras import needing

with needing("course", "minillama.widgets"):
    from minillama.widgets.dashboard import Dashboard, dashboard
    from minillama.widgets.distribution_explorer import DistributionExplorer, distribution_explorer
    from minillama.widgets.explorer import AttentionExplorer, attention_explorer
    from minillama.widgets.playground import Playground, playground
    from minillama.widgets.sliders import Sliders, sliders
    from minillama.widgets.token_playground import TokenPlayground, token_playground

__all__ = [
    "AttentionExplorer",
    "Dashboard",
    "DistributionExplorer",
    "Playground",
    "Sliders",
    "TokenPlayground",
    "attention_explorer",
    "dashboard",
    "distribution_explorer",
    "playground",
    "sliders",
    "token_playground",
]
