"""All that a run of the bench measured, as one object that JSON can hold."""

from dataclasses import dataclass, field

from minillama.bench.decoding import DecodingSpeed
from minillama.bench.lessons import LessonTime
from minillama.bench.limits import Limits, Machine
from minillama.bench.memory import PeakMemory
from minillama.bench.same_loss import SameLoss
from minillama.bench.starting import FirstToken
from minillama.bench.training import TrainingSpeed


@dataclass
class Report:
    """The results, empty where a part was not asked for.

    `missing` says in sentences what could not be measured here, and why. processor_seconds are
    those of the run and of what it started; far fewer than seconds say that the machine was busy.
    """

    version: str
    quick: bool
    machine: Machine
    limits: list[Limits] = field(default_factory=list)
    training: list[TrainingSpeed] = field(default_factory=list)
    same_loss: SameLoss | None = None
    decoding: DecodingSpeed | None = None
    first_token: FirstToken | None = None
    memory: list[PeakMemory] = field(default_factory=list)
    lessons: list[LessonTime] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    seconds: float = 0.0
    processor_seconds: float = 0.0
