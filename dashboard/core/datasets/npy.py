"""Reads arrays from .npy and .npz files. The header is checked before any data are read.

Source of the format: numpy.lib.format, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import os
import struct
import threading
import weakref
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np

from dashboard.core.datasets.image_files import is_junk
from dashboard.core.datasets.zip_files import open_zip
from dashboard.core.errors import DatasetError
from dashboard.core.parsing import parsing, reason

MAGIC = b"\x93NUMPY"
MAX_BY_COLUMNS_BYTES = 2**28  # of an array that is stored column by column: its rows are scattered, so it is read whole
_BLOCK_BYTES = 2**20
_LENGTHS_AT = 26  # in a member's local header: two bytes each for the length of its name and of its extra field
_SAVE_AGAIN = "Save it again with np.save or np.savez, from a plain array."


@dataclass(frozen=True)
class ArrayHeader:
    """The properties of an array according to its header."""

    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int  # where the data begin in the file
    by_columns: bool = False  # stored in Fortran order

    @property
    def row_bytes(self) -> int:
        """Bytes of one entry along the first axis."""
        return int(np.prod(self.shape[1:], dtype=object)) * self.dtype.itemsize


class StoredArray:
    """An array on disk. Rows are read on request; of an array stored by columns, all at the first one. Thread-safe."""

    def __init__(self, name: str, file: IO[bytes], header: ArrayHeader) -> None:
        """Takes an opened file and closes it when the array is no longer used.

        Args:
            name: name of the array in messages.
        """
        self.name, self._file, self.header = name, file, header
        weakref.finalize(self, file.close)
        self._lock = threading.Lock()
        self._whole: np.ndarray | None = None  # an array stored by columns, once it is read

    def __len__(self) -> int:
        return self.header.shape[0]

    def rows(self, start: int, count: int) -> np.ndarray:
        """Rows [start, start + count). Raises OSError when they cannot be read."""
        count = max(0, min(count, len(self) - start))
        header = self.header
        with self._lock:
            if not header.by_columns:
                return self._read(start, count).reshape(count, *header.shape[1:])
            if self._whole is None:
                self._whole = np.ascontiguousarray(self._read(0, len(self)).reshape(header.shape, order="F"))
                self._whole.flags.writeable = False
            return self._whole[start : start + count]

    def _read(self, start: int, count: int) -> np.ndarray:
        """As many numbers as `count` rows have, in the order of the file."""
        header = self.header
        with parsing(lambda error: OSError(f"{self.name} is damaged: {reason(error)}")):
            self._file.seek(header.offset + start * header.row_bytes)
            data = self._file.read(count * header.row_bytes)
        if len(data) != count * header.row_bytes:
            raise OSError(f"{self.name} ends too early")
        return np.frombuffer(data, header.dtype)

    def pieces(self, rows: int) -> Iterator[np.ndarray]:
        """All rows, in pieces of `rows` rows. Raises OSError."""
        for start in range(0, len(self), rows):
            yield self.rows(start, rows)


def open_npy(path: Path) -> StoredArray:
    """The array of an .npy file. Raises DatasetError."""
    return _stored(path.name, path.open("rb"), path.stat().st_size)


def open_npz(path: Path) -> dict[str, StoredArray]:
    """The arrays of an .npz file by key; single numbers are left out. Raises DatasetError.

    Uncompressed arrays are read in place. A compressed array is unpacked up to the requested row, so read it from
    front to back.
    """
    archive = open_zip(path)
    arrays: dict[str, StoredArray] = {}
    single: DatasetError | None = None
    members = array_members(archive)
    for key, member in zip(keys_of([member.filename for member in members]), members, strict=True):
        try:
            arrays[key] = _member(archive, member, path)
        except DatasetError as error:
            if error.code != "array_scalar":
                raise
            single = error
    if single and not arrays:
        raise single
    return arrays


def array_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The members with the suffix .npy."""
    return [m for m in archive.infolist() if m.filename.endswith(".npy") and not is_junk(m.filename)]


def keys_of(names: Sequence[str]) -> list[str]:
    """What the arrays in these files are called: the names without the suffix, and without a folder that holds all."""
    folders = [PurePosixPath(name).parent.parts for name in names]
    common = 0
    while folders and all(len(each) > common and each[common] == folders[0][common] for each in folders):
        common += 1
    within = ["/".join(PurePosixPath(name).parts[common:]) for name in names]
    return [name[: -len(".npy")] if name.lower().endswith(".npy") else name for name in within]


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> StoredArray:
    name = f"{path.name}: {member.filename.removesuffix('.npy')}"
    with parsing(lambda error: _damaged(name, error)):
        with archive.open(member) as file:  # zipfile checks the CRC only when a member is read to its end
            while file.read(_BLOCK_BYTES):
                pass
        if member.compress_type != zipfile.ZIP_STORED:
            return _stored(name, archive.open(member), member.file_size)
        plain = path.open("rb")
        plain.seek(member.header_offset + _LENGTHS_AT)
        name_bytes, extra_bytes = struct.unpack("<HH", plain.read(4))
        start = plain.seek(name_bytes + extra_bytes, os.SEEK_CUR)
        return _stored(name, plain, start + member.file_size)


def _damaged(name: str, error: Exception) -> DatasetError:
    return DatasetError(f"{name} is damaged: {reason(error)}.", "Upload or copy it again.", "array_damaged")


def _stored(name: str, file: IO[bytes], end: int) -> StoredArray:
    """Raises DatasetError when the file holds no plain array, or its length contradicts the header.

    Args:
        name: name of the array in messages.
        file: opened file, positioned at the beginning of the array.
        end: position in the file where the array ends.
    """
    try:
        return StoredArray(name, file, _checked_header(file, name, end))
    except BaseException:
        file.close()
        raise


def read_header(file: IO[bytes]) -> ArrayHeader:
    """The header at the place of an opened file, unchecked. May raise any exception."""
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"version {version} of the format is not supported")
    try:
        shape, fortran_order, dtype = readers[version](file)
    except Exception as error:  # NumPy parses it as Python source, and its messages speak of that
        raise ValueError("its header is damaged") from error
    return ArrayHeader(shape, dtype, file.tell(), fortran_order and len(shape) > 1)


def _checked_header(file: IO[bytes], name: str, end: int) -> ArrayHeader:
    with parsing(lambda e: DatasetError(f"{name} is not a NumPy array: {reason(e)}.", _SAVE_AGAIN, "array_damaged")):
        header = read_header(file)
    shape, dtype = header.shape, header.dtype
    if not shape:
        raise DatasetError(f"{name} is a single value, not an array of images or labels.", _SAVE_AGAIN, "array_scalar")
    if dtype.hasobject or dtype.kind not in "biufSU":
        raise DatasetError(
            f"{name} holds Python objects or records ({dtype}), which are not read because they can run code.",
            _SAVE_AGAIN, "array_objects",
        )  # fmt: skip
    claimed, there = header.row_bytes * shape[0], end - header.offset
    if claimed != there or min(shape) < 0:
        raise DatasetError(
            f"{name}: the header says {shape} {dtype}, {claimed:,} bytes, but the data have {there:,} bytes.",
            "Copy or save it again.", "array_size",
        )  # fmt: skip
    if header.by_columns and claimed > MAX_BY_COLUMNS_BYTES:
        raise DatasetError(
            f"{name} is stored column by column (Fortran order). Such an array is read as a whole, so it may have "
            f"{MAX_BY_COLUMNS_BYTES // 2**20} MB; this one has {claimed / 2**20:,.0f} MB.",
            "Save np.ascontiguousarray(x).", "array_order",
        )  # fmt: skip
    return header
