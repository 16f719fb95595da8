"""The rows of a run as Parquet files, read by column, so that of a million rows only the needed values are loaded."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.core.runs.parquet_file import open_parquet, parquet_writer
from dashboard.core.runs.row_scores import SCORE_FIELDS, SOURCES, row_scores

COLUMNS = (
    "index", "file", "true_label", "predicted_label", "confidence", "pred_probs", "logits", "status", "reason",
)  # fmt: skip
VIEW_COLUMNS = ("index", "true_label", "predicted_label", "confidence", "status")  # enough for charts
SCORE_COLUMNS = tuple(field.name for field in SCORE_FIELDS)
_LABELS = ("true_label", "predicted_label")
_STATUS = ("ok", "failed")
_NUMBERS = {
    "index": pa.int64(),
    "confidence": pa.float64(),
    "pred_probs": pa.list_(pa.float64()),
    "logits": pa.list_(pa.float32()),
}
SCHEMA = pa.schema([(name, _NUMBERS.get(name, pa.string())) for name in COLUMNS])  # what an evaluation knows of a row
DOUBT = "doubt"  # True: the image probably shows none of the classes; null: the model version has no thresholds
PROPERTY_FIELDS = (  # measured on the image; null if unknown
    pa.field("width", pa.int32()),  # pixels
    pa.field("height", pa.int32()),
    pa.field("file_size", pa.int64()),  # bytes
    pa.field("brightness", pa.float32()),  # mean luma, in [0, 1]
    pa.field("contrast", pa.float32()),  # standard deviation of luma, in [0, 0.5]
    pa.field("sharpness", pa.float32()),
    pa.field("colourfulness", pa.float32()),
)
STORED = pa.schema([*SCHEMA, *SCORE_FIELDS, pa.field(DOUBT, pa.bool_()), *PROPERTY_FIELDS])  # the same for every file
CLASS_NAMES = "class_names"  # metadata key of a packed file: class names in the order of `pred_probs`, as JSON
NOTES = "notes"  # metadata key: note on pixels -> number of images in the file, as JSON
_GROUP_ROWS = 16384  # rows per group of a packed file; one group is read to show one row

Further = Callable[[np.ndarray], pa.Table]  # more columns, with a row for each `index` (n,)


def no_further(index: np.ndarray) -> pa.Table:
    """A table without columns."""
    return pa.table({"": pa.nulls(len(index))}).select([])


class RowFiles:
    """The Parquet files of a run. Read one after the other, they give its rows in the order of `index`.

    A position is the number of a row in this order, from 0. Every method raises OSError if a file is missing or
    damaged, whatever is wrong in it.

    The parts of a run are packed into one file when the run is complete. If that happens after the first whole read,
    the same rows are read from the packed file, at the same positions.
    """

    def __init__(self, paths: Sequence[Path], class_names: Sequence[str], packed: Path | None = None) -> None:
        """
        Args:
            packed: the file that will replace the files at `paths`; None if nothing will.
        """
        self._paths, self._class_names, self._packed = paths, class_names, packed
        self._index: np.ndarray | None = None  # of each row, if the files may be replaced and were read

    def read(self, columns: Sequence[str]) -> pd.DataFrame:
        """All rows. Labels and status are categories; label categories are in the order of the classes."""
        return self._frame(self.arrow(columns))

    def arrow(self, columns: Sequence[str]) -> pa.Table:
        """All rows as an Arrow table."""
        try:
            if self._packed and self._index is None:
                self._index = self._arrow(["index"])["index"].to_numpy()
            return self._arrow(columns)
        except FileNotFoundError:
            packed, places = self._replacement
            return packed.arrow(columns).take(pa.array(places))

    def _arrow(self, columns: Sequence[str]) -> pa.Table:
        tables = [self._read(path, columns, pq.ParquetFile.read) for path in self._paths]
        tables = tables or [STORED.empty_table().select(list(columns))]
        return pa.concat_tables(tables).unify_dictionaries()

    def take(self, positions: np.ndarray, columns: Sequence[str]) -> pd.DataFrame:
        """The rows at these positions, in the given order. The positions are the index of the table."""
        try:
            return self._take(positions, columns)
        except FileNotFoundError:
            packed, places = self._replacement
            return packed.take(places[positions], columns).set_axis(pd.Index(positions))

    def _take(self, positions: np.ndarray, columns: Sequence[str]) -> pd.DataFrame:
        groups, ends = self._groups
        group_of = np.searchsorted(ends, positions, side="right")
        order = np.argsort(group_of, kind="stable")  # the order in which the rows are read
        tables = [STORED.empty_table().select(list(columns))]
        for group in np.unique(group_of):
            path, number = groups[group]
            first = ends[group - 1] if group else 0
            here = positions[group_of == group] - first
            tables.append(
                self._read(path, columns, partial(pq.ParquetFile.read_row_group, i=number)).take(pa.array(here))
            )
        frame = self._frame(pa.concat_tables(tables[1:] or tables)).set_axis(pd.Index(positions[order]))
        return frame.iloc[np.argsort(order)]

    def batches(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yields all rows, some thousand at a time."""
        done = 0
        try:
            for path in self._paths:
                with reading(path):
                    numbers = range(_open(path).num_row_groups)
                for number in numbers:
                    rows = self._frame(self._read(path, columns, partial(pq.ParquetFile.read_row_group, i=number)))
                    yield rows
                    done += len(rows)
        except FileNotFoundError:
            packed, places = self._replacement
            for start in range(done, len(places), _GROUP_ROWS):
                yield packed.take(places[start : start + _GROUP_ROWS], columns)

    def pack(self, target: Path, positions: np.ndarray | None = None, further: Further = no_further) -> None:
        """Writes all rows into one file, completely or not at all, with the class names as metadata.

        Args:
            positions: (n,) int, ascending. If given, only these rows are written.
            further: gives more columns, with a row for each `index` (n,).
        """
        try:
            self._pack(target, positions, further)
        except FileNotFoundError:
            packed, places = self._replacement
            packed.pack(target, places if positions is None else places[positions], further)

    def _pack(self, target: Path, positions: np.ndarray | None, further: Further) -> None:
        waiting: list[pa.Table] = []
        own = further(np.empty(0, np.int64)).schema
        notes = sum((read_notes(path) for path in self._paths), Counter[str]()) if positions is None else {}
        schema = pa.schema([*STORED, *own]).with_metadata(
            {CLASS_NAMES: json.dumps(list(self._class_names)), **as_metadata(notes)}
        )
        with parquet_writer(target, schema) as writer:
            for rows in self._tables(positions):
                table = complete(rows, self._class_names)
                more = further(table["index"].to_numpy())
                for name in own.names:
                    table = table.append_column(own.field(name), more[name])
                waiting.append(table)
                if sum(map(len, waiting)) >= _GROUP_ROWS:
                    writer.write_table(pa.concat_tables(waiting), row_group_size=_GROUP_ROWS)
                    waiting.clear()
            if waiting:
                writer.write_table(pa.concat_tables(waiting), row_group_size=_GROUP_ROWS)

    def _tables(self, positions: np.ndarray | None) -> Iterator[pa.Table]:
        """The rows, or those at some positions, with the columns that the files have."""
        groups, ends = self._groups
        for (path, number), end in zip(groups, ends, strict=True):
            with reading(path):
                rows = _typed(_open(path, ()).read_row_group(number))
            if positions is not None:
                here = positions[(positions >= end - len(rows)) & (positions < end)]
                rows = rows.take(pa.array(here - (end - len(rows))))
            yield rows

    def _read(self, path: Path, columns: Sequence[str], read: Callable[..., pa.Table]) -> pa.Table:
        """Columns of a file. What files of earlier versions lack is computed or null."""
        with reading(path):
            file = _open(path)
            present = set(file.schema_arrow.names)
            if present.issuperset(columns):
                return _typed(read(file, columns=list(columns)))
            scores = [*SOURCES] if set(SCORE_COLUMNS) & (set(columns) - present) else []
            wanted = [name for name in STORED.names if name in present and name in {*columns, *scores}]
            return complete(_typed(read(file, columns=wanted)), self._class_names).select(list(columns))

    def _frame(self, table: pa.Table) -> pd.DataFrame:
        frame = table.unify_dictionaries().to_pandas()
        categories = {**dict.fromkeys(_LABELS, self._class_names), "status": _STATUS}
        for name in categories.keys() & set(table.column_names):
            if unknown := {*frame[name].dropna().unique()} - {*categories[name]}:  # pandas would call it missing
                raise OSError(f"the column {name} of the rows holds {str(unknown.pop())[:80]!r}, which it cannot")
            frame[name] = pd.Categorical(frame[name], dtype=pd.CategoricalDtype(list(categories[name])))
        return frame

    @cached_property
    def _replacement(self) -> tuple[RowFiles, np.ndarray]:
        """The packed file, and for each position the position in it, which has more rows if the run went on."""
        if self._packed is None or self._index is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._paths[0]))
        packed = RowFiles([self._packed], self._class_names)
        return packed, np.searchsorted(packed.arrow(["index"])["index"].to_numpy(), self._index)

    @cached_property
    def _groups(self) -> tuple[list[tuple[Path, int]], np.ndarray]:
        """All row groups as (file, number), and for each the position after its last row."""
        groups, counts = [], []
        for path in self._paths:
            with reading(path):
                metadata = _open(path).metadata
            for number in range(metadata.num_row_groups):
                groups.append((path, number))
                counts.append(metadata.row_group(number).num_rows)
        return groups, np.cumsum(counts, dtype=np.int64)


