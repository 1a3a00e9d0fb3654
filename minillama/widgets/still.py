"""A widget shown as one output that also holds a still, for where there is no kernel."""

from abc import ABC, abstractmethod
from typing import Any

import ipywidgets

Data = dict[str, Any]  # by its type, such as "image/png"
Metadata = dict[str, dict[str, str]]


class WithStill(ABC):
    """What is displayed: `view` where a kernel runs, else `still()`.

    Both are in one output. JupyterLab prefers the live view; a page on the web, or a notebook that
    was stored without its live views, shows the still instead.
    """

    view: ipywidgets.Box

    @abstractmethod
    def still(self) -> tuple[Data, Metadata]:
        """The view as it is now: data by type, of which one is "text/plain", and metadata."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[Data, Metadata]:
        data, metadata = self.still()
        return self.view._repr_mimebundle_() | data, metadata
