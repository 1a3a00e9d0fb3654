"""The fields of configs: what the command line says about them, and whether a file holds them."""

from collections.abc import Mapping
from dataclasses import MISSING, field, fields
from reprlib import repr as short_repr
from typing import Any, get_args

NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def option(
    default: Any, metavar: str, help: str, *, chosen: str = "", group: str | None = None
) -> Any:
    """A field of a dataclass that is an option of the command too (see minillama.cli.options).

    chosen: where the default is None, how the value is then found, as words after "default:".
    group: the heading under which `--help` lists it.
    """
    words = {"metavar": metavar, "help": help, "chosen": chosen, "group": group}
    return field(default=default, metadata=words)


def check_types(cls: type, values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`values` as the dataclass `cls` wants them: whole numbers are floats where it has floats.

    Raises ValueError, with `prefix`, for a field that is unknown, missing or of another type.
    """
    known = {field.name: field for field in fields(cls)}
    for name in values:
        if name not in known:
            names = ", ".join(known)
            raise ValueError(f"{prefix}{short_repr(name)} is not a field; there are {names}")
    checked = {}
    for name, known_field in known.items():
        if name not in values:
            if known_field.default is MISSING:
                raise ValueError(f"{prefix}{name} is missing")
            continue
        value, types = values[name], get_args(known_field.type) or (known_field.type,)
        # In Python True is an int, and 10000 is no float: here it is the other way round.
        if float in types and type(value) is int and abs(value) < 2**53:
            value = float(value)
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            wanted = NAMES.get(types[0], f"a {types[0].__name__}")
            raise ValueError(f"{prefix}{name} must be {wanted}, not {short_repr(value)}")
        checked[name] = value
    return checked
