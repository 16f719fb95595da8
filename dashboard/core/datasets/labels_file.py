"""Reads labels files: CSV, JSON or Parquet with a label for each image file."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dashboard.core.datasets.attributes import (
    Attributes,
    Columns,
    attributes_of,
    from_values,
    parquet_columns,
)
from dashboard.core.datasets.coco import coco_rows, is_coco
from dashboard.core.datasets.columns import (
    FILE_COLUMNS,
    LABEL_COLUMNS,
    SPLIT_COLUMNS,
    TitleRowsError,
    column_among,
    columns_among,
)
from dashboard.core.datasets.csv_labels import CommentsError, csv_columns, csv_labels, labels_in_cells, read_csv
from dashboard.core.datasets.foreign_formats import WORKBOOKS, refuse_foreign
from dashboard.core.datasets.json_records import FILE, LABEL, as_records
from dashboard.core.datasets.label_column import (
    MOST_COLUMNS,
    about_ids,
    about_names,
    column_of_names,
    label_column,
    may_name_ids,
    possible_columns,
    question_about,
)
from dashboard.core.datasets.label_notes import about_other_labels
from dashboard.core.datasets.label_value import NoLabelError
from dashboard.core.datasets.labelme import is_labelme
from dashboard.core.datasets.other_names import file_stem, with_names_of_images
from dashboard.core.datasets.parquet_file import open_parquet
from dashboard.core.datasets.table_rows import LabelsTable, no_label_column, refused, rows_of, used_columns
from dashboard.core.datasets.table_splits import splits_of
from dashboard.core.datasets.text_cells import json_cells, parquet_cells, read_parquet, values_of
from dashboard.core.errors import DatasetError
from dashboard.core.labels.text_encoding import SAVE_AS_UTF8, decode_text, where_not_utf8
from dashboard.core.parsing import key_of_two_values, key_with_two_values, parse_json, parsing, reason
from dashboard.core.shell import in_command

if TYPE_CHECKING:
    import pandas as pd

_LINES = frozenset({".jsonl", ".ndjson", ".manifest"})  # one JSON value a line
_JSON = _LINES | {".json"}
LABELS_SUFFIXES = frozenset({".csv", ".tsv", ".parquet"}) | _JSON | WORKBOOKS
TEXT_SUFFIX = ".txt"  # of Excel's "Unicode Text", but few texts are tables, so the first line tells
_GUESSED_BYTES = 2**16  # enough to guess an encoding
MAX_LABELS_BYTES = 512 * 2**20
MAX_LABELS_ROWS = 20_000_000


class UnknownEncodingError(DatasetError):
    """A labels file is text in an encoding that is not known."""


def read_labels_file(
    data: bytes,
    name: str,
    stems: Collection[str],
    again: Callable[[], bytes] | None = None,
    column: str = "",
    folders: Collection[str] = (),
) -> LabelsTable:
    """Reads the rows of a labels file from its content.

    Args:
        again: reads the content again, for `LabelsTable.attributes`, so that it need not stay in memory.
        name: name of the file; the suffix gives its format.
        stems: names of the images without folder and suffix, to recognise a column of file names without a header.
        column: that holds the labels, if the user has chosen it.
        folders: names of the folders that the images lie in, to tell the encoding of a CSV.

    Raises:
        NoLabelColumnError: no column is called like labels.
        DatasetError: the file is damaged, or its columns are not recognised; code `labels_file`.
    """
    if len(data) > MAX_LABELS_BYTES:
        raise refused(
            name, f"it is larger than {MAX_LABELS_BYTES // 2**20} MB", "Keep only the columns of file names and labels."
        )
    suffix, encoding = PurePosixPath(name).suffix.lower(), ""
    with parsing(partial(_refused, name)):
        if suffix == ".parquet":
            table = _from_parquet(name, data, stems, column)
        elif suffix in _JSON:
            table = _from_json(name, json_value(data, suffix), stems, column)
        else:
            refuse_foreign(name, data)
            table, encoding = csv_labels(name, data, stems, column, folders)
    table = with_names_of_images(table, stems)
    if again is None or table.used is None:
        return table
    return replace(table, attributes=partial(_read_attributes, again, name, frozenset(table.used), encoding))


def _refused(name: str, error: Exception) -> DatasetError:
    if isinstance(error, UnicodeDecodeError):
        refusal = refused(
            name, f"it is not UTF-8 text ({where_not_utf8(error)}), and its encoding is not known",
            f"Save it as UTF-8. {SAVE_AS_UTF8} In Notepad, choose it at \"Save as\".{_how_to_convert(name, error)}",
        )  # fmt: skip
        return UnknownEncodingError(refusal.message, refusal.advice, refusal.code)
    if isinstance(error, CommentsError):
        return refused(name, str(error), "Remove these lines, so that it begins with the names of its columns.")
    if isinstance(error, TitleRowsError):
        refusal = refused(name, str(error), error.fix)
        return no_label_column(refusal) if error.names_files else refusal
    if isinstance(error, NoLabelError):
        return refused(
            name, str(error), "As the label of each image, write the name or the number of its class, such as "
            + ('{"file": "a.png", "label": "cat"}.' if PurePosixPath(name).suffix.lower() in _JSON else "cat or 3."),
        )  # fmt: skip
    if isinstance(error, json.JSONDecodeError):
        why = f"it is not valid JSON ({reason(error)})"
    else:
        why = f"a record in it lacks {error}" if isinstance(error, KeyError) else reason(error)
    return refused(name, why, "Save or export it again.")


def _how_to_convert(name: str, error: UnicodeDecodeError) -> str:
    """A command for a table that is likely in the encoding of Western Europe, else ""."""
    from dashboard.core.datasets.encoding_guess import reads_well  # only few tables need it

    line = error.object.rfind(b"\n", 0, error.start) + 1
    if not reads_well(bytes(error.object[line : line + _GUESSED_BYTES]), "cp1252"):
        return ""
    command = f"iconv -f WINDOWS-1252 -t UTF-8 {in_command(PurePosixPath(name).name)} > utf8.csv"
    return f" Or convert it: `{command}` for Western Europe."


def _read_attributes(again: Callable[[], bytes], name: str, used: frozenset[int | str], encoding: str) -> Attributes:
    """The attributes of a table. Raises DatasetError or ImageError if it cannot be read again."""
    suffix = PurePosixPath(name).suffix.lower()
    with parsing(partial(_refused, name)):
        data = again()
        if suffix == ".parquet":
            columns = parquet_columns([pa.py_buffer(data)], used)
        elif suffix in _JSON:
            columns = _json_columns(as_records(name, json_value(data, suffix)), used)
        else:
            columns = csv_columns(read_csv(data, encoding), used)
        return attributes_of(name, columns)


def _json_columns(records: Any, used: Collection[int | str]) -> Columns:
    for name in dict.fromkeys(str(key) for record in records for key in record):
        if name not in used:
            yield name, partial(from_values, [record.get(name) for record in records])


def json_value(data: bytes, suffix: str) -> object:
    """The value of a JSON file; for .jsonl and the like, the list of its values, one per line. Raises ValueError.

    An object of files and labels that names a file with several labels becomes a list of records.
    """
    text = decode_text(data)
    if suffix in _LINES:
        return [parse_json(line) for line in text.splitlines() if line.strip()]
    doubled: list[tuple[dict[str, Any], list[tuple[str, Any]], str]] = []

    def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if key := key_of_two_values(found, pairs):
            doubled.append((found, pairs, key))
        return found

    value = json.loads(text, object_pairs_hook=as_object)
    for found, pairs, key in doubled:
        if found is not value or any(isinstance(each, (dict, list)) for _, each in pairs):
            raise key_with_two_values(key)
        value = [{FILE: file, LABEL: label} for file, label in pairs]
    return value


def _from_parquet(name: str, data: bytes, stems: Collection[str], chosen: str) -> LabelsTable:
    parquet = open_parquet(pa.py_buffer(data))
    columns, metadata = parquet.schema_arrow.names, parquet.metadata
    file, label = column_among(columns, FILE_COLUMNS), label_column(name, columns, chosen)
    if len(set(columns)) < len(columns):
        raise ValueError("two columns have the same name")
    if metadata.num_rows > MAX_LABELS_ROWS:
        raise ValueError(f"it has {metadata.num_rows:,} rows, more than {MAX_LABELS_ROWS:,}")
    if file is None or label is None:
        return _of_cells(name, parquet_cells(data, MAX_LABELS_BYTES), stems, chosen)
    split = column_among(columns, SPLIT_COLUMNS)
    schema = parquet.schema_arrow
    among = columns if chosen else _labels_or_texts(schema)
    others = [
        each for each in among if each not in (file, label, split) and not pa.types.is_nested(schema.field(each).type)
    ][:MOST_COLUMNS]
    wanted = [file, label, *([split] if split else []), *others]
    table = read_parquet(data, wanted, MAX_LABELS_BYTES)
    splits = splits_of(values_of(table[split]), split) if split else ()
    found = _Columns(
        columns,
        file,
        values_of(table[file]),
        label,
        values_of(table[label]),
        {each: values_of(table[each]) for each in others},
        splits,
    )
    if not found.names_images(stems):
        return _of_cells(name, parquet_cells(data, MAX_LABELS_BYTES), stems, chosen)
    return found.rows(name, chosen)


@dataclass(frozen=True)
class _Columns:
    """The columns of a table with one for the names of files."""

    names: Sequence[str]  # of all columns
    file: str
    files: Sequence[object]
    label: str  # the column of the labels
    labels: Sequence[object]
    others: Mapping[str, Sequence[object]]  # that may hold labels, too
    splits: tuple[str, ...]  # of each row

    def names_images(self, stems: Collection[str]) -> bool:
        """Whether a file is called like an image, if images are known."""
        return not stems or any(file_stem(str(file)) in stems for file in self.files)

    def rows(self, name: str, chosen: str) -> LabelsTable:
        """The rows. May raise as `rows_of` does."""
        label, labels = self.label, self.labels
        notes: tuple[str, ...] = ()
        if not chosen and (names := column_of_names(labels, self.others)):
            notes = (about_names(name, label, names) + about_ids(label),)
            label, labels = names, self.others[names]
        elif not chosen:
            others = {each: self.others[each] for each in columns_among([*self.others], LABEL_COLUMNS)}
            notes = about_other_labels(name, label, labels, others)
        table = rows_of(name, self.files, labels, notes, used_columns(self.names, self.file, label), label)
        possible = possible_columns({self.label: self.labels, **self.others}) if chosen else ()
        question = question_about(name, possible, self.label.strip()) if chosen else None
        return replace(table, splits=self.splits, question=question)


def cells_of(name: str, data: bytes) -> pd.DataFrame:
    """The cells of a table (CSV, JSON or Parquet) as text; its header is the first row. May raise any exception."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".parquet":
        return parquet_cells(data, MAX_LABELS_BYTES)
    return json_cells(as_records(name, json_value(data, suffix))) if suffix in _JSON else read_csv(data)


