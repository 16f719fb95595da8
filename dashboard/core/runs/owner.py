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
_PID, _PAUSED = b"process ", b" paused: "
_LONGEST = 4000  # bytes of the file that are read


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
            by, _ = _told_in(self._file)
            os.close(self._file)
            raise DatasetError(
                f"The evaluation {folder.name} is under way{f' in process {by}' if by else ''}.",
                "Wait until it has ended, or cancel it there.",
                "run_in_use",
            )
        try:
            self._tell(b"")
        except OSError:  # the id is only for messages
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, 0)  # what is there names another process

    def tell_paused(self, why: str) -> None:
        """Tells other processes that work on the run waits, or with "", that it goes on. Without success if the disk does not allow it."""
        with contextlib.suppress(OSError):
            self._tell(_PAUSED + " ".join(why.split()).encode(errors="replace") if why else b"")

    def _tell(self, more: bytes) -> None:
        text = (_PID + str(os.getpid()).encode() + more)[:_LONGEST]
        os.lseek(self._file, _PID_AT, os.SEEK_SET)
        os.write(self._file, text)  # over what is there, which needs no space on a full disk
        os.ftruncate(self._file, _PID_AT + len(text))

    def release(self) -> None:
        """Releases the lock. May be called more than once."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def is_owned(folder: Path) -> bool:
    """True while some process, perhaps this one, works on the run."""
    return why_paused(folder) is not None


def why_paused(folder: Path) -> str | None:
    """Why the process that works on the run waits, see `RunOwner.tell_paused`; "" if it does not; None if none works on it."""
    try:
        check_regular(folder / _FILE)
        file = os.open(folder / _FILE, os.O_RDONLY)
    except OSError:
        return None
    try:
        return None if _lock(file) else _told_in(file)[1]
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    for number in range(_TRIES):
        time.sleep(_PAUSE_S if number else 0)
        with contextlib.suppress(OSError):
            if try_lock(file):
                return True
    return False


def _told_in(file: int) -> tuple[str, str]:
    """The id of the process, and why it waits; each "" if not known."""
    try:
        os.lseek(file, _PID_AT, os.SEEK_SET)
        start, _, told = os.read(file, _LONGEST).partition(_PID)
    except OSError:
        return "", ""
    pid, _, why = told.partition(_PAUSED)
    return (pid.decode(), why.decode(errors="replace")) if pid.isdigit() and not start else ("", "")
