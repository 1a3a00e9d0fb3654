"""The checks, in files by what they check: a part of minillama, or exercises of a lesson."""

import pkgutil
from importlib import import_module

from minillama.course.checking.check import Check


def _all_checks() -> dict[str, Check]:
    """Every Check that a module of this folder defines, by the name of what it checks."""
    modules = [import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)]
    found = [value for module in modules for value in vars(module).values()]
    return {check.name: check for check in found if isinstance(check, Check)}


CHECKS = _all_checks()
