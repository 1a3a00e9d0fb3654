"""A lock on a run folder. The operating system holds it, so it is released even by a kill."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from minillama.system.files import WriteError, writing

LOCK = "lock"
PATIENCE = 0.2  # seconds to wait for someone who only looks whether the lock is taken


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run folder, which is made if need be, for this process.

    Raises BlockingIOError if another training holds it, WriteError if locking is not possible.
    """
    path = folder / LOCK
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with writing(path):
        path.open("a").close()
    lock = FileLock(path, thread_local=False)  # a training may be closed by another thread
    try:
        lock.acquire(timeout=PATIENCE, poll_interval=0.02)
    except Timeout as error:
        raise BlockingIOError(
            f"another training is running in {folder}; wait for it to end, or choose another folder"
        ) from error
    except OSError as error:
        raise WriteError(
            f"cannot lock {path} against a second training: {error.strerror}; "
            "choose a folder on another disk"
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Whether a training is going on in this folder, in whatever process."""
    if not (folder / LOCK).is_file():
        return False
    try:
        # filelock only tells whether this process holds a lock, so take it for a moment.
        with FileLock(folder / LOCK, timeout=0, thread_local=False):
            return False
    except Timeout:
        return True
    except OSError:
        return False
