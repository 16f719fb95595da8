"""The interface of every file of predictions: probabilities from another program, read in pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dashboard.core.datasets.attributes import Attributes

PIECE_ROWS, PIECE_NUMBERS = 65_536, 4_000_000  # limits for one piece, which is in memory as a whole


@dataclass(frozen=True)
class Piece:
    """Consecutive rows of a file of predictions."""

    pred_probs: np.ndarray  # (n, K) float64 as in the file; a row of only NaN has no prediction
    labels: Sequence[str | None] | None  # None if the file has none
    files: Sequence[str] | None
    reasons: Sequence[str] | None = None  # why a row has no prediction
    predicted: Sequence[str] | None = None  # the column of predicted classes, as it is


def piece_rows(n_classes: int) -> int:
    """Number of rows to read at a time."""
    return max(1, min(PIECE_ROWS, PIECE_NUMBERS // max(1, n_classes)))


class PredictionsFile(Protocol):
    """A file of predictions. See `open_predictions`."""

    class_names: tuple[str, ...] | None  # (K,) from the file, such as the names of its columns
    n_classes: int  # K; 1: only the probability of one of two classes, then the file may name that one or both
    n_rows: int
    notes: tuple[str, ...]  # what the user has to know about how it is read

    def pieces(self) -> Iterator[Piece]:
        """All rows in order. Raises DatasetError."""

    def labels(self) -> Iterator[str | None]:
        """All labels in order; nothing if the file has none. Raises DatasetError."""

    def files(self) -> Iterator[str]:
        """The names of the images in order; nothing if the file has none. Raises DatasetError."""

    def attributes(self) -> Attributes | None:
        """The further columns, one row for each prediction; None if the file has none. Raises DatasetError."""

    def place(self, row: int) -> int:
        """The number by which messages call a row: as spreadsheets count the rows of a CSV, otherwise from 0."""
