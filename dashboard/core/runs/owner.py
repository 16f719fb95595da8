"""Ownership of a run: one process at a time works on it. Ownership ends with the process."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from dashboard.core.errors import DatasetError
from dashboard.core.files import check_regular, try_lock

_FILE = "owner.lock"
_TRIES = 4  # retries, since `is_owned` takes the lock for a moment
_PAUSE_S = 0.01
_PID_AT = 1  # Windows does not let others read the first byte of a locked file
_PID = b"process "


class RunOwner:
    """The right to write to a run's folder. The operating system releases it when the process ends for any reason.

    It is a lock on a file. A stored process id would not do: the id may be reused by another process.
    """

    def __init__(self, folder: Path) -> None:
        """Takes the lock. Raises DatasetError (`run_in_use`) if it is taken, OSError if the folder is missing or the file is none."""
        if (folder / _FILE).exists():
            check_regular(folder / _FILE)
        self._file = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT, 0o644)
        if not _lock(self._file):
            by = _pid_in(self._file)
            os.close(self._file)
            raise DatasetError(
                f"The evaluation {folder.name} is under way{f' in process {by}' if by else ''}.",
                "Wait until it has ended, or cancel it there.",
                "run_in_use",
            )
        with contextlib.suppress(OSError):  # the id is only for error messages; the disk may be full
            os.ftruncate(self._file, 0)
            os.lseek(self._file, _PID_AT, os.SEEK_SET)
            os.write(self._file, _PID + str(os.getpid()).encode())

    def release(self) -> None:
        """Releases the lock. May be called more than once."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def is_owned(folder: Path) -> bool:
    """True while some process, perhaps this one, works on the run."""
    try:
        check_regular(folder / _FILE)
        file = os.open(folder / _FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _lock(file)
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    for number in range(_TRIES):
        time.sleep(_PAUSE_S if number else 0)
        with contextlib.suppress(OSError):
            if try_lock(file):
                return True
    return False


def _pid_in(file: int) -> str:
    try:
        os.lseek(file, _PID_AT, os.SEEK_SET)
        start, _, pid = os.read(file, 40).partition(_PID)
    except OSError:
        return ""
    return pid.decode() if pid.isdigit() and not start else ""
