"""Ctrl-C held back while work runs that must not be left half done, and a limit on how long it may.

Signals only ever reach the main thread; elsewhere both of these let the block run as it is.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back while the block runs; if it was pressed, it takes effect at the end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
    if pressed and callable(before):
        before(*pressed[0])


class TooLong(BaseException):
    """A block was still running at its time limit. No `except Exception` in it catches this."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooLong in the block if it is still running after this time.

    Windows has no signal for this: there, only an interrupt (Ctrl-C, or ■ in a notebook) stops the
    block. An alarm that somebody else has set goes off after the block if its time has come.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return
    start, before = time.monotonic(), signal.signal(signal.SIGALRM, _stop)
    # Again and again, because a bare `except:` in a loop of the block would catch the first.
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, min(seconds, 5))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before if before is not None else signal.SIG_DFL)
        if left:
            left = max(left - (time.monotonic() - start), 0.001)
            signal.setitimer(signal.ITIMER_REAL, left, interval)


def _stop(number: int, frame: FrameType | None) -> None:
    raise TooLong
