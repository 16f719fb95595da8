"""Ownership of a run: one process at a time works on it. Ownership ends with the process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from dashboard.core.errors import DatasetError

_FILE = "owner.lock"
_TRIES = 3  # retries, since `is_owned` takes the lock for a moment
_PAUSE_S = 0.02


class RunOwner:
    """The right to write to a run's folder. The operating system releases it when the process ends for any reason.

    It is a lock on a file (flock). A stored process id would not do: the id may be reused by another process.
    """

    def __init__(self, folder: Path) -> None:
        """Takes the lock. Raises DatasetError (`run_in_use`) if it is taken, OSError if the folder is missing."""
        self._file = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if not _lock(self._file):
            by = _pid_in(self._file)
            os.close(self._file)
            raise DatasetError(
                f"Run {folder.name} is being evaluated{f' by process {by}' if by else ''}.",
                "Wait until the evaluation has ended, or cancel it there.",
                "run_in_use",
            )
        with contextlib.suppress(OSError):  # the id is only for error messages; the disk may be full
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Releases the lock. May be called more than once."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def is_owned(folder: Path) -> bool:
    """True while some process, perhaps this one, works on the run."""
    try:
        file = os.open(folder / _FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _lock(file: int) -> bool:
    for _ in range(_TRIES):
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_PAUSE_S)
    return False


def _pid_in(file: int) -> str:
    text = os.pread(file, 20, 0).decode("ascii", "replace").strip()
    return text if text.isdecimal() else ""
