"""Readable and portable names, atomic writes, locks and checksums."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
import re
import stat
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import ValidationError

from dashboard.core.errors import DashboardError

HOW_TO_DOWNLOAD = "Download it with another program, then name the file."
MOST_TEXT_BYTES = 16 * 2**20  # of a file of settings, names or a description
_URL_BEGINS = frozenset({"http:", "https:", "ftp:", "s3:", "gs:"})
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM}
_UNFINISHED = ".unfinished"  # ends the name of a file that is being written

_BLOCK_BYTES = 2**20
_TRIES, _PAUSE_S = 40, 0.025  # a second, to rename to a file that somebody reads
_POLL_S = 0.01  # between two tries to lock a file

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE)


def readable_name(name: str) -> str:
    """The name as text that can be stored. Bytes that are not UTF-8 become replacement characters."""
    return os.fsencode(name).decode("utf-8", "replace")


def url_in(path: Path) -> str:
    """The URL that was given as a path, which keeps one of its slashes (https:/host); "" if there is none."""
    at = next((i for i, part in enumerate(path.parts) if part.lower() in _URL_BEGINS), None)
    if at is None or Path(*path.parts[: at + 1]).exists():
        return ""
    return "//".join((path.parts[at], "/".join(path.parts[at + 1 :])))


def portable_name(name: str) -> str:
    """The name, changed where Windows or another system does not allow it for a file; "" if nothing is left."""
    name = _FORBIDDEN.sub("_", name).strip().rstrip(". ")
    return f"_{name}" if is_reserved(name) else name


def is_reserved(name: str) -> bool:
    """True if Windows takes the name for a device, such as `con` or `aux.txt`."""
    return _RESERVED.fullmatch(name) is not None


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder that are not hidden; none if it cannot be read.

    `Path.glob` takes several times longer, and every request needs them.
    """
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if not entry.name.startswith(".") and _is_folder(entry)]
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link whose target cannot be examined
        return False


def rename(new: Path, path: Path) -> None:
    """Renames `new` to `path` and replaces what is there. Raises OSError.

    Windows refuses that while somebody reads the file, so it is tried for a second.
    """
    for _ in range(_TRIES - 1):
        try:
            new.replace(path)
        except PermissionError:
            time.sleep(_PAUSE_S)
        else:
            return
    new.replace(path)


class NotAFileError(OSError):
    """There is a folder, a pipe or a device instead of a file."""


def check_regular(path: Path) -> None:
    """Raises NotAFileError if there is something else, which may be read without end, or another OSError."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        what = "A folder, not a file" if stat.S_ISDIR(mode) else "Not a regular file"
        raise NotAFileError(errno.EINVAL, what, str(path))


def check_no_folder(path: Path) -> None:
    """Raises NotAFileError if a folder is in the place of a file. Not every system says so when the file is replaced or removed."""
    if path.is_dir():
        check_regular(path)


def read_whole(path: Path, most_bytes: int = MOST_TEXT_BYTES) -> bytes:
    """The content of a small file. Raises OSError, also if it is larger than `most_bytes`."""
    check_regular(path)
    if path.stat().st_size > most_bytes:
        raise OSError(errno.EINVAL, f"Larger than {most_bytes // 2**20} MB", str(path))
    return path.read_bytes()


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def open_atomically(path: Path, make_folder: bool = True) -> Iterator[IO[bytes]]:
    """A new file beside `path`, to write and to read. At the end it is synced and renamed to `path`; after an error it is deleted.

    Raises OSError.

    Args:
        make_folder: make the folder if it is missing. False: a missing folder is a FileNotFoundError.
    """
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    check_no_folder(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_UNFINISHED)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        rename(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sync_files(folder: Path) -> None:
    """Writes all files of a folder to the disk, before the folder is renamed to where it is used. Raises OSError."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("r+b") as file:
                os.fsync(file.fileno())


