"""What happens in a training run, as small events for others to print or draw."""

from dataclasses import dataclass
from pathlib import Path

from minillama.config import ModelConfig
from minillama.runs.reference import Reference
from minillama.training.config import Plan


@dataclass(frozen=True)
class Preparing:
    """Long work before the first step: `done` of `total` parts of `what` are ready."""

    what: str  # "measuring this machine", "writing stories", ...
    done: int
    total: int


@dataclass(frozen=True)
class Noted:
    """Something was decided about the text or its tokenizer that was not asked for."""

    words: str  # a sentence


@dataclass(frozen=True)
class Started:
    """Everything is decided and ready; `step` is above zero where a run is resumed."""

    folder: Path
    config: Plan
    model: ModelConfig
    n_parameters: int
    step: int
    floor: float | None  # nats per token, None where the corpus does not know it
    corpus_tokens: int = 0  # that there are to learn from
    others: float = 0.0  # processors that other programs used while this machine was measured
    timed: bool = False  # whether the steps are as many as the minutes allow


@dataclass(frozen=True)
class Step:
    """One optimiser step has been taken."""

    step: int  # 1 .. steps
    steps: int
    tokens: int  # targets learnt from so far
    seconds: float  # spent training so far, over all sittings
    loss: float  # nats per token of this step's batch, before the update
    floor: float | None  # nats per token
    learning_rate: float
    gradient_norm: float  # before clipping
    tokens_per_second: float  # in this step
    seconds_left: float  # estimated, to the end of the run


@dataclass(frozen=True)
class Validated:
    """Loss on text that training never sees; the last one of a run is on the larger final set."""

    step: int
    tokens: int
    seconds: float
    documents: int  # how many stories (or windows of a file) were scored
    loss: float  # nats per token
    floor: float | None  # nats per token, of the same documents
    nats_per_document: float
    floor_per_document: float | None
    excess: float | None  # nats per document above the floor
    ratio: float | None  # loss / floor
    nats_per_character: float
    bits_per_byte: float


@dataclass(frozen=True)
class Sampled:
    """What the model writes now after the beginning `prompt`; `text` includes the prompt."""

    step: int
    prompt: str
    text: str


@dataclass(frozen=True)
class Saved:
    """A checkpoint is in `folder`, complete and on disk."""

    step: int
    folder: Path


@dataclass(frozen=True)
class Paused:
    """Somebody asked the run to wait: a checkpoint is saved, and the run waits to be resumed."""

    step: int
    folder: Path  # the run folder; `minillama.runs.control.resume(folder)` lets it continue


@dataclass(frozen=True)
class Interrupted:
    """Ctrl-C was pressed, or somebody asked the run to stop. A checkpoint is saved.

    This is the last event. `resume(folder)` continues from the checkpoint.
    """

    step: int
    folder: Path  # the run folder


@dataclass(frozen=True)
class Finished:
    """The run is over; `folder` now is also a model folder that `minillama.load` reads."""

    step: int
    folder: Path
    seconds: float
    validation: Validated  # on the final set
    reference: Reference | None = None  # where the floor is not known


Event = (
    Preparing
    | Noted
    | Started
    | Step
    | Validated
    | Sampled
    | Saved
    | Paused
    | Interrupted
    | Finished
)
