"""The recipe of a training run: every number that decides it, asked for or filled in.

The options of `minillama train` and their help are the fields of `TrainConfig`. So that the help is
there at once, nothing here waits for torch.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from reprlib import repr as short_repr
from typing import Any, TypeVar

from minillama.config import ModelConfig
from minillama.system.fields import check_types, option

TOYTOWN = "toytown"  # the corpus; any other name is a file's or a folder's
BLANK = "blank"  # the separator that means blank lines
FIELD = "text"  # of a line of JSON, if no other is named
OPTIMIZERS = ("muon", "adamw")
DTYPES = ("float32", "bfloat16")
LANGUAGES = ("en", "zh", "both")  # of ToyTown's stories; both means in turn
PRESET, BPE, BOTH = "small", "bpe", "both"  # where nothing else is asked for
DEFAULT_MINUTES = 5.0
VOCAB_SIZE = 2048

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
OTHER = {"batch_size": 8, "seq_len": 256, "lr": 1e-3}

_experiment = partial(option, group="for experiments")


def by_preset(name: str) -> str:
    """How a field depends on the preset: "8", or "0.006 for tiny, 0.005 for small"."""
    values = {preset: f"{recipe[name]:g}" for preset, recipe in RECIPES.items()}
    if len({*values.values()}) == 1:
        return values.popitem()[1]
    return ", ".join(f"{value} for {preset}" for preset, value in values.items())


@dataclass(frozen=True)
class TrainConfig:
    """What a training run is asked to be; what is None is decided before it starts (see Plan).

    The length of a run is given in minutes or in steps, not both. A step learns from
    batch_size * accumulate sequences of seq_len tokens.

    Raises ValueError, naming the field, for a value that makes no sense.
    """

    corpus: str = option(
        TOYTOWN,
        "WHAT",
        f"what to learn from: {TOYTOWN}, or text of your own in UTF-8: a file, or a folder of "
        ".txt, .md and .jsonl files, which may be compressed as .gz. A single file of text is one "
        "long text, and its last tenth is held out to validate on. In a folder, each file is a "
        "document, as is each line of a .jsonl file; of documents, whole ones are held out, a "
        "tenth of the text at most",
    )
    separator: str | None = option(
        None,
        "TEXT",
        f'what separates the documents in your text, such as "<|endoftext|>", or {BLANK} for '
        "blank lines; the model then learns where a document begins and where it ends",
        chosen="none, a text file is one text",
    )
    field: str | None = option(
        None, "NAME", "field with the text in JSON Lines, one document a line", chosen=FIELD
    )
    language: str | None = option(
        None, "L", f"language of {TOYTOWN}'s stories: en, zh or both in turn", chosen=BOTH
    )
    preset: str | None = option(
        None, "NAME", f"size of the model: {', '.join(RECIPES)}", chosen=PRESET
    )
    init_from: str | None = option(
        None,
        "MODEL",
        "continue from a trained model (its folder, or the name of one that comes with minillama) "
        "instead of random weights; its size and tokenizer are kept",
        chosen="none",
    )
    tokenizer: str | None = option(
        None, "KIND", "bpe, char, or the folder of an existing tokenizer", chosen=BPE
    )
    minutes: float | None = option(
        None, "M", "how long to train, in minutes", chosen=f"{DEFAULT_MINUTES:g}"
    )
    steps: int | None = option(
        None, "N", "how long to train, in steps instead of minutes", chosen="as the minutes allow"
    )
    seed: int = _experiment(0, "S", "seed of the initial weights and of the order of the data")
    vocab_size: int | None = _experiment(
        None,
        "N",
        "vocabulary size, where a bpe tokenizer is trained",
        chosen=f"{VOCAB_SIZE}, or as many as the text supports",
    )
    batch_size: int | None = _experiment(
        None, "N", "sequences per batch", chosen=by_preset("batch_size")
    )
    seq_len: int | None = _experiment(None, "N", "tokens per sequence", chosen=by_preset("seq_len"))
    accumulate: int = _experiment(1, "N", "batches per step")
    optimizer: str = _experiment("muon", "NAME", "muon, or adamw as the authors of LLaMA used")
    lr: float | None = _experiment(None, "X", "peak learning rate", chosen=by_preset("lr"))
    warmup: int | None = _experiment(
        None, "N", "steps until the learning rate peaks", chosen="a tenth of the run, or 200 steps"
    )
    floor_ratio: float = _experiment(0.05, "X", "final learning rate as a fraction of the peak")
    weight_decay: float = _experiment(0.1, "X", "weight decay of the matrices, decoupled")
    clip: float = _experiment(1.0, "X", "largest norm of the gradient; larger ones are scaled down")
    every: int | None = _experiment(
        None,
        "N",
        "save, validate and write samples every N steps",
        chosen="ten times in a short run, but at most every 20 steps",
    )
    keep: int = _experiment(0, "N", "how many small models from along the way to keep")
    threads: int | None = _experiment(None, "N", "CPU threads", chosen="measured at the start")
    dtype: str | None = _experiment(
        None, "TYPE", f"precision: {' or '.join(DTYPES)}", chosen="measured at the start"
    )

    def __post_init__(self) -> None:
        check_types(type(self), vars(self))
        ModelConfig.preset(self.preset or PRESET)
        if None not in (self.minutes, self.steps) and not isinstance(self, Plan):
            raise ValueError("give minutes or steps, not both")  # a plan has steps for its minutes
        if self.dtype not in (None, *DTYPES):
            raise ValueError(f"dtype must be {' or '.join(DTYPES)}, not {self.dtype}")
        if self.language not in (None, *LANGUAGES):
            raise ValueError(f"language must be {', '.join(LANGUAGES)}, not {self.language}")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer must be {' or '.join(OPTIMIZERS)}, not {self.optimizer}")
        self._refuse_what_has_no_effect()
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

    def _refuse_what_has_no_effect(self) -> None:
        """Raise ValueError for an option that another one leaves without any effect."""
        if self.init_from is not None and (self.tokenizer, self.vocab_size) != (None, None):
            raise ValueError(
                f"the model {self.init_from} has a tokenizer of its own: leave out tokenizer and "
                "vocab_size"
            )
        if self.vocab_size is not None and self.tokenizer not in (None, BPE):
            raise ValueError(
                "vocab_size is for a bpe tokenizer that is trained: leave it out, or leave out "
                f"tokenizer {self.tokenizer}"
            )
        if self.corpus == TOYTOWN and (self.separator, self.field) != (None, None):
            raise ValueError(f"{TOYTOWN} has its own documents: leave out separator and field")
        if self.corpus != TOYTOWN and self.language is not None:
            raise ValueError(f"language chooses among {TOYTOWN}'s stories: leave it out")

    def to_dict(self) -> dict[str, Any]:
        """Fields as JSON can write them; `from_dict` is the way back."""
        return asdict(self)

    @classmethod
    def from_dict(cls: type[T], values: Mapping[str, Any]) -> T:
        """The config with these fields; raises ValueError for one that is unknown or wrong."""
        return cls(**check_types(cls, _as_it_was_meant(values)))


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
    """A first plan: the preset's recipe filled in, and provisionally what has to be measured."""
    provisional = {"steps": 1, "warmup": 0, "every": 1, "threads": 1, "dtype": "float32"}
    given = {name: value for name, value in asked.to_dict().items() if value is not None}
    recipe = RECIPES.get(asked.preset or PRESET, OTHER)
    chosen: dict[str, Any] = {"language": BOTH if asked.corpus == TOYTOWN else None}
    if asked.init_from is None:
        chosen |= {"preset": PRESET, "tokenizer": BPE}
    return Plan.from_dict(provisional | recipe | chosen | given)


def language_of(i: int, language: str | None) -> str:
    """The language of story i of a corpus in one language, or in both in turn."""
    return LANGUAGES[i % 2] if language in (None, BOTH) else str(language)


def _as_it_was_meant(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of an older run without what had no effect: its run.json names those as well."""
    if "language" in values:
        return values
    of_model = values.get("init_from") is not None
    idle: list[tuple[str, Any]] = [("preset", PRESET), ("tokenizer", BPE)] if of_model else []
    if values.get("tokenizer", BPE) != BPE:
        idle = [("vocab_size", values.get("vocab_size"))]
    return {name: value for name, value in values.items() if (name, value) not in idle}


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
