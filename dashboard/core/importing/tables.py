"""Predictions in tables: CSV or Parquet."""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TextIO, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.core.datasets.attributes import (
    MOST_COLUMNS,
    Attributes,
    Columns,
    attributes_of,
    from_text,
    parquet_columns,
)
from dashboard.core.datasets.columns import (
    FILE_COLUMNS,
    LABEL_COLUMNS,
    OBSERVED,
    OBSERVED_BESIDE,
    PREDICTED_COLUMNS,
    PROBS_NAMES,
    REASON_COLUMNS,
    SEPARATOR_LINE,
    column_among,
    columns_among,
    csv_separator,
)
from dashboard.core.datasets.label_notes import about_other_labels
from dashboard.core.datasets.label_value import as_label
from dashboard.core.datasets.parquet_file import open_parquet
from dashboard.core.errors import DatasetError, listed
from dashboard.core.importing.other_layouts import OtherLayout
from dashboard.core.importing.predicted_classes import (
    CONFIDENCE_COLUMNS,
    CONFIDENCE_UNUSED,
    NO_PROBABILITIES,
    NUMBERS_UNUSED,
    NUMBERS_UNUSED_OF_SEVERAL,
    PROBABILITIES_FOUND,
    PROBABILITIES_UNUSED,
    are_probabilities,
    as_probabilities,
    best_first,
    classes_of,
    columns_of_classes,
    fractions,
    is_number,
    likely_probabilities,
    only_0_and_1,
)
from dashboard.core.importing.predictions_file import Piece, piece_rows
from dashboard.core.importing.rows import SUM_TOLERANCE
from dashboard.core.importing.table_columns import list_columns, list_length, own_class_names, probability_columns
from dashboard.core.labels.text_encoding import FIRST_BYTES, SAVE_AS_UTF8, encoding_of
from dashboard.core.parsing import parsing, reason
from dashboard.core.runs.rows import COLUMNS, SCORE_COLUMNS
from dashboard.core.shell import in_command

_DECIMAL_COMMA = r"^\s*[+-]?\d*,\d+"
_MOST_IN_EXAMPLE = 12  # columns
_EXPORTED = frozenset({"true_label", "predicted_label", "confidence", "status"})  # all of them: an export of a run
_NAME_THE_COLUMNS = (
    "Use one column per class called p_CLASS (p_cat, p_dog ...), or in Parquet a list column pred_probs."
)
_BEST = re.compile(r"[_ ]?1$")  # ends the name of the column of the likeliest class, beside those of the next ones
_ZEROS_AND_ONES = frozenset({"", "0", "1", 0, 1})  # also 0.0 and True
_COMMENT = re.compile(r"# \w")
T = TypeVar("T")


class NoHeaderError(DatasetError):
    """The first line of a CSV file holds numbers instead of the names of the columns."""


