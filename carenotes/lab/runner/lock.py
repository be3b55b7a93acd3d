"""One run at a time on a machine: two would measure each other. The lock goes with its process, however that ends."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carenotes.errors import Refused

NAME = "carenotes.lock"
_HELD = "CARENOTES_LOCK_HELD"  # set for the kernels of a run, whose parent holds the lock


@contextmanager
def alone_on_this_machine() -> Iterator[None]:
    """Hold the lock. Raises Refused when another run holds it; does nothing inside of a run that holds it already."""
    if _HELD in os.environ:
        yield
        return
    handle = _open(Path(tempfile.gettempdir()) / NAME)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                "another run is measuring on this machine; let it end: two would measure each other"
            ) from None
        os.environ[_HELD] = "1"
        try:
            yield
        finally:
            del os.environ[_HELD]
    finally:
        os.close(handle)


def _open(file: Path) -> int:
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # it is somebody else's, and a lock needs no more than reading
        return os.open(file, os.O_RDONLY)
