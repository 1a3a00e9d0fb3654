"""What a reader's definition uses of the notebook, and a file of my_minillama would not know."""

from types import ModuleType
from typing import Any

from torch import Tensor, nn

from minillama.course.complaint import Complaint
from minillama.course.source.splice import PACKAGE, unbound


def must_reach(before: str, source: str, module: str, namespace: dict[str, Any]) -> None:
    """Raise Complaint for a name in a module's new source that only the notebook has.

    before: the module's source as it is, whose names are not asked for.
    """
    known = unbound(before)
    for name in [name for name in unbound(source) if name not in known]:
        if name not in namespace:
            raise Complaint(f"uses {name}, which nothing defines: is it misspelt?")
        own = f"{PACKAGE}/{module}.py is a file of its own and does not see other cells"
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
