"""Options made from a config's dataclass, which alone knows their defaults and what they mean."""

import argparse
from dataclasses import Field, fields
from typing import Any, get_args


def add_options(
    parser: argparse.ArgumentParser, config: type, *names: str, **defaults: Any
) -> None:
    """Add an option for each field that was made by `minillama.system.fields.option`.

    names: of the fields, if not all are wanted. defaults: of fields for which the command has one
    of its own.
    """
    groups: dict[str | None, argparse._ActionsContainer] = {None: parser}
    for field in fields(config):
        if not field.metadata or (names and field.name not in names):
            continue
        name = field.metadata["group"]
        if name not in groups:
            groups[name] = parser.add_argument_group(name)
        groups[name].add_argument(
            flag(field.name),
            type=(get_args(field.type) or (field.type,))[0],
            metavar=field.metadata["metavar"],
            help=_help(field, defaults.get(field.name)),
            default=defaults.get(field.name, argparse.SUPPRESS),  # else left to the dataclass
        )


def given(args: argparse.Namespace, config: type) -> dict[str, Any]:
    """The fields whose options were given, or have a default of the command's own."""
    names = [field.name for field in fields(config)]
    return {name: getattr(args, name) for name in names if hasattr(args, name)}


def flag(name: str) -> str:
    """The option of a field: --batch-size for batch_size."""
    return "--" + name.replace("_", "-")


def _help(field: "Field[Any]", own: Any) -> str:
    default: Any = field.metadata["chosen"] or (field.default if own is None else own)
    if isinstance(default, float):
        default = f"{default:g}"
    words = field.metadata["help"]
    return (words if default is None else f"{words} (default: {default})").replace("%", "%%")
