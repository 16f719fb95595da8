"""Attributes: the columns of a table besides those of files and labels, such as a camera or an age.

They are kept with an evaluation, to filter its images. Each becomes whole numbers, numbers, yes or no, or text. In a
file without types, a column becomes text if one of its numbers cannot be computed with.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dashboard.core.datasets.parquet_file import open_parquet, read_columns
from dashboard.core.errors import listed

MOST_COLUMNS = 100
MOST_VALUE_BYTES = 32 * 2**10
MOST_COLUMN_BYTES = 512 * 2**20
_TOO_LARGE = f"larger than {MOST_COLUMN_BYTES // 2**20} MB"

PANDAS_INDEX = "__index_level_"  # begins the name of a column that pandas adds
# In a file without types. Whole numbers of more digits, or with a zero in front, are names: they are not computed with.
_WHOLE = r"^[+-]?(0|[1-9][0-9]{0,14})$"
_NUMBER = r"^[+-]?((0|[1-9][0-9]{0,14})(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_FLAGS = pa.array(["true", "yes", "false", "no"])
_TRUE = _FLAGS[:2]
_MISSING = pa.array(["", "na", "n/a", "nan", "null", "none"])  # among numbers and flags; as text, they may be names


@dataclass(frozen=True)
class Attributes:
    """The attributes of the samples of a dataset, or of the rows of a table."""

    columns: (
        pa.Table
    )  # int64, float64, bool and string; null where there is no value; without rows if it has no columns
    notes: tuple[str, ...] = ()  # sentences for the user about columns that were left out

    def at(self, rows: np.ndarray) -> Attributes:
        """Those of other samples. `rows` (N,) int64 gives the row of each, or -1 if it has none."""
        taken = self.columns.take(pa.array(rows, mask=rows < 0))
        return Attributes(taken, self.notes)


class LeftOutError(ValueError):
    """A column that is no attribute. Its text says why."""


Columns = Iterable[tuple[str, Callable[[], pa.ChunkedArray]]]  # by name, read when needed; may raise LeftOutError


def attributes_of(source: str, columns: Columns) -> Attributes:
    """The attributes among columns. Columns without any value are left out.

    Args:
        source: the name of the table, for notes.
    """
    kept: list[tuple[str, pa.ChunkedArray]] = []
    left_out: list[str] = []
    for name, read in columns:
        if len(kept) == MOST_COLUMNS:
            left_out.append(f"all after the first {MOST_COLUMNS}")
            break
        try:
            column = read()
            _check_size(column)
        except LeftOutError as reason:
            left_out.append(f"{name} ({reason})")
            continue
        if column.null_count < len(column):
            kept.append((name, column))
    notes = (f"Columns of {source} that images cannot be filtered by: {listed(left_out)}.",) if left_out else ()
    return Attributes(pa.Table.from_arrays([c for _, c in kept], [n for n, _ in kept]), notes)


def joined(parts: Sequence[Attributes | None], counts: Sequence[int]) -> Attributes | None:
    """The attributes of several parts with `counts` samples, one after the other; None if no part has any."""
    if not any(parts):
        return None
    tables = [
        part.columns if part and part.columns.num_columns else _empty(count)
        for part, count in zip(parts, counts, strict=True)
    ]
    fields: dict[str, pa.DataType] = {}
    for field in (field for table in tables for field in table.schema):
        fields[field.name] = _common(fields.get(field.name, field.type), field.type)
    columns = [pa.chunked_array([c for table in tables for c in _chunks(table, n, t)], t) for n, t in fields.items()]
    notes = dict.fromkeys(note for part in parts if part for note in part.notes)
    return Attributes(pa.Table.from_arrays(columns, list(fields)), tuple(notes))


def from_text(cells: pa.ChunkedArray, separator: str = ",") -> pa.ChunkedArray:
    """A column of a file in which every cell is text.

    Args:
        separator: what separates the cells. Beside a semicolon, numbers may have a decimal comma, as spreadsheets write
            them in much of Europe.
    """
    text = pc.utf8_trim_whitespace(cells)
    words = pc.if_else(pc.equal(text, ""), None, text)
    present = pc.invert(pc.is_in(pc.utf8_lower(text), _MISSING))
    values = pc.if_else(present, text, None)
    if values.null_count == len(values):
        return words
    for pattern, kind in ((_WHOLE, pa.int64()), (_NUMBER, pa.float64())):
        if pc.all(pc.match_substring_regex(values, pattern)).as_py():
            numbers = _numbers(values, kind)
            return words if numbers is None else numbers
    if separator == ";" and pc.all(pc.match_substring_regex(values, _NUMBER.replace(r"\.", ","))).as_py():
        numbers = _numbers(pc.replace_substring(values, ",", "."), pa.float64())
        return words if numbers is None else numbers
    lower = pc.utf8_lower(values)
    if pc.all(pc.is_in(pc.drop_null(lower), _FLAGS)).as_py():
        return pc.if_else(pc.is_valid(lower), pc.is_in(lower, _TRUE), None)
    return words


def _numbers(texts: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    """Texts as numbers; None if one is no number for Arrow or too large, such as 1e999."""
    try:
        numbers = pc.cast(pc.utf8_ltrim(texts, "+"), kind)  # Arrow reads no whole number with a plus
    except pa.ArrowException:
        return None
    return numbers if _are_finite(numbers) else None


def _are_finite(numbers: pa.ChunkedArray) -> bool:
    return not pc.any(pc.is_inf(numbers)).as_py()


def from_values(values: Sequence[object]) -> pa.ChunkedArray:
    """A column of JSON values. Raises LeftOutError for lists and objects."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds & {list, dict}:
        raise LeftOutError("lists or objects")
    try:
        if kinds == {bool}:
            return pa.chunked_array([pa.array(values, pa.bool_())])
        if kinds == {int}:
            return pa.chunked_array([pa.array(values, pa.int64())])
        if kinds <= {int, float} and kinds:
            numbers = pa.chunked_array([pa.array(values, pa.float64())])
            if _are_finite(numbers):
                return _without_nan(numbers)
    except (pa.ArrowException, OverflowError):
        pass  # whole numbers that are too large
    return pa.chunked_array([pa.array([None if v is None else _text_of(v) for v in values], pa.string())])


