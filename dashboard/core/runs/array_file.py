"""An array in a `.npy` file of a run, of which only the rows that are asked for are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.core.datasets.npy import read_header
from dashboard.core.errors import DatasetError
from dashboard.core.files import check_regular
from dashboard.core.runs.rows import reading


class ArrayFile:
    """The array (N, ...) in a file. It takes the place of a NumPy array where rows are read.

    The file is not mapped into memory: if somebody copied another one over it, the process would die (SIGBUS). It is
    open only while rows are read.
    """

    def __init__(self, path: Path, shape: Sequence[int | None], dtype: type) -> None:
        """Reads what the file says of the array.

        Args:
            shape: the shape that it must have; None: any length.

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
        if path.stat().st_size < self.header.offset + len(self) * self.header.row_bytes:
            raise OSError(f"{path.name} is cut off")

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
