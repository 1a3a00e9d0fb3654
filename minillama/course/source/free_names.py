"""The names that code reads and does not define, which a file of my_minillama may not know."""

import builtins
import symtable
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from minillama.course.complaint import Complaint


def must_reach(before: str, source: str, file: str, namespace: dict[str, Any]) -> None:
    """Raise Complaint for a name in a module's new source that only the notebook has.

    before: the module's source as it is, whose names are not asked for.
    """
    known = unbound(before)
    for name in [name for name in unbound(source) if name not in known]:
        if name not in namespace:
            raise Complaint(f"uses {name}, which nothing defines: is it misspelt?")
        own = f"{file} is a file of its own and does not see other cells"
        raise Complaint(
            f"uses {name}, which only the notebook knows. {own}: {cure(name, namespace[name])}."
        )


def cure(name: str, value: Any) -> str:
    """What to do about a name that stands for this value in the notebook."""
    if isinstance(value, ModuleType):
        alias = "" if value.__name__ == name else f" as {name}"
        what = f"`import {value.__name__}{alias}`"
    elif isinstance(value, Tensor | nn.Module | list | dict | set) or is_array(value):
        # Copying these would freeze what one cell happened to compute.
        kind = "tensor" if isinstance(value, Tensor) else type(value).__name__
        return f"{name} is a {kind} that one of them made, so compute it inside, or pass it in"
    elif getattr(value, "__module__", "__main__") == "__main__":
        what = f"what defines {name}"
    else:
        what = f"the import of {name}"
    return f"put {what} into the build cell too"


def is_array(value: Any) -> bool:
    """Whether this is a NumPy array; NumPy need not be there."""
    return type(value).__module__ == "numpy" and type(value).__name__ == "ndarray"


def unbound(source: str) -> list[str]:
    """Names that a module reads and nothing in it, nor Python, defines; in alphabetical order."""
    top = symtable.symtable(source, "<module>", "exec")
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    names = reads(top) - bound - vars(builtins).keys()
    return sorted(name for name in names if not name.startswith("__"))


def reads(table: symtable.SymbolTable) -> set[str]:
    """The names that code reads from its module, which are not those of its own variables."""
    at_top = table.get_type() == "module"
    symbols = [s for s in table.get_symbols() if s.is_referenced() and (at_top or s.is_global())]
    return {s.get_name() for s in symbols}.union(*map(reads, table.get_children()))


def names_read(source: str) -> set[str]:
    """The names that a piece of a module reads from that module, or from Python."""
    return reads(symtable.symtable(source, "<module>", "exec"))
