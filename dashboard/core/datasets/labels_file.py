"""Reads labels files: CSV, JSON or Parquet with a label for each image file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.core.datasets.columns import FILE_COLUMNS, LABEL_COLUMNS, column_among, csv_separator
from dashboard.core.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

LABELS_SUFFIXES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".parquet"})
MAX_LABELS_BYTES = 512 * 2**20
MAX_LABELS_ROWS = 20_000_000
_HEADER = "Begin the file with a line of column names, such as `file,label`."
_WHOLE = re.compile(r"^(-?\d+)\.0+$")  # pandas writes class ids like this if one is missing


@dataclass(frozen=True)
class LabelsTable:
    """The rows of a labels file."""

    name: str  # of the labels file
    files: tuple[str, ...]
    labels: tuple[str | None, ...]  # None if the row has no label
    notes: tuple[str, ...] = ()


def read_labels_file(data: bytes, name: str, stems: Collection[str]) -> LabelsTable:
    """Reads the rows of a labels file from its content.

    Args:
        name: name of the file; the suffix gives its format.
        stems: names of the images without folder and suffix, to recognise a column of file names without a header.

    Raises:
        DatasetError: the file is damaged, or its columns are not recognised; code `labels_file`.
    """
    if len(data) > MAX_LABELS_BYTES:
        raise _refused(
            name, f"it is larger than {MAX_LABELS_BYTES // 2**20} MB", "Keep only the columns of file names and labels."
        )
    suffix = PurePosixPath(name).suffix.lower()
    try:
        if suffix == ".parquet":
            return _from_parquet(name, data)
        if suffix in (".json", ".jsonl"):
            return _from_json(name, json_value(data, suffix))
        return _from_csv(name, read_csv(data), stems)
    except UnicodeDecodeError as error:
        raise _refused(name, "it is not UTF-8 text", "Save it as UTF-8 (in Excel: CSV UTF-8).") from error
    except (ValueError, TypeError, RecursionError, csv.Error, pa.ArrowException, OSError) as error:
        raise _refused(
            name, str(error).strip().rstrip(".") or type(error).__name__, "Save or export it again."
        ) from error


def read_csv(data: bytes) -> pd.DataFrame:
    """The cells of a CSV as text; a header is the first row. Raises ValueError, UnicodeDecodeError, csv.Error."""
    text = data.decode("utf-8-sig")
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise ValueError("it is empty")
    import pandas as pd  # workers and commands that read no CSV file do without

    return pd.read_csv(
        io.StringIO(text),
        sep=csv_separator(first),
        header=None,
        dtype=str,
        keep_default_na=False,
        skip_blank_lines=True,
    )


def json_value(data: bytes, suffix: str) -> object:
    """The value of a JSON file; for .jsonl, the list of its values, one per line. Raises ValueError."""
    text = data.decode("utf-8-sig")
    if suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return json.loads(text)


def as_label(value: object) -> str | None:
    """A label as text: 3, 3.0 and "3.0" become "3"; None if empty or missing. Raises ValueError for other types."""
    if value is None or type(value).__name__ == "NAType" or value != value:  # pandas.NA, without importing pandas
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"{str(value)[:60]!r} is not a label: a name or a whole number is needed")
    text = str(value).strip()
    text.encode()  # raises for half characters, which JSON may hold and UTF-8 cannot store
    whole = _WHOLE.match(text)
    return whole[1] if whole else text or None


def _from_parquet(name: str, data: bytes) -> LabelsTable:
    parquet = pq.ParquetFile(io.BytesIO(data))
    columns, metadata = parquet.schema_arrow.names, parquet.metadata
    file, label = column_among(columns, FILE_COLUMNS), column_among(columns, LABEL_COLUMNS)
    if file is None or label is None:
        raise _no_columns(name, columns)
    if len(set(columns)) < len(columns):
        raise ValueError("two columns have the same name")
    chunks = [metadata.row_group(g).column(c) for g in range(metadata.num_row_groups) for c in range(len(columns))]
    unpacked = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in (file, label))
    if unpacked > MAX_LABELS_BYTES or metadata.num_rows > MAX_LABELS_ROWS:
        raise ValueError(f"unpacked it has {metadata.num_rows:,} rows and {unpacked / 2**20:,.0f} MB")
    table = pq.read_table(io.BytesIO(data), columns=[file, label], read_dictionary=[file, label])
    return _table(name, _values(table[file]), _values(table[label]))


def _values(column: pa.ChunkedArray) -> list[object]:
    """The values as Python objects. A value that the file stores once for a million rows is one object."""
    values: list[object] = []
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            different = [*chunk.dictionary.to_pylist(), None]
            values += [different[code] for code in chunk.indices.fill_null(-1).to_pylist()]
        else:
            values += chunk.to_pylist()
    return values


def _from_json(name: str, value: object) -> LabelsTable:
    if isinstance(value, dict) and all(isinstance(v, (str, int, float, type(None))) for v in value.values()):
        return _table(name, list(value), list(value.values()))
    if not isinstance(value, list) or not all(isinstance(record, dict) for record in value) or not value:
        raise _refused(
            name, "it is neither a list of records nor an object of file and label",
            'Write [{"file": "a.png", "label": "cat"}, ...] or {"a.png": "cat", ...}.',
        )  # fmt: skip
    columns = list(dict.fromkeys(str(key) for record in value for key in record))
    file, label = column_among(columns, FILE_COLUMNS), column_among(columns, LABEL_COLUMNS)
    if file is None or label is None:
        raise _no_columns(name, columns)
    return _table(name, [record.get(file) for record in value], [record.get(label) for record in value])


def _from_csv(name: str, cells: pd.DataFrame, stems: Collection[str]) -> LabelsTable:
    header = [str(cell) for cell in cells.iloc[0]]
    file, label = column_among(header, FILE_COLUMNS), column_among(header, LABEL_COLUMNS)
    if file is not None and label is not None:
        rows = cells.iloc[1:]
        return _table(name, rows[header.index(file)].tolist(), rows[header.index(label)].tolist())
    # Without a known header, the columns are certain only if there are two and exactly one of them names images.
    named = [i for i in range(len(header)) if cells[i].map(lambda cell: file_stem(cell) in stems).any()]
    if len(header) != 2 or len(named) != 1:
        raise _no_columns(name, header)
    [column] = named
    headless = file_stem(header[column]) in stems
    rows = cells if headless else cells.iloc[1:]
    what = "no header" if headless else "a header without known names"
    note = f"{name} has {what}: its {('1st', '2nd')[column]} column names images, the other one is used as the label."
    return _table(name, rows[column].tolist(), rows[1 - column].tolist(), (note,))


def file_stem(name: str) -> str:
    """The name of a file without folder and suffix."""
    return PurePosixPath(name.strip().replace("\\", "/")).stem


def _table(name: str, files: Sequence[object], labels: Sequence[object], notes: tuple[str, ...] = ()) -> LabelsTable:
    if not files:
        raise _refused(name, "it has no rows", _HEADER)
    return LabelsTable(
        name, tuple("" if file is None else _text(file) for file in files), tuple(map(as_label, labels)), notes
    )


def _text(value: object) -> str:
    text = str(value).strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _no_columns(name: str, columns: Sequence[str]) -> DatasetError:
    found = ", ".join(repr(column[:40]) for column in columns[:8]) or "none"
    return _refused(name, f"no columns of file names and labels were recognised (it has {found})", _HEADER)


def _refused(name: str, reason: str, fix: str) -> DatasetError:
    return DatasetError(f"{name} cannot be used as a labels file: {reason}.", fix, "labels_file")
