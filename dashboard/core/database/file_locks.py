"""Locks beside an SQLite file: one process writes at a time, and none uses the file while it is replaced.

SQLite locks by itself, but before version 3.51.3 it could damage a file when two processes wrote at the same instant
(https://sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_EACH_S = 0.01  # how often a lock that another process holds is tried


@contextmanager
def writer_lock(file: Path, wait_s: float) -> Iterator[None]:
    """Held while this process writes. Raises TimeoutError if another one holds it for too long, or OSError."""
    with _beside(file, "writer").open("ab") as lock:
        _take(lock, fcntl.LOCK_EX, wait_s)
        yield  # closing the file gives the lock back


def mark_in_use(file: Path, wait_s: float) -> IO[bytes]:
    """Says that this process uses the file, until the result is closed. Raises TimeoutError or OSError."""
    mark = _beside(file, "in-use").open("ab")
    try:
        _take(mark, fcntl.LOCK_SH, wait_s)
    except BaseException:
        mark.close()
        raise
    return mark


@contextmanager
def used_by_nobody(file: Path) -> Iterator[None]:
    """Keeps all processes from using the file. Raises TimeoutError if one does, or OSError."""
    with _beside(file, "in-use").open("ab") as mark:
        _take(mark, fcntl.LOCK_EX, 0)
        yield


def _beside(file: Path, what: str) -> Path:
    return file.with_name(f"{file.name}.{what}")


def _take(lock: IO[bytes], kind: int, wait_s: float) -> None:
    until = time.monotonic() + wait_s
    while True:
        try:
            return fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise TimeoutError from None
        time.sleep(_EACH_S)