def complete(rows: pa.Table, class_names: Sequence[str]) -> pa.Table:
    """The rows with all columns of `STORED`, as far as they can be computed; other missing columns are null."""
    if not {*SCORE_COLUMNS} <= {*rows.column_names} and {*SOURCES} <= {*rows.column_names}:
        scores = row_scores(rows["pred_probs"], rows["true_label"], class_names)
        for name in scores.column_names:
            rows = rows.append_column(scores.schema.field(name), scores[name])
    for field in STORED:
        if field.name not in rows.column_names:
            rows = rows.append_column(field, pa.nulls(len(rows), field.type))
    return rows.select(STORED.names)


def _typed(rows: pa.Table) -> pa.Table:
    """The same rows. Raises ValueError if a column has another type than `STORED` says, as after damage to a footer."""
    for field in rows.schema:
        found = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if field.name in STORED.names and found != (wanted := STORED.field(field.name).type):
            raise ValueError(f"the column {field.name} is of the type {found}, not {wanted}")
    return rows


def read_part(path: Path) -> pa.Table:
    """All rows of a part, whose checksums are verified. Raises OSError if it is missing or damaged."""
    with reading(path):
        return _typed(_open(path).read())


def as_metadata(notes: Mapping[str, int]) -> dict[str, str]:
    """Notes on pixels with the number of their images, as the metadata of a file."""
    return {NOTES: json.dumps(notes)} if notes else {}


def read_notes(path: Path) -> Counter[str]:
    """The notes on pixels of a file, each with the number of its images. Raises OSError if it is missing or damaged."""
    with reading(path):
        return notes_in(_open(path).schema_arrow)


def notes_in(schema: pa.Schema) -> Counter[str]:
    """As `read_notes`, from the schema of a file. May raise any exception if it is damaged."""
    told = json.loads((schema.metadata or {}).get(NOTES.encode(), "{}"))
    return Counter({str(note): int(count) for note, count in told.items()})


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Makes every error of a reader an OSError: a damaged file may make it raise anything."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{path.name}: {error}") from error


def _open(path: Path, as_dictionary: Sequence[str] = (*_LABELS, "status")) -> pq.ParquetFile:
    file = open_parquet(path, read_dictionary=list(as_dictionary))
    if unknown := {*file.schema_arrow.names} - {*STORED.names}:  # else its values would silently be missing
        raise ValueError(f"there is no column {unknown.pop()[:80]!r}")
    return file
