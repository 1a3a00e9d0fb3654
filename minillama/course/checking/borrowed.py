"""An answer that has the package compute what it is to compute itself."""

import inspect
from typing import Any

from minillama.course.checking.check import Check, CheckResult
from minillama.system.callers import callers_of


def run_own(check: Check, answer: Any) -> CheckResult:
    """The verdict on an answer, which is not right if the package's own definition does its work.

    It counts only what the answer calls, under whatever name: a probe may make a model of the
    package's, which makes use of its own parts.
    """
    reference, is_class = check.reference, isinstance(check.reference, type)
    with callers_of(inspect.unwrap(reference.__init__ if is_class else reference).__code__) as by:
        verdict = check.run(answer)
    inherits = is_class and isinstance(answer, type) and issubclass(answer, reference)
    if not (inherits or answer is reference or {*by} - {"minillama"}):
        return verdict
    text = (
        f"{check.name} leaves the work to minillama's own {check.name}. That runs, but then it is "
    )
    text += "not yours: write the computation out here."
    return CheckResult(check.name, False, "borrowed", text)
