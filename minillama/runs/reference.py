"""What to set the loss of a run against where no floor is known: reference.json in its folder."""

from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path

from minillama.system.fields import check_types
from minillama.system.files import read_json, write_json

REFERENCE = "reference.json"


@dataclass(frozen=True)
class Reference:
    """How well the validation text is predicted by other means that have seen the training text.

    An n-gram model of the run's own tokens, and two programs that compress.
    """

    n: int
    loss: float  # of the n-gram model, in nats per token
    bits_per_byte: float  # of the n-gram model
    gzip: float  # bits per byte
    lzma: float  # bits per byte


def write_reference(folder: Path, reference: Reference) -> None:
    """Keep it in the folder of a run."""
    write_json(folder / REFERENCE, asdict(reference))


def read_reference(folder: Path) -> Reference | None:
    """The one of a run, or None where the floor is known or an older version trained.

    Raises ValueError for a file that is damaged.
    """
    path = folder / REFERENCE
    if not path.is_file():
        return None
    reference = Reference(**check_types(Reference, read_json(path), f"{path}: "))
    if not all(0 < value < 1000 and isfinite(value) for value in asdict(reference).values()):
        raise ValueError(f"{path} is damaged: remove it")
    return reference
