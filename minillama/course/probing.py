"""Probing an answer: call it, and put into words what goes wrong on the way."""

import linecache
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

BLANK = "your code here"  # what an unfilled blank raises, as NotImplementedError


class Complaint(Exception):
    """What is wrong, already in the reader's words; `mistake` is its short name if it has one."""

    def __init__(self, message: str, mistake: str | None = None) -> None:
        super().__init__(message)
        self.mistake = mistake


@dataclass(frozen=True)
class Case:
    """One comparison: what the answer gave, what is right, and the example that it was given.

    `axes` names a tensor's axes ("batch heads time head_dim"), for messages about shapes.
    """

    got: Any
    right: Any
    example: str = ""
    axes: str = ""
    rtol: float = 1e-4
    atol: float = 1e-5


Outcome = Case | Complaint
Probe = Callable[[Any], Iterator[Case]]


def run_probe(probe: Probe, answer: Any) -> list[Outcome]:
    """The cases of one probe; a complaint comes last if the answer could not go on."""
    outcomes: list[Outcome] = []
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # the CPU's; all devices' takes a millisecond
        try:
            outcomes.extend(probe(answer))
        except Complaint as complaint:
            outcomes.append(complaint)
        except Exception as error:  # such as a result that cannot be added up or has no gradient
            outcomes.append(Complaint(raised(error)))
    return outcomes


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call an answer: its exceptions become complaints, and so do inputs that it changed.

    Random numbers that it draws, say for weights, leave those of the probe as they are.
    """
    name = getattr(function, "__name__", type(function).__name__)
    given = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
    before = [tensor.detach().clone() for tensor in given]
    try:
        with torch.random.fork_rng(devices=[]):
            result = function(*args, **kwargs)
    except NotImplementedError as error:
        if str(error) != BLANK:
            raise Complaint(raised(error)) from error
        raise Complaint("is not written yet: fill in the blank.", "not-written") from error
    except Exception as error:  # whatever an answer raises is about the answer
        raise Complaint(raised(error)) from error
    if any(not torch.equal(now, then) for now, then in zip(given, before, strict=True)):
        raise Complaint(
            f"changes a tensor that it was given (calling {name}). Whoever holds that tensor "
            "finds other numbers in it: make a new tensor instead of writing into it.",
            "in-place",
        )
    if result is None:
        raise Complaint("returns None: is there a `return`?", "returns-nothing")
    return result


def raised(error: Exception) -> str:
    """An exception in a sentence, with the line of the answer that it came from."""
    trace, line = error.__traceback__, ""
    while trace:
        filename = trace.tb_frame.f_code.co_filename
        if "site-packages" not in filename and filename != __file__:
            text = linecache.getline(filename, trace.tb_lineno).strip()
            line = f" at the line `{text}`" if text else ""
        trace = trace.tb_next
    first = (str(error).splitlines() or [""])[0]
    return f"raises {type(error).__name__}{line}: {first}"


def fill(module: Any, weights: Mapping[str, Tensor]) -> Any:
    """Put weights into a module that an answer made, so that its initialisation plays no part."""
    if not isinstance(module, nn.Module):
        raise Complaint(f"makes a {type(module).__name__}, which is not an nn.Module")
    there = dict(module.named_parameters())
    for name, weight in weights.items():
        if name not in there:
            near = sorted(there) if len(there) < 9 else get_close_matches(name, there)
            has = ", ".join(near) or "none at all: are they nn.Parameter or nn.Linear?"
            raise Complaint(f"has no parameter called {name}. It has {has}")
        if there[name].shape != weight.shape:
            raise Complaint(
                f"makes {name} in the shape {tuple(there[name].shape)}, "
                f"and {tuple(weight.shape)} is right"
            )
    extra = there.keys() - weights.keys()
    if extra:
        raise Complaint(f"has parameters that do not belong there: {', '.join(sorted(extra))}")
    with torch.no_grad():
        for name, weight in weights.items():
            there[name].copy_(weight)
    return module
