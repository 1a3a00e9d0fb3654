"""Probing an answer: call it, and put into words what goes wrong on the way."""

import io
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from minillama.course.checking.spies import tensors
from minillama.course.complaint import Complaint, own_line, raised
from minillama.course.source.blanks import BLANKS
from minillama.system.interrupts import TooLong, time_limit

PATIENCE = 60.0  # seconds for one example; loops of Python take a few at most
ENDLESS = "endless"


@dataclass(frozen=True)
class Case:
    """One comparison: what the answer gave, what is right, and the example that it was given.

    `axes` names a tensor's axes ("batch heads time head_dim"), for messages about shapes.
    `printed` is what the answer printed on the way.
    """

    got: Any
    right: Any
    example: str = ""
    axes: str = ""
    rtol: float = 1e-4
    atol: float = 1e-5
    printed: str = ""


Outcome = Case | Complaint
Probe = Callable[[Any], Iterator[Case]]


def run_probe(probe: Probe, answer: Any) -> list[Outcome]:
    """The cases of one probe; a complaint comes last if the answer could not go on.

    What the answer prints is kept with the case, for there are many calls and one verdict.
    """
    outcomes: list[Outcome] = []
    with torch.random.fork_rng(devices=[]), redirect_stdout(io.StringIO()) as out:
        torch.default_generator.manual_seed(0)  # the CPU's; all devices' takes a millisecond
        try:
            cases = probe(answer)
            while True:
                with time_limit(PATIENCE):
                    case = next(cases, None)
                if case is None:
                    break
                outcomes.append(replace(case, printed=taken(out)))
        except TooLong as error:
            outcomes.append(
                Complaint(
                    f"was stopped{own_line(error)[0]}, for it had no result after {PATIENCE:g} "
                    "seconds: does a loop never end?",
                    ENDLESS,
                )
            )
        except Exception as error:  # such as a result that cannot be added up or has no gradient
            complaint = error if isinstance(error, Complaint) else raised(error)
            complaint.printed = taken(out)
            outcomes.append(complaint)
    return outcomes


def taken(out: io.StringIO) -> str:
    """What has been written since the last time."""
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call an answer: its exceptions become complaints, and so do inputs that it changed.

    Random numbers that it draws, say for weights, leave those of the probe as they are.
    """
    name = getattr(function, "__name__", type(function).__name__)
    given = [t for t in tensors([*args, *kwargs.values()]) if not t.is_meta]
    before = [tensor.detach().clone() for tensor in given]
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning is no verdict, and would come every time
            result = function(*args, **kwargs)
    except Exception as error:  # whatever an answer raises is about the answer
        if isinstance(error, NotImplementedError) and str(error) in BLANKS:
            raise not_written(error, name) from error
        raise raised(error) from error
    if any(not torch.equal(now, then) for now, then in zip(given, before, strict=True)):
        raise Complaint(
            f"changes a tensor that it was given (calling {name}). Whoever holds that tensor "
            "finds other numbers in it: make a new tensor instead of writing into it. What is "
            "float32 already, `.float()` gives back itself, and chunks, views and slices are parts "
            "of the same tensor: `x = x * y` makes a new one where `x *= y` writes.",
            "in-place",
        )
    if result is None:
        raise Complaint("returns None: is there a `return`?", "returns-nothing")
    return result


def not_written(error: BaseException, name: str) -> Complaint:
    """That the answer of this name is blank; or, if it only calls a blank, which one that is."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    blank = frame.f_code.co_name
    if blank == name or "." in frame.f_code.co_qualname:  # a method is part of the answer
        return Complaint("is not written yet: fill in the blank.", "not-written")
    return Complaint(f"calls {blank}, which is not written yet: write that first.", "not-written")


def refusal(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """How an answer refuses what it is given: "a ValueError", say, or "no error"."""
    try:
        with torch.random.fork_rng(devices=[]):
            function(*args, **kwargs)
    except Exception as error:
        if isinstance(error, NotImplementedError) and str(error) in BLANKS:
            raise not_written(error, getattr(function, "__name__", "")) from error
        name = "ValueError" if isinstance(error, ValueError) else type(error).__name__
        return f"an {name}" if name[0] in "AEIOU" else f"a {name}"
    return "no error"


def fill(module: Any, weights: Mapping[str, Tensor]) -> Any:
    """Put weights into a module that an answer made, so that its initialisation plays no part."""
    if not isinstance(module, nn.Module):
        raise Complaint(f"makes a {type(module).__name__}, which is not an nn.Module")
    there = dict(module.named_parameters())
    for name, weight in weights.items():
        if name not in there:
            near = sorted(there) if len(there) < 9 else get_close_matches(name, there)
            has = f"It has {', '.join(near) or 'none at all'}"
            raise Complaint(
                f"has no parameter called {name}. {has}", cause=unregistered(module, name)
            )
        if there[name].shape != weight.shape:
            raise Complaint(
                f"makes {name} in the shape {tuple(there[name].shape)}, "
                f"and {tuple(weight.shape)} is right",
                cause="nn.Linear(a, b) takes vectors of a numbers, gives vectors of b, and keeps "
                "its weight as (b, a). Look at both sizes.",
            )
    extra = there.keys() - weights.keys()
    if extra:
        raise Complaint(f"has parameters that do not belong there: {', '.join(sorted(extra))}")
    with torch.no_grad():
        for name, weight in weights.items():
            there[name].copy_(weight)
    return module


def unregistered(module: nn.Module, name: str) -> str:
    """Why a module that an answer made has no parameter of a name."""
    held = [value for key, value in vars(module).items() if not key.startswith("_")]
    if any(isinstance(value, Tensor) for value in held):
        return "A plain tensor is not trained or saved with the module: make it an nn.Parameter."
    if any(isinstance(value, list | tuple | dict) for value in held):
        return (
            "PyTorch finds no parameters in a plain list: use one attribute each, or nn.ModuleList."
        )
    return f"Parameters are found by their names: keep this one as `self.{name.split('.')[0]}`."
