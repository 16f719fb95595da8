"""Predictions in tables: CSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from dashboard.core.datasets.attributes import Attributes, attributes_of
from dashboard.core.datasets.label_notes import about_other_labels
from dashboard.core.datasets.label_value import as_label
from dashboard.core.errors import DatasetError
from dashboard.core.importing.chosen_columns import EXPORTED, NAME_THE_COLUMNS, choose_columns
from dashboard.core.importing.predicted_classes import as_probabilities, classes_of
from dashboard.core.importing.predictions_file import Piece
from dashboard.core.importing.table_file import cannot_be_read, open_table
from dashboard.core.parsing import parsing
from dashboard.core.runs.rows import COLUMNS, SCORE_COLUMNS

T = TypeVar("T")


class TablePredictions:
    """Predictions in CSV or Parquet, with one column per class or, in Parquet, one column of lists. See `PredictionsFile`.

    For two classes, one column with the probability of one of them will do.
    """

    def __init__(self, path: Path, class_names: Sequence[str] | None) -> None:
        self._path = path
        with parsing(self._refused):
            self._table = open_table(path)
            self._columns = choose_columns(self._table, class_names)
        self.n_rows, self.notes = self._table.n_rows, self._columns.notes
        self.class_names, self.n_classes = self._columns.class_names, self._columns.n_classes

    @property
    def has_probabilities(self) -> bool:
        """False: only predicted classes."""
        return not self._columns.only_classes

    @property
    def called_like_columns(self) -> bool:
        """True if the classes are called like columns, by which they were chosen. Then other class names choose no columns."""
        return {*(self.class_names or ())} <= {*self._table.columns}

    def add_classes(self, labels: Iterable[str | None]) -> None:
        """Without probabilities, true labels from elsewhere are classes too, as those in the file are."""
        if not self.has_probabilities and (names := classes_of(self.class_names or (), labels)):
            self.class_names, self.n_classes = names, len(names)

    def labels(self) -> Iterator[str | None]:
        """See `PredictionsFile`."""
        if column := self._columns.label:
            yield from self._guarded(as_label(value) for frame in self._frames(column) for value in frame[column])

    def files(self) -> Iterator[str]:
        """See `PredictionsFile`."""
        if column := self._columns.file:
            yield from self._guarded(file for frame in self._frames(column) for file in _texts(frame[column]))

    def about_labels(self) -> tuple[str, ...]:
        """The note on further columns that may hold true labels and contradict the one in use. Raises DatasetError."""
        label, others = self._columns.label, self._columns.other_labels
        if not label or not others:
            return ()
        with parsing(self._refused):
            cells = {column: self._labels_or_texts(column) for column in (label, *others)}
        return about_other_labels(self._path.name, label, cells.pop(label), cells)

    def _labels_or_texts(self, column: str) -> list[str | None]:
        """The cells of a column as labels, or as they are if they cannot be labels."""
        texts: list[str | None] = []
        for frame in self._frames(column):
            for value in frame[column]:
                try:
                    texts.append(as_label(value))
                except ValueError:
                    texts.append(str(value))
        return texts

    def attributes(self) -> Attributes | None:
        """See `PredictionsFile`."""
        chosen = self._columns
        known = (*chosen.probs, chosen.label, chosen.file, chosen.reason, chosen.only_classes)
        used = {column for column in known if column}
        if set(self._table.columns) >= EXPORTED:
            used |= {*COLUMNS, *SCORE_COLUMNS}
        with parsing(self._refused):
            return attributes_of(self._path.name, self._table.further_columns(used))

    def place(self, row: int) -> int:
        """See `PredictionsFile`."""
        return self._table.place(row)

    def pieces(self) -> Iterator[Piece]:
        """See `PredictionsFile`."""
        chosen = self._columns
        others = [column for column in (chosen.label, chosen.file, chosen.reason, chosen.predicted) if column]
        columns = list(dict.fromkeys([*chosen.probs, *others]))
        yield from self._guarded(map(self._piece, self._table.frames(columns, chosen.probs, self.n_classes)))

    def _piece(self, frame: pd.DataFrame) -> Piece:
        chosen = self._columns
        return Piece(
            self._matrix(frame),
            list(map(as_label, frame[chosen.label])) if chosen.label else None,
            _texts(frame[chosen.file]) if chosen.file else None,
            frame[chosen.reason].fillna("").astype(str).tolist() if chosen.reason else None,
            _texts(frame[chosen.predicted]) if chosen.predicted else None,
        )

    def _matrix(self, frame: pd.DataFrame) -> np.ndarray:
        chosen = self._columns
        if chosen.only_classes:
            return as_probabilities(list(map(as_label, frame[chosen.only_classes])), self.class_names or ())
        if not chosen.of_lists:
            return frame[chosen.probs].to_numpy(np.float64)
        [column] = chosen.probs
        blank = np.full(self.n_classes, np.nan)
        rows = [blank if row is None else np.asarray(row, np.float64) for row in frame[column]]
        if any(row.shape != blank.shape for row in rows):
            raise DatasetError(
                f"{self._path.name}: not every row of {column} has {self.n_classes} probabilities.",
                NAME_THE_COLUMNS, "predictions",
            )  # fmt: skip
        return np.stack(rows) if rows else np.empty((0, self.n_classes))

    def _frames(self, column: str) -> Iterator[pd.DataFrame]:
        return self._table.frames([column], n_classes=self.n_classes)

    def _guarded(self, values: Iterator[T]) -> Iterator[T]:
        with parsing(lambda error: self._table.no_number(self._columns.probs) or self._refused(error)):
            yield from values

    def _refused(self, error: Exception) -> DatasetError:
        return cannot_be_read(self._path, error)


def _texts(column: pd.Series) -> list[str]:
    return column.astype(object).fillna("").astype(str).tolist()
