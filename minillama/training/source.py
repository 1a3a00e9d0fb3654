"""What a source of text is: a class with everything that differs from one source to another."""

from abc import ABC, abstractmethod
from collections.abc import Generator

from minillama.data import Documents, PackedBatches, WindowBatches
from minillama.training.config import Plan
from minillama.training.corpus import Corpus


class Source(ABC):
    """A source of text; each method is given the plan of a run."""

    @abstractmethod
    def open(self, plan: Plan) -> tuple[Corpus, float]:
        """The corpus as far as it can be had at once, and the seconds to make a training token.

        Raises ValueError or an OSError for a source that cannot be used.
        """

    def training(self, corpus: Corpus, plan: Plan) -> Generator[tuple[int, int], None, Documents]:
        """All training documents; yields how many of how many are made so far."""
        yield from ()  # those of the opened corpus, where nothing is left to make
        return corpus.training

    @abstractmethod
    def batches(self, corpus: Corpus, plan: Plan) -> PackedBatches | WindowBatches:
        """The training batches; `batches.batch(step)` is a pure function of the step."""

    @abstractmethod
    def context(self, corpus: Corpus, plan: Plan, of_model: int) -> int:
        """How many positions the model gets, where the preset or a trained model has `of_model`."""
