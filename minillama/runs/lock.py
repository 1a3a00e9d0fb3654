"""A lock on a run folder, held by the operating system: nobody forgets to give it back."""

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minillama.system.files import WriteError, writing

LOCK = "lock"
HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}  # what systems say of a lock that is taken
PATIENCE = (0.02, 0.05, 0.1)  # seconds between attempts


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run folder for this process; the system lets go of it when the process ends.

    Raises BlockingIOError where another training holds it, WriteError where nobody could.
    """
    with writing(folder / LOCK):
        file = (folder / LOCK).open("a", encoding="utf-8")
    with file:
        try:
            _lock_patiently(file.fileno())
        except OSError as error:
            if error.errno not in HELD:
                raise WriteError(
                    f"cannot lock {folder / LOCK} against a second training: {error.strerror}; "
                    "choose a folder on another disk"
                ) from error
            raise BlockingIOError(
                f"another training is running in {folder}; "
                "wait for it to end, or choose another folder"
            ) from error
        yield


def is_locked(folder: Path) -> bool:
    """Whether a training is going on in this folder, in whatever process."""
    try:
        file = (folder / LOCK).open("r+", encoding="utf-8")
    except OSError:
        return False
    with file:
        try:
            _lock(file.fileno())  # given back as the file is closed
        except OSError as error:
            return error.errno in HELD
    return False


def _lock_patiently(descriptor: int) -> None:
    """Take the lock, also where somebody is just looking whether it is held."""
    for seconds in PATIENCE:
        try:
            return _lock(descriptor)
        except OSError as error:
            if error.errno not in HELD:
                raise
        time.sleep(seconds)
    _lock(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
