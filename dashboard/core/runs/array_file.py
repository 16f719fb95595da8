"""An array in a `.npy` file of a run, of which only the rows that are asked for are read.

Behind the array, where other readers do not look, stands a checksum of each row. So rows can be written one by one.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.core.datasets.npy import ArrayHeader, read_header
from dashboard.core.errors import DatasetError
from dashboard.core.files import check_regular
from dashboard.core.runs.rows import reading

CHECKSUM = np.dtype("<u4")
_BLOCK_BYTES = 2**20


class ArrayFile:
    """The array (N, ...) in a file. It takes the place of a NumPy array where rows are read.

    The file is not mapped into memory: if somebody copied another one over it, the process would die (SIGBUS). It is
    open only while rows are read.
    """

    def __init__(self, path: Path, shape: Sequence[int | None], dtype: type, complete: bool = True) -> None:
        """Reads what the file says of the array.

        Args:
            shape: the shape that it must have; None: any length.
            complete: nobody writes to the file any more, so all checksums are compared: once, and again when the file has
                changed. Files of earlier versions have none.

        Raises:
            OSError: the file is missing, damaged, or holds another array.
        """
        check_regular(path)
        self._path = path
        with reading(path), path.open("rb") as file:
            self.header = read_header(file)
        self.shape, self.dtype = self.header.shape, self.header.dtype
        fits = (
            self.dtype == dtype
            and len(self.shape) == len(shape)
            and not self.header.by_columns
            and min(self.shape) >= 0
            and all(wanted in (None, length) for wanted, length in zip(shape, self.shape, strict=True))
        )
        if not fits:
            raise OSError(f"{path.name} holds another array than expected")
        state = path.stat()
        behind = state.st_size - self.header.offset - len(self) * self.header.row_bytes
        if behind < 0:
            raise OSError(f"{path.name} is cut off")
        if behind not in (0, len(self) * CHECKSUM.itemsize):
            raise OSError(f"{path.name} has another size than expected")
        self.has_checksums = behind > 0
        if complete and self.has_checksums:
            _check(path, self.header, state.st_ino, state.st_mtime_ns, state.st_size)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype)

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        """Reads one row, or rows in the given order. Raises IndexError, and DatasetError if the file was changed."""
        header, wanted = self.header, np.arange(len(self))[rows]
        indices = np.atleast_1d(wanted)
        found = np.empty((len(indices), *self.shape[1:]), self.dtype)
        one_after_another = np.split(np.arange(len(indices)), np.flatnonzero(np.diff(indices) != 1) + 1)
        try:
            with self._path.open("rb", buffering=0) as file:
                for places in filter(len, one_after_another):
                    file.seek(header.offset + int(indices[places[0]]) * header.row_bytes)
                    piece = file.read(len(places) * header.row_bytes)
                    found[places] = np.frombuffer(piece, self.dtype).reshape(len(places), *self.shape[1:])
        except (OSError, ValueError) as error:  # ValueError: it is shorter now
            raise DatasetError(
                f"{self._path.name} of the evaluation was removed or changed while it was read.", "Load the page again.",
                "run_unreadable",
            ) from error  # fmt: skip
        return found if wanted.ndim else found[0]


def file_header(shape: tuple[int, ...], dtype: type) -> bytes:
    """What stands in the file before the array."""
    out = io.BytesIO()
    fields = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, fields)
    return out.getvalue()


def file_content(array: np.ndarray) -> bytes:
    """The content of the file of an array (N, ...)."""
    header, array = file_header(array.shape, array.dtype.type), np.ascontiguousarray(array)
    return b"".join((header, array.data, checksums(header, array).data))


def checksums(header: bytes, rows: np.ndarray) -> np.ndarray:
    """The checksums of rows (M, ...), as (M,) uint32: each is the CRC-32 of the header and the row."""
    begun = zlib.crc32(header)
    return np.array([zlib.crc32(row, begun) for row in np.ascontiguousarray(rows)], CHECKSUM)


@lru_cache(2**16)
def _check(path: Path, header: ArrayHeader, *state: int) -> None:
    """Raises OSError unless the file, which is in this state, has the right checksum of each row."""
    n, at_once = header.shape[0], max(1, _BLOCK_BYTES // max(1, header.row_bytes))
    with path.open("rb") as file:
        begin = file.read(header.offset)
        file.seek(header.offset + n * header.row_bytes)
        stored = np.frombuffer(file.read(), CHECKSUM)
        file.seek(header.offset)
        for first in range(0, n, at_once):
            expected = stored[first : first + at_once]
            data = np.frombuffer(file.read(len(expected) * header.row_bytes), np.uint8)
            if not np.array_equal(checksums(begin, data.reshape(len(expected), header.row_bytes)), expected):
                raise OSError(f"{path.name}: its checksum does not match")
