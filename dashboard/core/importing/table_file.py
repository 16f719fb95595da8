"""The columns and rows of a table, in CSV and in Parquet."""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol, TextIO

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.core.datasets.attributes import MOST_COLUMNS, Columns, from_text, parquet_columns
from dashboard.core.datasets.columns import (
    FILE_COLUMNS,
    LABEL_COLUMNS,
    SEPARATOR_LINE,
    TitleRowsError,
    check_no_titles,
    column_among,
    csv_separator,
)
from dashboard.core.datasets.parquet_file import open_parquet
from dashboard.core.errors import DatasetError
from dashboard.core.importing.predicted_classes import is_number
from dashboard.core.importing.predictions_file import piece_rows
from dashboard.core.labels.text_encoding import FIRST_BYTES, SAVE_AS_UTF8, encoding_of
from dashboard.core.parsing import reason

_DECIMAL_COMMA = r"^\s*[+-]?\d*,\d+"
_COMMENT = re.compile(r"# \w")


class NoHeaderError(DatasetError):
    """The first line of a CSV file holds numbers instead of the names of the columns."""


class NotUtf8Error(DatasetError):
    """A CSV file is not UTF-8 text."""


class TableFile(Protocol):
    """A table in a file. Damaged files raise any exception; see `cannot_be_read`."""

    path: Path
    columns: list[str]
    n_rows: int
    separator: str  # between the cells of a CSV

    def frames(self, columns: Sequence[str], numbers: Sequence[str] = (), n_classes: int = 1) -> Iterator[pd.DataFrame]:
        """All rows of these columns, some at a time.

        Args:
            columns: the columns to read.
            numbers: those of the columns that hold numbers; a CSV gives the others as text.
            n_classes: the probabilities in a row. The more, the fewer rows are read at a time.
        """

    def decimal(self, columns: Sequence[str]) -> str:
        """What comes before the decimals of the numbers in these columns: "." or ","."""

    def first_row(self, columns: Sequence[str]) -> dict[str, object]:
        """The first row's cells in these columns; {} if there are no rows."""

    def further_columns(self, used: Collection[str]) -> Columns:
        """The columns besides those in use, for `attributes_of`."""

    def place(self, row: int) -> int:
        """The number by which messages call a row: as spreadsheets count the rows of a CSV, otherwise from 0."""

    def no_number(self, columns: Sequence[str]) -> DatasetError | None:
        """The error for the first cell in these columns that should be a number and is not; None if there is none."""


def open_table(path: Path) -> TableFile:
    """Opens a table; its suffix tells whether it is Parquet or CSV. Raises any exception for a damaged file."""
    return ParquetTable(path) if path.suffix.lower() == ".parquet" else CsvTable(path)


def cannot_be_read(path: Path, error: Exception) -> DatasetError:
    """The error for a damaged table; `error` is what a library raised."""
    if isinstance(error, UnicodeDecodeError):
        return NotUtf8Error(f"{path.name} is not UTF-8 text.", f"Save it as UTF-8. {SAVE_AS_UTF8}", "predictions")
    fix = error.fix if isinstance(error, TitleRowsError) else "Save or export it again."
    return DatasetError(f"{path.name} cannot be read: {reason(error)}.", fix, "predictions")


class ParquetTable:
    """A table in Parquet. See `TableFile`."""

    separator = ","

    def __init__(self, path: Path) -> None:
        file = open_parquet(path)
        self.path, self.columns, self.n_rows = path, list(file.schema_arrow.names), file.metadata.num_rows

    def frames(self, columns: Sequence[str], numbers: Sequence[str] = (), n_classes: int = 1) -> Iterator[pd.DataFrame]:
        """See `TableFile`."""
        for batch in open_parquet(self.path).iter_batches(piece_rows(n_classes), columns=list(columns)):
            yield batch.to_pandas()

    def decimal(self, columns: Sequence[str]) -> str:
        """See `TableFile`."""
        return "."

    def first_row(self, columns: Sequence[str]) -> dict[str, object]:
        """See `TableFile`."""
        batch = next(open_parquet(self.path).iter_batches(1, columns=list(columns)), None)
        return batch.to_pylist()[0] if batch else {}

    def further_columns(self, used: Collection[str]) -> Columns:
        """See `TableFile`."""
        return parquet_columns([self.path], used)

    def place(self, row: int) -> int:
        """See `TableFile`."""
        return row

    def no_number(self, columns: Sequence[str]) -> DatasetError | None:
        """See `TableFile`."""
        return None


