"""The thumbnails of a run, in one array beside its rows. They remain when the dataset is deleted."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np

from dashboard.core.files import open_atomically
from dashboard.core.runs.array_file import CHECKSUM, ArrayFile, checksums, file_header

MOST_BYTES = 2**30  # a run that needs more keeps no thumbnails


class ThumbnailFile:
    """A `.npy` file (N, height, width, 3) uint8. Its thumbnails can be written in any order."""

    def __init__(self, path: Path, n: int, shape: tuple[int, int], new: bool = True) -> None:
        """Opens the file.

        Args:
            new: make the file in its full size, filled with zeros, if it is missing or damaged.

        Raises:
            OSError: the file cannot be made; or it is missing or damaged, and `new` is False.
        """
        whole = (n, *shape, 3)
        try:
            array = ArrayFile(path, whole, np.uint8, complete=False)
        except OSError:
            if not new:
                raise
            _make(path, whole)
            array = ArrayFile(path, whole, np.uint8, complete=False)
        self._path, self._array = path, array

    def write(self, indices: np.ndarray, thumbnails: np.ndarray) -> None:
        """Writes thumbnails (M, height, width, 3) uint8 at their indices (M,), and their checksums. Raises OSError."""
        array, header = self._array, self._array.header
        checksums_at = header.offset + len(array) * header.row_bytes
        with self._path.open("r+b", buffering=0) as file:
            begin = file.read(header.offset)
            breaks = np.flatnonzero(np.diff(indices) != 1) + 1
            for places, images in zip(np.split(indices, breaks), np.split(thumbnails, breaks), strict=True):
                if len(places):
                    first = int(places[0])
                    _write_all(file, images.tobytes(), header.offset + first * header.row_bytes)
                    if array.has_checksums:
                        found = checksums(begin, images)
                        _write_all(file, found.tobytes(), checksums_at + first * CHECKSUM.itemsize)


def _make(path: Path, shape: tuple[int, ...]) -> None:
    """Makes a file of zeros, which need no space on most file systems until they are written. Raises OSError."""
    header, black = file_header(shape, np.uint8), np.zeros((1, *shape[1:]), np.uint8)
    with open_atomically(path, make_folder=False) as file:
        file.write(header)
        file.seek(int(np.prod(shape, dtype=np.int64)), os.SEEK_CUR)
        file.write(checksums(header, black).repeat(shape[0]).tobytes())


def _write_all(file: io.FileIO, data: bytes, offset: int) -> None:
    file.seek(offset)
    while data:
        data = data[file.write(data) :]
