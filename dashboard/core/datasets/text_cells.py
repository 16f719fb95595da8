"""The values of tables in JSON and Parquet, and all of them as text, as a CSV has them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dashboard.core.datasets.attributes import PANDAS_INDEX
from dashboard.core.datasets.label_value import as_label
from dashboard.core.datasets.parquet_file import open_parquet, read_columns

if TYPE_CHECKING:
    import pandas as pd


def read_parquet(data: bytes, columns: Sequence[str], most_bytes: int) -> pa.Table:
    """Some columns of a Parquet file, at most `most_bytes` of them. May raise any exception."""
    schema = open_parquet(pa.py_buffer(data)).schema_arrow
    flat = [each for each in columns if not pa.types.is_nested(schema.field(each).type)]
    parquet = open_parquet(pa.py_buffer(data), flat)
    table = read_columns(parquet, columns, most_bytes)
    if table is None:
        raise ValueError(f"unpacked it has more than {most_bytes // 2**20} MB")
    if len(table) != parquet.metadata.num_rows:
        raise ValueError(f"it says that it has {parquet.metadata.num_rows:,} rows, but has {len(table):,}")
    return table


def values_of(column: pa.ChunkedArray) -> list[object]:
    """The values as Python objects. A value that the file stores once for a million rows is one object."""
    values: list[object] = []
    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            different = [*chunk.dictionary.to_pylist(), None]
            values += [different[code] for code in chunk.indices.fill_null(-1).to_pylist()]
        else:
            values += chunk.to_pylist()
    return values


def parquet_cells(data: bytes, most_bytes: int) -> pd.DataFrame:
    """The cells of a Parquet file as text, with the header in the first row. May raise any exception.

    Without binary columns and objects, and without the numbers of rows that pandas adds.
    """
    schema = open_parquet(pa.py_buffer(data)).schema_arrow
    columns = [field.name for field in schema if not _is_no_text(field)]
    table = read_parquet(data, columns, most_bytes)
    return _text_cells({column: values_of(table[column]) for column in columns})


def json_cells(records: Any) -> pd.DataFrame:
    """The cells of a list of records as text, with the header in the first row."""
    columns = dict.fromkeys(str(key) for record in records for key in record)
    return _text_cells({column: [record.get(column) for record in records] for column in columns})


def _is_no_text(field: pa.Field) -> bool:
    kind = field.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_struct(kind):
        return True
    return pa.types.is_integer(kind) and field.name.startswith(PANDAS_INDEX)


def _text_cells(columns: Mapping[str, Sequence[object]]) -> pd.DataFrame:
    import pandas as pd  # only few tables need it

    return pd.DataFrame({i: [column, *map(_text_of, values)] for i, (column, values) in enumerate(columns.items())})


def _text_of(value: object) -> str:
    if isinstance(value, dict):
        with contextlib.suppress(ValueError):  # it is no label
            return as_label(value) or ""
    return "" if value is None or value != value else str(value)
