"""An array in a `.npy` file of a run, of which only the rows that are asked for are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.core.errors import DatasetError
from dashboard.core.files import check_regular
from dashboard.core.runs.rows import reading


class StoredArray:
    """The array (N, ...) in a file. It takes the place of a NumPy array where rows are read.

    The file is not mapped into memory: if somebody copied another one over it, the process would die (SIGBUS).
    """

    def __init__(self, path: Path, shape: Sequence[int | None], dtype: type) -> None:
        """Reads what the file says of the array.

        Args:
            shape: the shape that it must have; None: any length.

        Raises:
            OSError: the file is missing, damaged, or holds another array.
        """
        check_regular(path)
        with reading(path), path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            self.shape, by_columns, self.dtype = read_header(file)
            self.offset = file.tell()  # bytes before the array
        self._path, self._row_bytes = path, int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        fits = (
            self.dtype == dtype
            and len(self.shape) == len(shape)
            and not by_columns
            and all(wanted in (None, length) for wanted, length in zip(shape, self.shape, strict=True))
        )
        if not fits:
            raise OSError(f"{path.name} holds another array than expected")
        if path.stat().st_size < self.offset + len(self) * self._row_bytes:
            raise OSError(f"{path.name} is cut off")

    def __len__(self) -> int:
        return int(self.shape[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype)

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        """Reads one row, or rows in the given order. Raises IndexError, and DatasetError if the file was changed."""
        wanted = np.arange(len(self))[rows]
        indices = np.atleast_1d(wanted)
        found = np.empty((len(indices), *self.shape[1:]), self.dtype)
        one_after_another = np.split(np.arange(len(indices)), np.flatnonzero(np.diff(indices) != 1) + 1)
        try:
            with self._path.open("rb", buffering=0) as file:
                for places in filter(len, one_after_another):
                    file.seek(self.offset + int(indices[places[0]]) * self._row_bytes)
                    piece = file.read(len(places) * self._row_bytes)
                    found[places] = np.frombuffer(piece, self.dtype).reshape(len(places), *self.shape[1:])
        except (OSError, ValueError) as error:  # ValueError: it is shorter now
            raise DatasetError(
                f"{self._path.name} of the evaluation was removed or changed while it was read.", "Load the page again.",
                "run_unreadable",
            ) from error  # fmt: skip
        return found if wanted.ndim else found[0]