class CsvTable:
    """A table in CSV. See `TableFile`."""

    def __init__(self, path: Path) -> None:
        """Raises NoHeaderError, and any exception for a damaged file."""
        self.path = path
        with path.open("rb") as file:
            self._encoding = encoding_of(file.read(FIRST_BYTES))
        self._said = False  # whether the first line says the separator
        self._is_comment = False  # the header line is one, as numpy.savetxt writes it
        with self._text() as text:
            begin = text.readline()
        said = SEPARATOR_LINE.match(begin)
        self._said, self._is_comment = said is not None, bool(_COMMENT.match(begin))
        with self._text() as text:
            check_no_titles(text, 1 + self._said)
        with self._text() as text:
            n_lines, first = next(((number, line) for number, line in enumerate(text, 1) if line.strip()), (0, ""))
            self.separator = said[1] if said else csv_separator(first)
            self.columns = next(csv.reader([first], delimiter=self.separator), [])
            if (numbers := _numbers_instead_of_names(first)) or _are_cells(self.columns):
                raise _no_header(path.name, numbers)
            if len(set(self.columns)) < len(self.columns):
                raise ValueError("two columns have the same name")
            n_read, blank = 0, []
            for number, cells in enumerate(csv.reader(text, delimiter=self.separator), n_lines + 1):
                if any(cells[len(self.columns) :]):
                    raise ValueError(f"row {number} has {len(cells)} cells, but there are {len(self.columns)} columns")
                if not any(map(str.strip, cells)) and _is_read(cells):
                    blank.append(n_read)
                n_read += _is_read(cells)
        self._blank = np.array(blank, np.int64)  # the rows without any content, as spreadsheets save them
        if not column_among(self.columns, (*FILE_COLUMNS, *LABEL_COLUMNS)):
            # labels may follow row by row, so only rows at the end cannot move others
            self._blank = self._blank[self._blank - np.arange(len(blank)) == n_read - len(blank)]
        self.n_rows = n_read - len(self._blank)

    @contextmanager
    def _text(self) -> Iterator[TextIO]:
        """The open file, after the line that says the separator, and after the sign of a comment."""
        encoding = "utf-8-sig" if self._encoding == "utf-8" else self._encoding
        with self.path.open(encoding=encoding, newline="") as text:
            if self._said:
                text.readline()
            if self._is_comment:
                text.read(len("# "))
            yield text

    def frames(self, columns: Sequence[str], numbers: Sequence[str] = (), n_classes: int = 1) -> Iterator[pd.DataFrame]:
        """See `TableFile`."""
        types = {column: np.float64 if column in numbers else str for column in columns}
        yield from self._read(columns, types, numbers, n_classes, self.decimal(numbers) if numbers else ".")

    def _read(
        self, columns: Sequence[str] | Sequence[int], types: Mapping[str, type] | type, numbers: Sequence[str] = (),
        n_classes: int = 1, decimal: str = ".",
    ) -> Iterator[pd.DataFrame]:  # fmt: skip
        with self._text() as text, pd.read_csv(
            text, sep=self.separator, decimal=decimal, usecols=list(columns),
            chunksize=piece_rows(n_classes), dtype=types, keep_default_na=False, index_col=False,  # False: lines may end with a separator
            na_values={column: ["", "nan", "NaN"] for column in numbers},
        ) as reader:  # fmt: skip
            done = 0
            for frame in reader:
                kept = frame[~np.isin(np.arange(done, done + len(frame)), self._blank)]
                done += len(frame)
                if len(kept) or not len(frame):
                    yield kept

    def decimal(self, columns: Sequence[str]) -> str:
        """The comma if the first number with decimals has one, as European spreadsheets write it; else the point."""
        for frame in self._read(columns, str, columns, len(columns)):
            for cells in (frame[column] for column in columns):
                if cells.str.contains(_DECIMAL_COMMA, na=False).any():
                    return ","
                if cells.str.contains(".", regex=False, na=False).any():
                    return "."
        return "."

    def first_row(self, columns: Sequence[str]) -> dict[str, object]:
        """See `TableFile`."""
        with self._text() as text:
            filled = (cells for cells in csv.reader(text, delimiter=self.separator) if any(map(str.strip, cells)))
            next(filled, None)  # the header
            cells = dict(zip(self.columns, next(filled, []), strict=False))
        return {column: cells[column] for column in columns if column in cells}

    def further_columns(self, used: Collection[str]) -> Columns:
        """See `TableFile`."""
        places = [i for i, column in enumerate(self.columns) if column not in used]
        for start in range(0, len(places), MOST_COLUMNS):  # the others are mostly not asked for
            group = places[start : start + MOST_COLUMNS]
            tables = [pa.Table.from_pandas(frame, preserve_index=False) for frame in self._read(group, str)]
            for at, place in enumerate(group):
                cells = pa.chunked_array([c for table in tables for c in table.column(at).cast(pa.string()).chunks])
                yield self.columns[place].strip(), partial(from_text, cells, self.separator)

    def place(self, row: int) -> int:
        """See `TableFile`."""
        with self._text() as text:
            lines = enumerate(csv.reader(text, delimiter=self.separator), 1)
            read = enumerate((number for number, cells in lines if _is_read(cells)), -1)  # the first is the header line
            blank = set(self._blank.tolist())
            return next(islice((number for i, number in read if i not in blank), row + 1, None), row + 2)

    def no_number(self, columns: Sequence[str]) -> DatasetError | None:
        """See `TableFile`."""
        done = 0
        with contextlib.suppress(Exception):  # then the reason is another one
            has_commas = self.decimal(columns) == ","
            for frame in self._read(columns, str, columns, len(columns)):
                points = frame
                if has_commas:
                    points = frame.replace({r"\.": "?"}, regex=True).replace({",": "."}, regex=True)
                wrong = (points.apply(pd.to_numeric, errors="coerce").isna() & frame.notna()).to_numpy()
                if wrong.any():
                    row, column = (int(each[0]) for each in np.nonzero(wrong))
                    return DatasetError(
                        f"{self.path.name}: row {self.place(done + row)} has {str(frame.iloc[row, column])[:40]!r} in the "
                        f"column {frame.columns[column]}, which is not a number.",
                        "Save numbers from 0 to 1, all with a point before the decimals.", "predictions",
                    )  # fmt: skip
                done += len(frame)
        return None