def _of_cells(name: str, cells: pd.DataFrame, stems: Collection[str], chosen: str) -> LabelsTable:
    """The rows of a table whose columns are not known by their names, as `labels_in_cells` finds them in a CSV."""
    table, header = labels_in_cells(name, cells, stems, chosen), cells.iloc[0].tolist()
    return replace(table, used=table.used and [header[int(column)] for column in table.used])


def _labels_or_texts(schema: pa.Schema) -> list[str]:
    """The columns that are called like labels, or may hold names of class ids: those called so, then others of text."""
    texts = [each.name for each in schema if pa.types.is_string(each.type) or pa.types.is_large_string(each.type)]
    named = filter(may_name_ids, schema.names)
    return list(dict.fromkeys([*columns_among(schema.names, LABEL_COLUMNS), *named, *texts]))


def _from_json(name: str, value: object, stems: Collection[str], chosen: str) -> LabelsTable:
    if is_coco(value):
        return coco_rows(name, value)
    if is_labelme(value):
        raise refused(
            name, "it is LabelMe's annotation of one image, and such files are read only if nearly all of several images "
            "have one, called like the image",
            "Annotate the other images too, or leave them out; or write a table of file and label.",
        )  # fmt: skip
    value = as_records(name, value)
    if isinstance(value, dict) and (files := _files_of_classes(value, stems)):
        return rows_of(name, [file for file, _ in files], [label for _, label in files])
    if isinstance(value, dict) and all(isinstance(v, (str, int, float, list, type(None))) for v in value.values()):
        return rows_of(name, list(value), list(value.values()))
    if not isinstance(value, list) or not all(isinstance(record, dict) for record in value) or not value:
        raise refused(
            name, "it is neither a list of records nor an object of file and label",
            'Write [{"file": "a.png", "label": "cat"}, ...] or {"a.png": "cat", ...}.',
        )  # fmt: skip
    columns = list(dict.fromkeys(str(key) for record in value for key in record))
    file, label = column_among(columns, FILE_COLUMNS), label_column(name, columns, chosen)
    if label is None and {"image", "annotations"} <= {*columns}:
        raise refused(
            name, "it holds annotations in the format of CreateML, which is not read",
            "Save them as COCO's JSON, or write a table of file and label.",
        )  # fmt: skip
    if file is None or label is None:
        return _of_cells(name, json_cells(value), stems, chosen)
    files, labels = ([record.get(column) for record in value] for column in (file, label))
    split = column_among(columns, SPLIT_COLUMNS)
    splits = splits_of((record.get(split) for record in value), split) if split else ()
    others = {each: [record.get(each) for record in value] for each in columns if each not in (file, label, split)}
    found = _Columns(columns, file, files, label, labels, others, splits)
    return found.rows(name, chosen) if found.names_images(stems) else _of_cells(name, json_cells(value), stems, chosen)


def _files_of_classes(value: dict[str, Any], stems: Collection[str]) -> list[tuple[str, str]]:
    """Pairs of file and class from {"cat": ["a.png", "b.png"], ...}; [] if the JSON has another layout."""
    if not all(isinstance(files, list) and all(isinstance(file, str) for file in files) for files in value.values()):
        return []
    if any(file_stem(key) in stems for key in value):
        return []
    pairs = [(file, label) for label, files in value.items() for file in files]
    return pairs if any(file_stem(file) in stems for file, _ in pairs) else []
