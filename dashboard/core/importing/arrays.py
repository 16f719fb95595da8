"""Predictions in NumPy arrays: .npy or .npz."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dashboard.core.datasets.arrays import read_labels
from dashboard.core.datasets.npy import StoredArray
from dashboard.core.errors import DatasetError
from dashboard.core.importing.array_names import NO_NAMES, ArrayNames
from dashboard.core.importing.predictions_file import Piece, piece_rows


class ArrayPredictions:
    """Predictions in an array of probabilities, with an array (N,) of labels or None, and the names beside them.

    The array has the shape (N, K). For two classes, (N,) or (N, 1) with the probability of one of them will do.
    """

    def __init__(
        self,
        probs: StoredArray,
        labels: StoredArray | None,
        notes: tuple[str, ...] = (),
        names: ArrayNames = NO_NAMES,
    ) -> None:
        header = probs.header
        if not 1 <= len(header.shape) <= 2 or header.shape[1:] == (0,) or header.dtype.kind not in "fiu":
            raise DatasetError(
                f"{probs.name} has the shape {header.shape} of {header.dtype}; probabilities (N, classes) are needed.",
                "Save one row per image with the probability of each class.", "predictions",
            )  # fmt: skip
        self._probs, self.notes = probs, (*notes, *names.notes)
        self._files, self.class_names = names.files, names.classes
        self.n_rows, self.n_classes = (*header.shape, 1)[:2]
        self._labels = read_labels(labels, self.n_rows) if labels else None

    def labels(self) -> Iterator[str | None]:
        """See `PredictionsFile`."""
        yield from self._labels or ()

    def files(self) -> Iterator[str]:
        """See `PredictionsFile`."""
        yield from self._files or ()

    def attributes(self) -> None:
        """See `PredictionsFile`."""

    def place(self, row: int) -> int:
        """See `PredictionsFile`."""
        return row

    def pieces(self) -> Iterator[Piece]:
        """See `PredictionsFile`."""
        start = 0
        try:
            for probs in self._probs.pieces(piece_rows(self.n_classes)):
                values = probs.astype(np.float64).reshape(len(probs), self.n_classes)
                if not np.isfinite(values).all():
                    row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
                    raise DatasetError(
                        f"{self._probs.name}: row {start + row} holds NaN or infinity.",
                        "Save numbers from 0 to 1.",
                        "predictions",
                    )
                end = start + len(values)
                yield Piece(values, self._labels and self._labels[start:end], self._files and self._files[start:end])
                start = end
        except OSError as error:
            raise DatasetError(f"{error}.", "Copy the file again.", "predictions") from error
