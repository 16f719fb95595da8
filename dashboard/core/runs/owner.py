"""A lock on a run: one process at a time works on it, and the lock ends with that process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from dashboard.core.errors import DatasetError

_FILE = "owner.lock"
_TRIES = 3  # `is_owned` takes the lock for a moment
_PAUSE_S = 0.02


class RunOwner:
    """The right to write to a run's folder. The system releases it when the process ends, also when it is killed.

    It is a lock on a file (flock): a stored process id could belong to another process later.
    """

    def __init__(self, folder: Path) -> None:
        """Raises DatasetError with the code `run_in_use` if another owner has it, and OSError if there is no such folder."""
        self._file = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if not _lock(self._file):
            by = _pid_in(self._file)
            os.close(self._file)
            raise DatasetError(
                f"Run {folder.name} is being evaluated{f' by process {by}' if by else ''}.",
                "Wait until it has ended, or cancel it there.",
                "run_in_use",
            )
        with contextlib.suppress(OSError):  # only for people; the disk may be full
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Releases the lock. May be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def is_owned(folder: Path) -> bool:
    """True if some process, perhaps this one, works on the run."""
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