class PlacedFile:
    """An open file that threads read and write at places of their own: Windows has no `os.pread`.

    It is closed when nothing refers to this object any more.
    """

    def __init__(self, file: int | Path, mode: Literal["rb", "r+b"] = "rb") -> None:
        """Opens a file, or takes its descriptor over. Raises OSError."""
        self._file = io.FileIO(file, mode)
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes. Raises OSError."""
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)

    def write(self, offset: int, data: bytes) -> None:
        """Writes all of `data`. Raises OSError."""
        with self._lock:
            self._file.seek(offset)
            while data:
                data = data[self._file.write(data) :]


def try_lock(file: int) -> bool:
    """Locks the open file until its descriptor is closed. False if another process has locked it. Raises OSError.

    On Windows, others cannot read the first byte of a locked file; they can read the rest.
    """
    from filelock import lock_descriptor  # here, because it takes 60 ms

    return lock_descriptor(file, blocking=False)


@contextmanager
def locked(path: Path, wait_s: float = math.inf) -> Iterator[None]:
    """Holds the lock on the file, which is created if it is missing. The system also releases it when the process ends.

    Raises:
        TimeoutError: others held the lock for `wait_s` seconds.
        OSError: the file cannot be created or locked.
    """
    if path.exists():
        check_regular(path)
    with path.open("ab") as file:
        until = time.monotonic() + wait_s
        while not try_lock(file.fileno()):
            if time.monotonic() >= until:
                raise TimeoutError
            time.sleep(_POLL_S)
        yield


def write_atomically(path: Path, data: bytes, make_folder: bool = True) -> None:
    """Writes a temporary file beside `path`, syncs it and renames it: readers see the old file or the new one."""
    with open_atomically(path, make_folder) as file:
        file.write(data)


def json_bytes(record: Any) -> bytes:
    """`record` as indented JSON."""
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


def write_json(path: Path, record: Any, make_folder: bool = True) -> None:
    """Writes `record` as indented JSON, atomically."""
    write_atomically(path, json_bytes(record), make_folder)


def remove_unfinished(folder: Path, older_than_s: float = 0) -> None:
    """Removes the files in `folder` that killed processes left half-written. Raises OSError.

    Args:
        older_than_s: leave files that were changed in the last seconds: another process may still write them.
    """
    for path in folder.glob(f".*{_UNFINISHED}"):
        if not older_than_s or time.time() - path.stat().st_mtime > older_than_s:
            path.unlink(missing_ok=True)


def disk_is_full(error: OSError) -> bool:
    """True if writing may succeed when there is space again."""
    return error.errno in _FULL


def is_full(error: OSError) -> bool:
    """True if there is no space, or the limit for the size of a file is reached."""
    return disk_is_full(error) or error.errno == errno.EFBIG


def how_to_write_again(error: OSError) -> str:
    """What the user can do after a failed write, as a sentence without its end."""
    if isinstance(error, NotAFileError | IsADirectoryError):
        return f"Remove {error.filename}, which should be a file"
    if error.errno == errno.ELOOP:
        return f"Remove {error.filename}, a link that leads to itself"
    if disk_is_full(error):
        return "Free some space (`python -m dashboard runs empty-bin` removes deleted evaluations for good)"
    if error.errno == errno.EFBIG:
        return "Raise the limit for the size of a file (`ulimit -f unlimited`), or use a file system without one"
    if error.errno == errno.EROFS:
        return "Mount the read-only file system for writing"
    if error.errno in _DENIED:
        return "Give the dashboard's user permission to write there"
    return "Check the path and the disk"


def how_to_write_there(error: OSError, other: str) -> str:
    """What the user can do after a failed write to a place that they named, in a sentence.

    Args:
        other: what they can name instead, such as "file".
    """
    if isinstance(error, NotAFileError):  # a folder of the user's own
        return f"Name another {other}."
    way_out = "Free some space there" if disk_is_full(error) else how_to_write_again(error)
    return f"{way_out}, or name another {other}."


def refused(error: OSError) -> DashboardError:
    """The error that tells what the operating system refused."""
    denied = isinstance(error, PermissionError)
    way_out = "Give this user permission to read and write there" if denied else how_to_write_again(error)
    what = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or error}."
    return DashboardError(what, f"{way_out}.", "permission" if denied else "system")


def first_fault(error: ValidationError) -> str:
    """The first fault in a JSON file: place and reason, in one line without a full stop."""
    fault = error.errors()[0]
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {fault['msg']}" if place else fault["msg"]
