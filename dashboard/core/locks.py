"""Locks on files, which processes hold against each other. The system releases a lock when its process ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.01

# filelock is imported in functions, because it takes 60 ms
# where locks are mandatory (Windows), others cannot read the first byte of a locked file, but the rest of it


def try_lock(file: int) -> bool:
    """Locks the open file until its descriptor is closed. False if somebody else has locked it. Raises OSError."""
    from filelock import lock_descriptor

    return lock_descriptor(file, blocking=False)


def take_lock(file: int, wait_s: float) -> None:
    """Locks the open file until its descriptor is closed. Raises TimeoutError if somebody else holds it too long, OSError."""
    until = time.monotonic() + wait_s
    while not try_lock(file):
        if time.monotonic() >= until:
            raise TimeoutError
        time.sleep(_POLL_S)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock on the file, which is created if it is missing. Waits for whoever holds it. Raises OSError."""
    from filelock import lock_descriptor

    with path.open("ab") as file:
        lock_descriptor(file.fileno(), poll_interval=_POLL_S)
        yield
