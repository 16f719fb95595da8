"""Readable and portable names, atomic writes, locks, checksums, and JSON from files."""

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
import unicodedata
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from pydantic import ValidationError

from dashboard.core.errors import DashboardError

NO_LABEL_FOLDER = "no label"
LABELS_MEMBER = "labels.json"
HOW_TO_DOWNLOAD = "Download it with another program, then name the file."
MOST_TEXT_BYTES = 16 * 2**20  # of a file of settings, names or a description
_URL_BEGINS = frozenset({"http:", "https:", "ftp:", "s3:", "gs:"})
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM}
_UNFINISHED = ".unfinished"  # ends the name of a file that is being written

_BLOCK_BYTES = 2**20
_LONGEST_STEM = 200  # bytes; most systems allow 255 for the whole name
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


def free_member(label: str, file: str, number: int, taken: set[str]) -> str:
    """A name LABEL/NAME for an image in a ZIP. Every system can unpack it, and no other image has it.

    Args:
        file: the path of the image, of which the last part is NAME.
        number: the first of the numbers that are tried if NAME is taken.
        taken: the other names as Windows and macOS compare them, without regard to case. The new one is added.
    """
    folder = _portable_folder(label)
    name = PurePosixPath(portable_name(file.rpartition("/")[2]) or "image")
    stem = name.stem.encode("utf-8", "ignore")[:_LONGEST_STEM].decode("utf-8", "ignore")
    suffix = name.suffix or ".png"
    member = f"{folder}/{stem}{suffix}"
    while (key := _compared(member)) in taken:
        member = f"{folder}/{stem}-{number}{suffix}"
        number += 1
    taken.add(key)
    return member


class LabelFolders:
    """The folders of a ZIP with one for each label. No two labels share one, on no system.

    Where a folder cannot be called like its label, `labels` tells what the ZIP has to say besides.
    """

    def __init__(self) -> None:
        self._folders: dict[str | None, str] = {}
        self._taken: set[str] = set()
        self._members: set[str] = set()
        self._label_of: dict[str, str | None] = {}

    def member(self, label: str | None, file: str, number: int) -> str:
        """The name of an image in the ZIP, see `free_member`. Images without a label have a folder of their own."""
        if label not in self._folders:
            called = name = _portable_folder(NO_LABEL_FOLDER if label is None else label)
            count = 1
            while (key := _compared(name)) in self._taken:
                count += 1
                name = f"{called}-{count}"
            self._taken.add(key)
            self._folders[label] = name
        member = free_member(self._folders[label], file, number, self._members)
        self._label_of[member] = label
        return member

    @property
    def labels(self) -> bytes | None:
        """The content of LABELS_MEMBER, with which the ZIP is a dataset with the same labels; None if it needs none."""
        if all(name == (NO_LABEL_FOLDER if label is None else label) for label, name in self._folders.items()):
            return None
        return json.dumps(self._label_of, ensure_ascii=False, indent=2).encode()


def _portable_folder(label: str) -> str:
    return portable_name(label).lstrip(". ") or "_"


def _compared(name: str) -> str:
    """The name as Windows and macOS compare it."""
    return unicodedata.normalize("NFC", name).casefold()


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


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises ValueError for anything else, also for one that is nested too deeply or gives a key two values.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if key := key_of_two_values(value, pairs):
        raise key_with_two_values(key)
    return value


def key_with_two_values(key: str) -> ValueError:
    """The error for a JSON text that gives a key of one object two values, of which only one would count."""
    return ValueError(f"it gives the key {key[:80]!r} two values")


def key_of_two_values(value: Mapping[str, Any], pairs: Sequence[tuple[str, Any]]) -> str:
    """The first key to which the pairs of a JSON object give another value than `value` does; "" if there is none."""
    if len(value) == len(pairs):
        return ""
    return next((key for key, each in pairs if value[key] != each), "")


def disk_is_full(error: OSError) -> bool:
    """True if writing may succeed when there is space again."""
    return error.errno in _FULL


def is_full(error: OSError) -> bool:
    """True if there is no space, or the limit for the size of a file is reached."""
    return disk_is_full(error) or error.errno == errno.EFBIG


def how_to_write_again(error: OSError) -> str:
    """What the user can do after a failed write, as a sentence without its end."""
    if isinstance(error, NotAFileError):
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
