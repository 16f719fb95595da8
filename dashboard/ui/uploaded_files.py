"""Keeps uploads on disk instead of in the server's memory, where Streamlit keeps them as long as a session lasts.

Streamlit's own handler still checks the request and its size, and Starlette writes the body into a temporary file. Only
the last step differs: Streamlit would read that file into memory, and gets an `OnDisk` instead. The temporary files have
no names, so the system deletes them when nobody uses them any more: after the upload is removed, after a client that
leaves in the middle, and after the end of the server, whatever ended it.
"""

from __future__ import annotations

import io
import logging
import os
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any

import starlette.formparsers
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard.core.datasets.uploads import not_stored
from dashboard.core.files import PlacedFile

_PATH = "/_stcore/upload_file/"
_OWN_FILE_BYTES = 16 * 2**20  # smaller uploads share files, since a process may open only about a thousand
_is_upload: ContextVar[bool] = ContextVar("is_upload", default=False)  # of Streamlit; other routes read as ever

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]


class UploadsOnDisk:
    """ASGI middleware: what is uploaded through Streamlit is kept in files without names in a folder."""

    def __init__(self, app: Application, folder: Path) -> None:
        self._app = app
        self._folder = folder
        starlette.formparsers.UploadFile = _StreamlitUpload  # type: ignore[misc,attr-defined]
        starlette.formparsers.SpooledTemporaryFile = self._spooled  # type: ignore[attr-defined,assignment]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Passes the request on."""
        _is_upload.set(scope["type"] == "http" and _PATH in scope["path"])
        await self._app(scope, receive, send)

    def _spooled(self, max_size: int) -> IO[bytes]:
        return _Spooled(max_size, self._folder) if _is_upload.get() else tempfile.SpooledTemporaryFile(max_size)


class _Spooled(tempfile.SpooledTemporaryFile):  # type: ignore[type-arg]
    """In memory up to `max_size` bytes, then in a file without a name in `folder`, which is made if it is missing."""

    def __init__(self, max_size: int, folder: Path) -> None:
        super().__init__(max_size, dir=str(folder))
        self._folder = folder

    def rollover(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        super().rollover()


class _StreamlitUpload(UploadFile):
    """An upload that is received to its end also if it cannot be stored: only the page can tell the user why."""

    _fault: OSError | None = None

    async def write(self, data: bytes) -> None:
        with self._noting_faults():
            if not self._fault:
                await super().write(data)

    async def seek(self, offset: int) -> None:
        with self._noting_faults():
            if not self._fault:
                await super().seek(offset)

    async def read(self, size: int = -1) -> bytes:
        if size >= 0 or not _is_upload.get():
            return await super().read(size)
        with self._noting_faults():
            if not self._fault:
                return await run_in_threadpool(_kept, self.file)
        assert self._fault
        return NotStored(self._fault)

    @contextmanager
    def _noting_faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not _is_upload.get():
                raise
            self._fault = error
            logging.getLogger(__name__).warning("The upload %r could not be stored: %s", self.filename, error)
            with suppress(OSError):  # it tries once more to write what it has in memory
                self.file.close()


class NotStored(bytes):
    """Stands for an upload that could not be stored, and has no bytes."""

    fault: OSError

    def __new__(cls, fault: OSError) -> NotStored:
        """An upload that the system refused to store with this error."""
        self = super().__new__(cls)
        self.fault = fault
        return self


class OnDisk(bytes):
    """Stands for the bytes of an upload that are on disk. `len` is their number, but there are none in it."""

    _file: PlacedFile
    _start: int
    _size: int

    def __new__(cls, file: PlacedFile, start: int, size: int) -> OnDisk:
        """The bytes [start, start + size) of a file."""
        self = super().__new__(cls)
        self._file, self._start, self._size = file, start, size
        return self

    def __len__(self) -> int:
        return self._size

    def open(self) -> IO[bytes]:
        """The bytes as a file of its own."""
        return io.BufferedReader(_Part(self._file, self._start, self._size))


class _Part(io.RawIOBase):
    def __init__(self, file: PlacedFile, start: int, size: int) -> None:
        self._file, self._start, self._size, self._position = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        wanted = max(0, min(len(buffer), self._size - self._position))
        data = self._file.read(self._start + self._position, wanted)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


_shared: tuple[PlacedFile, int] | None = None  # the file that small uploads are added to, and its size
_lock = threading.Lock()


def _kept(file: Any) -> OnDisk:
    """Keeps what Starlette wrote into a temporary file, which may be in memory as long as it is small."""
    global _shared
    size = file.seek(0, os.SEEK_END)
    if size > _OWN_FILE_BYTES:
        file.flush()
        return OnDisk(PlacedFile(os.dup(file.fileno()), "r+b"), 0, size)
    file.seek(0)
    data = file.read()
    with _lock:
        if _shared is None or _shared[1] > _OWN_FILE_BYTES:
            file.rollover()  # this file becomes the shared one
            file.flush()
            target, start = PlacedFile(os.dup(file.fileno()), "r+b"), 0
        else:
            target, start = _shared
            target.write(start, data)
        _shared = (target, start + size)
    return OnDisk(target, start, size)


def opened(upload: UploadedFile) -> IO[bytes]:
    """The content of an upload as a file. Never use the methods of `upload` itself: it may be empty.

    Raises:
        DatasetError: it could not be stored.
    """
    context = get_script_run_ctx()
    records = context.uploaded_file_mgr.get_files(context.session_id, [upload.file_id]) if context else []
    data = records[0].data if records else b""
    if isinstance(data, NotStored):
        raise not_stored(upload.name, data.fault) from data.fault
    return data.open() if isinstance(data, OnDisk) else upload


def content_of(upload: UploadedFile) -> bytes:
    """The content of a small upload. Raises DatasetError if it could not be stored."""
    file = opened(upload)
    file.seek(0)
    return file.read()


def forget(upload: UploadedFile) -> None:
    """Frees an upload, which Streamlit would keep until the session ends."""
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, upload.file_id)
