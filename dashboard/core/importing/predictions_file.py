"""What every file of predictions is: predicted probabilities made elsewhere, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

PIECE_ROWS, PIECE_NUMBERS = 65_536, 4_000_000  # that are in memory at a time, at most


@dataclass(frozen=True)
class Piece:
    """Some rows of a file of predictions."""

    pred_probs: np.ndarray  # (n, K) float64 as given; a row of NaN only: there is no prediction
    labels: Sequence[str | None] | None  # None where the file has none
    files: Sequence[str] | None
    reasons: Sequence[str] | None = None  # why a row has no prediction


def piece_rows(n_classes: int) -> int:
    """How many rows to read at a time."""
    return max(1, min(PIECE_ROWS, PIECE_NUMBERS // max(1, n_classes)))


class PredictionsFile(Protocol):
    """See `open_predictions`."""

    class_names: tuple[str, ...] | None  # as the columns are called
    n_classes: int
    n_rows: int

    def pieces(self) -> Iterator[Piece]:
        """All rows in order. Raises DatasetError."""

    def labels(self) -> Iterator[str | None]:
        """The labels alone; none where the file has none. Raises DatasetError."""
