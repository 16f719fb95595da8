"""What the model saw of each image of a run, small, in one array beside its rows: the pictures outlive the dataset."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

MOST_BYTES = 2**30  # above this a run keeps none


class ThumbnailFile:
    """A `.npy` file (N, height, width, 3) uint8, written at any place in any order."""

    def __init__(self, path: Path, n: int, shape: tuple[int, int]) -> None:
        """Creates the file with its final size and without images, if there is none. Raises OSError."""
        if not path.exists():
            np.lib.format.open_memmap(path, "w+", np.uint8, (n, *shape, 3))
        array = np.load(path, mmap_mode="r")
        self._offset, self._bytes_each = array.offset, int(np.prod(array.shape[1:]))
        self._path = path

    def write(self, indices: np.ndarray, thumbnails: np.ndarray) -> None:
        """Writes images (M, height, width, 3) uint8 at their indices (M,). Raises OSError.

        It does not use a memory map: on a full disk that would end the process.
        """
        file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            breaks = np.flatnonzero(np.diff(indices) != 1) + 1
            for places, images in zip(np.split(indices, breaks), np.split(thumbnails, breaks), strict=True):
                if len(places):
                    _write_all(file, images.tobytes(), self._offset + int(places[0]) * self._bytes_each)
        finally:
            os.close(file)


def _write_all(file: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(file, data, offset)
        data, offset = data[written:], offset + written
