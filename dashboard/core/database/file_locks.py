"""Locks beside an SQLite file: one process writes at a time, and none uses the file while it is replaced.

SQLite locks by itself, but before version 3.51.3 it could damage a file when two processes wrote at the same instant
(https://sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from dashboard.core.files import locked, try_lock

_IN_USE = "in-use"


class Mark:
    """Says that this process uses the file, until it is closed or the process ends."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._path, self._file = path, path.open("ab")
        try_lock(self._file.fileno())  # nobody else knows the file

    def close(self) -> None:
        """Takes the mark away."""
        self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink()


@contextlib.contextmanager
def writer_lock(file: Path, wait_s: float) -> Iterator[None]:
    """Held while this process writes. Raises TimeoutError if another one holds it for too long, or OSError."""
    with locked(_beside(file, "writer"), wait_s):
        yield


def mark_in_use(file: Path, wait_s: float) -> Mark:
    """Marks the file as used. Raises TimeoutError while it is replaced, or OSError."""
    with locked(_beside(file, _IN_USE), wait_s):
        return Mark(_beside(file, f"{_IN_USE}.{os.getpid()}-{secrets.token_hex(4)}"))


@contextlib.contextmanager
def used_by_nobody(file: Path) -> Iterator[None]:
    """Keeps all processes from using the file. Raises TimeoutError if one does, or OSError."""
    with locked(_beside(file, _IN_USE), 0):
        for mark in file.parent.glob(f"{file.name}.{_IN_USE}.*"):
            with mark.open("ab") as opened:
                if not try_lock(opened.fileno()):
                    raise TimeoutError
            mark.unlink(missing_ok=True)  # its process has ended
        yield


def _beside(file: Path, what: str) -> Path:
    return file.with_name(f"{file.name}.{what}")
