"""The thumbnails of a run, in one array beside its rows. They remain when the dataset is deleted."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from dashboard.core.files import open_atomically
from dashboard.core.runs.array_file import ArrayFile

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
            array = ArrayFile(path, whole, np.uint8)
        except OSError:
            if not new:
                raise
            _make(path, whole)
            array = ArrayFile(path, whole, np.uint8)
        self._offset, self._bytes_each = array.header.offset, array.header.row_bytes
        self._path = path

    def write(self, indices: np.ndarray, thumbnails: np.ndarray) -> None:
        """Writes thumbnails (M, height, width, 3) uint8 at their indices (M,). Raises OSError."""
        with self._path.open("r+b", buffering=0) as file:
            breaks = np.flatnonzero(np.diff(indices) != 1) + 1
            for places, images in zip(np.split(indices, breaks), np.split(thumbnails, breaks), strict=True):
                if len(places):
                    _write_all(file, images.tobytes(), self._offset + int(places[0]) * self._bytes_each)


def _make(path: Path, shape: tuple[int, ...]) -> None:
    """Makes a file of zeros, which need no space on most file systems until they are written. Raises OSError."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": shape}
    )
    with open_atomically(path, make_folder=False) as file:
        file.write(header.getvalue())
        file.truncate(len(header.getvalue()) + int(np.prod(shape, dtype=np.int64)))


def _write_all(file: io.FileIO, data: bytes, offset: int) -> None:
    file.seek(offset)
    while data:
        data = data[file.write(data) :]