def _is_read(cells: Sequence[str]) -> bool:
    """True for the cells of a line that pandas reads as a row; it passes over lines without a cell."""
    return len(cells) > 1 or "".join(cells).strip() != "" or [*cells] == [""]  # the last is a quoted empty cell


def _no_header(name: str, numbers: Sequence[str]) -> NoHeaderError:
    """The error for a file whose first line holds numbers instead of the names of the columns.

    Args:
        numbers: its cells; [] if some are no numbers.
    """
    fix = "Name the columns in a new first line: file, label for true labels, and p_CLASS for the probabilities of a class."
    if numbers:
        n_probs = len(numbers) - (len(numbers) > 2 and numbers[-1].isdecimal())  # a label may stand behind them
        names = ",".join(f"p_{i}" for i in range(n_probs)) if n_probs > 1 else "p_yes"
        fix += (
            f" For probabilities in NumPy: np.savetxt({name!r}, probs, delimiter=',', header='{names}', comments='')."
        )
    return NoHeaderError(
        f"{name} has no header line: its first line holds numbers, not the names of the columns.", fix, "predictions"
    )


def _are_cells(columns: Sequence[str]) -> bool:
    """True if several of these are numbers between 0 and 1 with decimals, as probabilities beside other cells."""
    numbers = [column.strip().replace(",", ".") for column in columns]
    found = [number for number in numbers if is_number(number) and not number.isdecimal() and 0 <= float(number) <= 1]
    return len(found) > 1


def _numbers_instead_of_names(line: str) -> list[str]:
    """The numbers in the first line of a file without a header line; [] if it is one.

    Different whole numbers may be the names of classes. NumPy separates numbers by spaces unless told otherwise.
    """
    for separator in (",", ";", "\t", "|", None):
        cells = [cell.strip(' "\r\n') for cell in line.split(separator) if cell.strip()]
        if cells and all(is_number(cell.replace(",", ".")) for cell in cells):
            return [] if len(set(cells)) == len(cells) and all(map(str.isdecimal, cells)) else cells
    return []