class TablePredictions:
    """Predictions in CSV or Parquet, with one column per class or, in Parquet, one column of lists.

    For two classes, one column with the probability of one of them will do.
    """

    def __init__(self, path: Path, class_names: Sequence[str] | None) -> None:
        self._path, self._decimal = path, "."
        self.notes: tuple[str, ...] = ()
        self._only_classes = ""  # the column of predicted classes, if there are no probabilities
        with parsing(self._refused):
            columns, self.n_rows = self._describe()
            self._columns = columns
            named = set(class_names or ())
            others = [each for each in columns if each not in named] if named.issubset(columns) else columns
            labels = columns_among(others, LABEL_COLUMNS)
            if not labels and column_among(others, [OBSERVED_BESIDE]):
                labels = columns_among(others, [OBSERVED])
            self._label = labels[0] if labels else None
            self._file = column_among(others, FILE_COLUMNS)  # a class may be called photo
            self._reason = column_among(others, REASON_COLUMNS)
            self._list = column_among(list_columns(path), PROBS_NAMES)
            if self._list:
                self._check_cells([self._list])
                self._probs, self.class_names = [self._list], own_class_names(path)
                self.n_classes = list_length(path, self._list)
            else:
                known = {self._label, self._file, self._reason}
                others = [column for column in columns if column not in known]
                found = probability_columns(others, class_names)
                if not found or len(found[0]) == 1:
                    predicted = columns_among(others, PREDICTED_COLUMNS)
                    self._check_cells(found[0] if found else predicted or others)
                    self._check_rows(
                        found[0] if found else columns_among(others, CONFIDENCE_COLUMNS), [*labels, *predicted]
                    )
                    if found and not found[1] and predicted:
                        found = self._with_predicted(found[0][0], predicted[0], others)
                found = found or self._predicted_column(others)
                if found is None:
                    raise self._which_columns(others)
                self._probs, self.class_names = found
                self.n_classes = len(self._probs) or len(self.class_names or ())
                if path.suffix.lower() != ".parquet":
                    self._decimal = self._decimal_of(self._probs)

            unused = [each for each in columns if each not in (*self._probs, self._label, self._file, self._reason)]
            self._predicted = column_among(unused, PREDICTED_COLUMNS)
            self._other_labels = [column for column in labels if column in unused]

    @property
    def has_probabilities(self) -> bool:
        """False: only predicted classes."""
        return not self._only_classes

    def add_classes(self, labels: Iterable[str | None]) -> None:
        """Without probabilities, true labels from elsewhere are classes too, as those in the file are."""
        if self._only_classes and (names := classes_of(self.class_names or (), labels)):
            self.class_names, self.n_classes = names, len(names)

    def _predicted_column(self, others: Sequence[str]) -> tuple[list[str], tuple[str, ...] | None] | None:
        """As `probability_columns`, for a column of predictions: probabilities of one class; or classes, and no column."""
        column = column_among(others, PREDICTED_COLUMNS)
        if column is None:
            return None
        self._probs, self.n_classes = [], 1
        predicted = [label for frame in self._frames([column]) for label in map(as_label, frame[column])]
        if are_probabilities([label for label in predicted if label is not None]):
            return [column], None
        names = classes_of(predicted, self.labels())
        if not names:
            labels = sorted({label for label in self.labels() if label is not None})
            if not labels or not {*labels}.isdisjoint(predicted):
                return None
            raise DatasetError(
                f"{self._path.name} has no class that is both in {column} and in {self._label}: predicted are "
                f"{listed(sorted(filter(None, set(predicted))))}; the true labels are {listed(labels)}.",
                "Save the same names or numbers of the classes in both columns.", "predictions",
            )  # fmt: skip
        self.notes = (NO_PROBABILITIES.format(name=self._path.name),)
        if found := self._probabilities_of([other for other in others if other and other != column], names):
            return found
        self._only_classes = column
        if confidence := column_among(others, CONFIDENCE_COLUMNS):
            self.notes += (CONFIDENCE_UNUSED.format(column=confidence),)
        return [], names

    def _with_predicted(
        self, column: str, predicted: str, others: Sequence[str]
    ) -> tuple[list[str], tuple[str, ...] | None]:
        """As `probability_columns`, for numbers beside a column of predicted classes, if it has more than two of these.

        Then the numbers are no probabilities of one of two classes, but the confidence of what is predicted.
        """
        self._probs, self.n_classes = [], 1
        different = {
            value for frame in self._frames([predicted]) for value in frame[predicted].dropna().astype(str).unique()
        }
        if len(different - {""}) > 2:
            with contextlib.suppress(DatasetError, ValueError):  # then it holds no classes, or others than the labels
                found = self._predicted_column([each for each in others if each != column])
                if found and found[1]:
                    self.notes += () if found[0] else (CONFIDENCE_UNUSED.format(column=column),)
                    return found
        return [column], None

    def _probabilities_of(
        self, others: Sequence[str], class_names: Sequence[str]
    ) -> tuple[list[str], tuple[str, ...]] | None:
        """The columns that are called like the classes and hold their probabilities, and the names of the classes.

        Columns that only look so are told in the notes.
        """
        self._probs, self.n_classes = [], len(others)
        first = next(self._frames(others), pd.DataFrame())
        likely = likely_probabilities(first)
        if not likely or only_0_and_1(first[likely]):
            return None
        perhaps: list[str] = []
        for before, after, called in columns_of_classes(others, class_names):
            if not {*called} <= {*likely}:
                continue
            alike = [c for c in likely if c.casefold().startswith(before) and c.casefold().endswith(after)]
            for columns in (called, alike):  # the second with classes that do not occur
                if self._sum_to_1(columns):
                    self.notes = (PROBABILITIES_FOUND.format(columns=listed(columns)),)
                    return columns, tuple(column[len(before) : len(column) - len(after)] for column in columns)
            perhaps = perhaps or called
        if not perhaps and len(likely) > 1 and not best_first(first[likely]) and self._sum_to_1(likely):
            perhaps = likely
        if perhaps:
            self.notes += (PROBABILITIES_UNUSED.format(columns=listed(perhaps), name=class_names[0]),)
        elif (unused := fractions(first[likely])) and not set(self._columns) >= _EXPORTED:
            note = NUMBERS_UNUSED if len(class_names) == 2 else NUMBERS_UNUSED_OF_SEVERAL
            self.notes += (note.format(columns=listed(unused), name=class_names[-1]),)
        return None

    def _sum_to_1(self, columns: list[str]) -> bool:
        """Whether these columns hold probabilities that sum to 1 in each row that has any."""
        before, self._probs = (self._probs, self._decimal), columns
        try:
            if self._path.suffix.lower() != ".parquet":
                self._decimal = self._decimal_of(columns)
            for frame in self._frames(columns):
                probs = frame[columns].to_numpy(np.float64)
                probs = probs[~np.isnan(probs).all(axis=1)]
                if not (
                    (probs >= -SUM_TOLERANCE) & (np.abs(probs.sum(axis=1, keepdims=True) - 1) <= SUM_TOLERANCE)
                ).all():
                    return False
        except ValueError:  # not only numbers
            return False
        finally:
            self._probs, self._decimal = before
        return True

    @property
    def _layout(self) -> OtherLayout:
        is_parquet = self._path.suffix.lower() == ".parquet"
        return OtherLayout(self._path, "," if is_parquet else self._separator, self._decimal)

    def _check_cells(self, columns: Sequence[str]) -> None:
        """Raises DatasetError if a cell of these columns holds the probabilities of several classes."""
        if self._path.suffix.lower() == ".parquet":
            batch = next(open_parquet(self._path).iter_batches(1, columns=list(columns)), None)
            cells = batch.to_pylist()[0] if batch else {}
        else:
            with self._text() as text:
                filled = (cells for cells in csv.reader(text, delimiter=self._separator) if any(cells))
                next(filled, None)  # the header
                cells = dict(zip(self._columns, next(filled, []), strict=False))
        if error := self._layout.in_cells({column: cells[column] for column in columns if column in cells}):
            raise error

    def _check_rows(self, probs: Sequence[str], classes: Sequence[str]) -> None:
        """Raises DatasetError if several rows are for one file, each with the probability of another class.

        Args:
            probs: the columns that may hold these. Likewise `classes`.
        """
        if not (self._file and probs):
            return
        self._probs, self.n_classes = [], 1
        for column in classes:
            frames = self._frames([self._file, column])
            first = next(frames, pd.DataFrame({self._file: [], column: []}))
            if first[self._file].is_unique and (first[column].nunique() > 1 or first.empty):
                continue  # neither sorted by file nor by class, so the others need not be read
            hashes = pd.concat([frame.astype(str).apply(_hashed) for frame in chain([first], frames)])
            n_files, n_classes = (hashes[each].nunique() for each in (self._file, column))
            if n_classes > 1 and 2 * n_files <= len(hashes) and not hashes.duplicated().any():
                if self._path.suffix.lower() != ".parquet":
                    self._decimal = self._decimal_of(probs)
                labels = [each for each in classes if each != column]
                raise self._layout.long(self._file, labels, column, probs[0], n_files * n_classes == len(hashes))

    def _describe(self) -> tuple[list[str], int]:
        """The names of the columns and the number of rows."""
        if self._path.suffix.lower() == ".parquet":
            file = open_parquet(self._path)
            return list(file.schema_arrow.names), file.metadata.num_rows
        with self._path.open("rb") as file:
            self._encoding = encoding_of(file.read(FIRST_BYTES))
        self._said = None  # what the file itself says to be the separator, in its first line
        self._is_comment = False  # the header line is one, as numpy.savetxt writes it
        with self._text() as text:
            begin = text.readline()
        if said := SEPARATOR_LINE.match(begin):
            self._said = said[1]
        self._is_comment = bool(_COMMENT.match(begin))
        with self._text() as text:
            first = next((line for line in text if line.strip()), "")
            self._separator = self._said or csv_separator(first)
            columns = next(csv.reader([first], delimiter=self._separator), [])
            if numbers := _numbers_instead_of_names(first):
                raise self._no_header(numbers)
            if len(set(columns)) < len(columns):
                raise ValueError("two columns have the same name")
            rows = 0
            for cells in csv.reader(text, delimiter=self._separator):
                if any(cells[len(columns) :]):
                    raise ValueError(
                        f"row {self.place(rows)} has {len(cells)} cells, but there are {len(columns)} columns"
                    )
                rows += bool(cells)
            return columns, rows

    @contextmanager
    def _text(self) -> Iterator[TextIO]:
        """The open CSV file, after the line that says the separator, and after the sign of a comment."""
        encoding = "utf-8-sig" if self._encoding == "utf-8" else self._encoding
        with self._path.open(encoding=encoding, newline="") as text:
            if self._said:
                text.readline()
            if self._is_comment:
                text.read(len("# "))
            yield text

    def _no_header(self, numbers: Sequence[str]) -> NoHeaderError:
        """The error for a file whose first line holds these numbers instead of the names of the columns."""
        names = ",".join(f"p_{i}" for i in range(len(numbers))) if len(numbers) > 1 else "p_yes"
        return NoHeaderError(
            f"{self._path.name} has no header line: its first line holds numbers, not the names of the columns.",
            "Name the columns in a new first line, p_CLASS for the probabilities of a class and label for true labels. "
            f"For probabilities in NumPy: np.savetxt({self._path.name!r}, probs, delimiter=',', header='{names}', comments='').",
            "predictions",
        )  # fmt: skip

    def _decimal_of(self, columns: Sequence[str]) -> str:
        """The comma if the first number with decimals has one, as European spreadsheets write it; else the point."""
        for frame in self._csv(columns, str):
            for cells in (frame[column] for column in columns):
                if cells.str.contains(_DECIMAL_COMMA, na=False).any():
                    return ","
                if cells.str.contains(".", regex=False, na=False).any():
                    return "."
        return "."

    def _which_columns(self, others: Sequence[str]) -> DatasetError:
        """The error for a table in which no column is known to hold probabilities."""
        likely: list[str] | None = None
        self._probs, self.n_classes = [], len(others)
        named = [column for column in others if column]  # pandas calls the others by their place
        best = next((c for c in named if column_among([_BEST.sub("", c)], PREDICTED_COLUMNS) and _BEST.search(c)), None)
        with contextlib.suppress(Exception):  # then there is no better example
            likely = likely_probabilities(first := next(self._frames(named)))
            if best and likely and classes_of(map(as_label, first[best]), self.labels()):
                return DatasetError(
                    f"{self._path.name} has only the likeliest classes of each row, and not the probabilities of all.",
                    f"To use the predicted classes without probabilities, call the column {best} prediction. For probabilities: "
                    + _NAME_THE_COLUMNS[:1].lower() + _NAME_THE_COLUMNS[1:],
                    "predictions",
                )  # fmt: skip
        columns = ", ".join(self._columns[:12])
        predicted = column_among(others, PREDICTED_COLUMNS)
        if likely is not None and not predicted:
            classes = [
                column for column in named if column not in likely and not _ZEROS_AND_ONES.issuperset(first[column])
            ]
            if several := self._layout.several_predictions(classes):
                return several
        if likely == []:
            return DatasetError(
                f"{self._path.name} has no columns of probabilities, and "
                + (f"{predicted} does not hold classes" if predicted else "none is called prediction")
                + f"; it has {columns}.",
                f"Save the predicted classes, two or more names or whole numbers from 0, in {predicted}." if predicted else
                "Call the column of the predicted classes prediction, and that of the true ones label, if there is one.",
                "predictions",
            )  # fmt: skip
        if likely and len(likely) == 1:
            example = f"other,{likely[0]}"
        else:
            example = ",".join(likely) if likely and len(likely) <= _MOST_IN_EXAMPLE else "cat,dog"
        return DatasetError(
            f"{self._path.name} does not say which columns are probabilities; it has {columns}.",
            f"{_NAME_THE_COLUMNS} Or say which columns hold them: `--class-names {in_command(example)}`.", "predictions",
        )  # fmt: skip

    def _frames(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        if self._path.suffix.lower() == ".parquet":
            file = open_parquet(self._path)
            for batch in file.iter_batches(piece_rows(self.n_classes), columns=list(columns)):
                yield batch.to_pandas()
            return
        yield from self._csv(columns, {c: np.float64 if c in self._probs else str for c in columns})

    def _csv(self, columns: Sequence[str] | Sequence[int], types: Mapping[str, type] | type) -> Iterator[pd.DataFrame]:
        with self._text() as text, pd.read_csv(
            text, sep=self._separator, decimal=self._decimal, usecols=list(columns),
            chunksize=piece_rows(self.n_classes), dtype=types, keep_default_na=False, index_col=False,  # False: lines may end with a separator
            na_values={c: ["", "nan", "NaN"] for c in columns if c in self._probs},
        ) as reader:  # fmt: skip
            yield from reader

    def labels(self) -> Iterator[str | None]:
        """See `PredictionsFile`."""
        if self._label:
            frames = self._frames([self._label])
            yield from self._guarded(as_label(value) for frame in frames for value in frame[self._label])

    def files(self) -> Iterator[str]:
        """See `PredictionsFile`."""
        if self._file:
            yield from self._guarded(file for frame in self._frames([self._file]) for file in self._files(frame))

    def about_labels(self) -> tuple[str, ...]:
        """The note on further columns that may hold true labels and contradict the one in use. Raises DatasetError."""
        if not self._label or not self._other_labels:
            return ()
        with parsing(self._refused):
            cells = {column: self._texts(column) for column in (self._label, *self._other_labels)}
        return about_other_labels(self._path.name, self._label, cells.pop(self._label), cells)

    def _texts(self, column: str) -> list[str | None]:
        """The cells of a column as labels, or as they are if they cannot be labels."""
        texts: list[str | None] = []
        for frame in self._frames([column]):
            for value in frame[column]:
                try:
                    texts.append(as_label(value))
                except ValueError:
                    texts.append(str(value))
        return texts

    def attributes(self) -> Attributes | None:
        """See `PredictionsFile`."""
        known = (*self._probs, self._label, self._file, self._reason, self._only_classes)
        used = {column for column in known if column}
        if set(self._columns) >= _EXPORTED:
            used |= {*COLUMNS, *SCORE_COLUMNS}
        with parsing(self._refused):
            if self._path.suffix.lower() == ".parquet":
                return attributes_of(self._path.name, parquet_columns([self._path], used))
            return attributes_of(self._path.name, self._csv_columns(used))

    def _csv_columns(self, used: Collection[str]) -> Columns:
        places = [i for i, column in enumerate(self._columns) if column not in used]
        for start in range(0, len(places), MOST_COLUMNS):  # the others are mostly not asked for
            group = places[start : start + MOST_COLUMNS]
            tables = [pa.Table.from_pandas(frame, preserve_index=False) for frame in self._csv(group, str)]
            for at, place in enumerate(group):
                cells = pa.chunked_array([c for table in tables for c in table.column(at).cast(pa.string()).chunks])
                yield self._columns[place].strip(), partial(from_text, cells, self._separator)

    def place(self, row: int) -> int:
        """See `PredictionsFile`."""
        if self._path.suffix.lower() == ".parquet":
            return row
        with self._text() as text:
            lines = enumerate(csv.reader(text, delimiter=self._separator), 1)
            filled = (number for number, cells in lines if len(cells) > 1 or "".join(cells).strip())
            return next(islice(filled, row + 1, None), row + 2)  # the first is the header line

    def pieces(self) -> Iterator[Piece]:
        """See `PredictionsFile`."""
        others = [column for column in (self._label, self._file, self._reason, self._predicted) if column]
        yield from self._guarded(map(self._piece, self._frames([*dict.fromkeys([*self._probs, *others])])))

    def _piece(self, frame: pd.DataFrame) -> Piece:
        return Piece(
            self._matrix(frame),
            list(map(as_label, frame[self._label])) if self._label else None,
            self._files(frame) if self._file else None,
            frame[self._reason].fillna("").astype(str).tolist() if self._reason else None,
            frame[self._predicted].astype(object).fillna("").astype(str).tolist() if self._predicted else None,
        )

    def _files(self, frame: pd.DataFrame) -> list[str]:
        return frame[self._file].astype(object).fillna("").astype(str).tolist()

    def _matrix(self, frame: pd.DataFrame) -> np.ndarray:
        if self._only_classes:
            return as_probabilities(list(map(as_label, frame[self._only_classes])), self.class_names or ())
        if not self._list:
            return frame[self._probs].to_numpy(np.float64)
        blank = np.full(self.n_classes, np.nan)
        rows = [blank if row is None else np.asarray(row, np.float64) for row in frame[self._list]]
        if any(row.shape != blank.shape for row in rows):
            raise DatasetError(
                f"{self._path.name}: not every row of {self._list} has {self.n_classes} probabilities.",
                _NAME_THE_COLUMNS, "predictions",
            )  # fmt: skip
        return np.stack(rows) if rows else np.empty((0, self.n_classes))

    def _guarded(self, values: Iterator[T]) -> Iterator[T]:
        with parsing(lambda error: self._no_number() or self._refused(error)):
            yield from values

    def _no_number(self) -> DatasetError | None:
        """The error for the first cell of a CSV file that should be a number and is not; None if there is none."""
        if self._path.suffix.lower() == ".parquet":
            return None
        done = 0
        with contextlib.suppress(Exception):  # then the reason is another one
            for frame in self._csv(self._probs, dict.fromkeys(self._probs, str)):
                if self._decimal == ",":
                    points = frame.replace({r"\.": "?"}, regex=True).replace({",": "."}, regex=True)
                else:
                    points = frame
                wrong = (points.apply(pd.to_numeric, errors="coerce").isna() & frame.notna()).to_numpy()
                if wrong.any():
                    row, column = (int(each[0]) for each in np.nonzero(wrong))
                    return DatasetError(
                        f"{self._path.name}: row {self.place(done + row)} has {str(frame.iloc[row, column])[:40]!r} in the column "
                        f"{frame.columns[column]}, which is not a number.",
                        "Save numbers from 0 to 1, all with a point before the decimals.", "predictions",
                    )  # fmt: skip
                done += len(frame)
        return None

    def _refused(self, error: Exception) -> DatasetError:
        if isinstance(error, UnicodeDecodeError):
            return DatasetError(
                f"{self._path.name} is not UTF-8 text.", f"Save it as UTF-8. {SAVE_AS_UTF8}", "predictions"
            )
        return DatasetError(
            f"{self._path.name} cannot be read: {reason(error)}.", "Save or export it again.", "predictions"
        )


def _hashed(column: pd.Series) -> np.ndarray:
    return pd.util.hash_array(column.to_numpy(object))


def _numbers_instead_of_names(line: str) -> list[str]:
    """The numbers in the first line of a file without a header line; [] if it is one.

    Different whole numbers may be the names of classes. NumPy separates numbers by spaces unless told otherwise.
    """
    for separator in (",", ";", "\t", "|", None):
        cells = [cell.strip(' "\r\n') for cell in line.split(separator) if cell.strip()]
        if cells and all(is_number(cell.replace(",", ".")) for cell in cells):
            return [] if len(set(cells)) == len(cells) and all(map(str.isdecimal, cells)) else cells
    return []
