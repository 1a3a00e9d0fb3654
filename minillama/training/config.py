"""The recipe of a training run: every number that decides it, asked for or filled in."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from reprlib import repr as short_repr
from typing import Any, TypeVar

from minillama.config import ModelConfig
from minillama.system.fields import check_types
from minillama.system.machine import DTYPES

DEFAULT_MINUTES = 5.0

T = TypeVar("T", bound="TrainConfig")

# What suits each preset, by trial on ToyTown. A batch counts rows of seq_len tokens. In the minutes
# that a small model trains here, many steps are worth more than exact gradients: after 1.2 million
# tokens "small" stood at 1.33 nats a token with batches of 8 rows, 1.52 with 16 and 2.33 with 32.
# The learning rates are high and need the long warm-up of training.setup; with that,
# 5e-3 brought "small" to 1.16. Muon's steps take an eighth longer than AdamW's ("small"; a fifth,
# "toytown") and are worth it: after 600 steps "small" was at 1.63 times the floor, and 1.75 with
# AdamW; "toytown", after 1,500 steps, at 1.23 and 1.29. At twice the rate it learnt more slowly.
RECIPES: dict[str, dict[str, Any]] = {
    "tiny": {"batch_size": 8, "seq_len": 256, "lr": 6e-3},
    "small": {"batch_size": 8, "seq_len": 256, "lr": 5e-3},
    "toytown": {"batch_size": 8, "seq_len": 256, "lr": 4e-3},
}
OPTIMIZERS = ("muon", "adamw")
OTHER = {"batch_size": 8, "seq_len": 256, "lr": 1e-3}


@dataclass(frozen=True)
class TrainConfig:
    """What a training run is asked to be; what is None is decided before it starts (see Plan).

    corpus: "toytown", or the path of a text file; tokenizer: "bpe", "char", or the path of one that
    exists; vocab_size: pieces to train where one is trained (2,048); preset: the model's shape.
    init_from: a model to go on from, by its folder or as one that ships ("toytown"); its weights,
    shape and tokenizer are taken, and the preset only chooses the recipe.
    minutes or steps: how long (not both; five minutes where neither is given). A step learns from
    batch_size * accumulate rows of seq_len tokens, accumulate forward passes of batch_size each.
    optimizer: "muon" or "adamw"; lr: its peak learning rate, reached after warmup steps, falling to
    floor_ratio of it; weight_decay: of matrices, decoupled; clip: the largest gradient norm let
    through.
    every: save, validate and sample every so many steps; keep: how many small models to keep along
    the way; seed: of the initial weights and the order of the data.
    threads, dtype ("float32" or "bfloat16"): measured where not given.

    Raises ValueError, naming the field, for a value that makes no sense.
    """

    corpus: str = "toytown"
    tokenizer: str = "bpe"
    vocab_size: int | None = None
    preset: str = "small"
    init_from: str | None = None
    minutes: float | None = None
    steps: int | None = None
    batch_size: int | None = None
    seq_len: int | None = None
    accumulate: int = 1
    optimizer: str = "muon"
    lr: float | None = None
    warmup: int | None = None
    floor_ratio: float = 0.05
    weight_decay: float = 0.1
    clip: float = 1.0
    every: int | None = None
    keep: int = 0
    seed: int = 0
    threads: int | None = None
    dtype: str | None = None

    def __post_init__(self) -> None:
        check_types(type(self), vars(self))
        ModelConfig.preset(self.preset)
        if self.dtype not in (None, *DTYPES):
            raise ValueError(f"dtype must be {' or '.join(DTYPES)}, not {self.dtype}")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer must be {' or '.join(OPTIMIZERS)}, not {self.optimizer}")
        if self.init_from is not None and (self.tokenizer, self.vocab_size) != ("bpe", None):
            raise ValueError(
                f"the model {self.init_from} has a tokenizer of its own: leave out tokenizer and "
                "vocab_size"
            )
        if not 0 <= self.floor_ratio <= 1:
            raise ValueError(f"floor_ratio must be from 0 to 1, not {self.floor_ratio}")
        for name, (least, most) in _LIMITS.items():
            value = getattr(self, name)
            if value is not None and not least <= value:
                raise ValueError(f"{name} must be at least {least}, not {short_repr(value)}")
            if value is not None and value > most:
                raise ValueError(f"{name} must be at most {most:,}, not {short_repr(value)}")
        for name in ("minutes", "lr", "clip"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} must be above zero, not {value}")

    def to_dict(self) -> dict[str, Any]:
        """Fields as JSON can write them; `from_dict` is the way back."""
        return asdict(self)

    @classmethod
    def from_dict(cls: type[T], values: Mapping[str, Any]) -> T:
        """The config with these fields; raises ValueError for one that is unknown or wrong."""
        return cls(**check_types(cls, values))


@dataclass(frozen=True, kw_only=True)
class Plan(TrainConfig):
    """A TrainConfig with nothing left open: all that is needed to repeat a run exactly."""

    steps: int
    batch_size: int
    seq_len: int
    lr: float
    warmup: int
    every: int
    threads: int
    dtype: str


def draft(asked: TrainConfig) -> Plan:
    """A first plan: the preset's recipe filled in, and what only a clock can tell provisionally."""
    provisional = {"steps": 1, "warmup": 0, "every": 1, "threads": 1, "dtype": "float32"}
    given = {name: value for name, value in asked.to_dict().items() if value is not None}
    return Plan.from_dict(provisional | RECIPES.get(asked.preset, OTHER) | given)


# From sense to nonsense: beyond the second, a config file is damaged or means harm.
_LIMITS: dict[str, tuple[float, float]] = {
    "vocab_size": (1, 2**20),
    "minutes": (0, 10**7),
    "steps": (1, 2**40),
    "batch_size": (1, 2**20),
    "seq_len": (2, 2**20),
    "accumulate": (1, 2**20),
    "warmup": (0, 2**40),
    "weight_decay": (0.0, 10**6),
    "every": (1, 2**40),
    "keep": (0, 64),
    "seed": (0, 2**63 - 1),
    "threads": (1, 1024),
}