def parquet_columns(files: Sequence[Path | pa.Buffer], used: Collection[int | str]) -> Columns:
    """The columns of one table in Parquet files, besides those in use."""
    for field in open_parquet(files[0]).schema_arrow:
        if field.name not in used and not field.name.startswith(PANDAS_INDEX):
            yield field.name, partial(_parquet_column, files, field)


def _parquet_column(files: Sequence[Path | pa.Buffer], field: pa.Field) -> pa.ChunkedArray:
    """A column as an attribute. Raises LeftOutError for lists, objects, binary data, and if it is too large."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_nested(kind):
        raise LeftOutError("lists or objects")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        raise LeftOutError("binary data")
    chunks: list[pa.Array] = []
    for path in files:
        table = read_columns(open_parquet(path, [field.name]), [field.name], MOST_COLUMN_BYTES)
        if table is None:
            raise LeftOutError(_TOO_LARGE)
        chunks += table[field.name].chunks
    column = pa.chunked_array(chunks)
    if pa.types.is_dictionary(column.type):
        _check_size(column)  # before each value is written out
        column = pc.cast(column, kind)
    try:
        if pa.types.is_boolean(kind):
            return column
        if pa.types.is_integer(kind):
            return pc.cast(column, pa.int64())
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return _without_nan(pc.cast(column, pa.float64()))
        return pc.cast(column, pa.string())  # also of dates
    except pa.ArrowException as error:
        raise LeftOutError(str(kind)) from error


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_nan(column), None, column)


def _text_of(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()


def _check_size(column: pa.ChunkedArray) -> None:
    """Raises LeftOutError if the values of a column of text are too long."""
    total = 0
    for chunk in column.chunks:
        texts = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
        if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
            return
        lengths = pc.binary_length(texts)
        if (pc.max(lengths).as_py() or 0) > MOST_VALUE_BYTES:
            raise LeftOutError(f"values longer than {MOST_VALUE_BYTES // 2**10} KB")
        of_rows = lengths.take(chunk.indices) if pa.types.is_dictionary(chunk.type) else lengths
        total += pc.sum(pc.cast(of_rows, pa.int64())).as_py() or 0
    if total > MOST_COLUMN_BYTES:
        raise LeftOutError(_TOO_LARGE)


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other:
        return one
    return pa.float64() if {one, other} == {pa.int64(), pa.float64()} else pa.string()


def _empty(rows: int) -> pa.Table:
    return pa.table({"": pa.nulls(rows)}).select([])


def _chunks(table: pa.Table, name: str, kind: pa.DataType) -> Sequence[pa.Array]:
    """The values of a column, as another type if need be; nulls if the table lacks it."""
    if name not in table.column_names:
        return [pa.nulls(len(table), kind)]
    chunks: Sequence[pa.Array] = pc.cast(table[name], kind).chunks
    return chunks
