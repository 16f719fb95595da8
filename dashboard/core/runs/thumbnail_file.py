"""The thumbnails of a run, in one array beside its rows. They remain when the dataset is deleted."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

MOST_BYTES = 2**30  # a run that needs more keeps no thumbnails


class ThumbnailFile:
    """A `.npy` file (N, height, width, 3) uint8. Its thumbnails can be written in any order."""

    def __init__(self, path: Path, n: int, shape: tuple[int, int]) -> None:
        """Creates the file in its full size, filled with zeros, if it does not exist. Raises OSError."""
        if not path.exists():
            np.lib.format.open_memmap(path, "w+", np.uint8, (n, *shape, 3))
        array = np.load(path, mmap_mode="r")
        self._offset, self._bytes_each = array.offset, int(np.prod(array.shape[1:]))
        self._path = path

    def write(self, indices: np.ndarray, thumbnails: np.ndarray) -> None:
        """Writes thumbnails (M, height, width, 3) uint8 at their indices (M,). Raises OSError.

        Does not write through a memory map, since a full disk would then end the process.
        """
        with self._path.open("r+b", buffering=0) as file:
            breaks = np.flatnonzero(np.diff(indices) != 1) + 1
            for places, images in zip(np.split(indices, breaks), np.split(thumbnails, breaks), strict=True):
                if len(places):
                    _write_all(file, images.tobytes(), self._offset + int(places[0]) * self._bytes_each)


def _write_all(file: io.FileIO, data: bytes, offset: int) -> None:
    file.seek(offset)
    while data:
        data = data[file.write(data) :]
