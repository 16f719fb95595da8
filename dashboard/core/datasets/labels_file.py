"""Reads labels files: CSV, JSON or Parquet with a label for each image file."""

from __future__ import annotations

import contextlib
import io
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dashboard.core.datasets.attributes import (
    Attributes,
    Columns,
    attributes_of,
    from_text,
    from_values,
    parquet_columns,
)
from dashboard.core.datasets.coco import coco_rows, is_coco
from dashboard.core.datasets.columns import (
    FILE_COLUMNS,
    LABEL_COLUMNS,
    SEPARATOR_LINE,
    SPLIT_COLUMNS,
    column_among,
    columns_among,
    csv_separator,
    plain_column,
)
from dashboard.core.datasets.foreign_formats import WORKBOOKS, refuse_foreign
from dashboard.core.datasets.json_records import FILE, LABEL, as_records
from dashboard.core.datasets.label_notes import about_other_labels
from dashboard.core.datasets.labelme import is_labelme
from dashboard.core.datasets.one_hot import class_columns, marks_classes, one_hot_rows
from dashboard.core.datasets.other_names import file_stem, with_names_of_images
from dashboard.core.datasets.parquet_file import open_parquet, read_columns
from dashboard.core.datasets.table_rows import HEADER, LabelsTable, refused, rows_of
from dashboard.core.datasets.table_splits import are_splits, splits_of
from dashboard.core.errors import DatasetError
from dashboard.core.files import key_of_two_values, key_with_two_values, parse_json
from dashboard.core.labels.text_encoding import SAVE_AS_UTF8, decode_text, where_not_utf8
from dashboard.core.parsing import parsing, reason
from dashboard.core.shell import in_command

if TYPE_CHECKING:
    import pandas as pd

_LINES = frozenset({".jsonl", ".ndjson", ".manifest"})  # one JSON value a line
_JSON = _LINES | {".json"}
LABELS_SUFFIXES = frozenset({".csv", ".tsv", ".parquet"}) | _JSON | WORKBOOKS
MAX_LABELS_BYTES = 512 * 2**20
MAX_LABELS_ROWS = 20_000_000
_LONGER_LINE = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")  # of pandas
_ORDINALS = ("1st", "2nd", "3rd", *(f"{i}th" for i in range(4, 100)))
_PREDICTED = re.compile(r"(y_?)?pred(icted|iction)?s?([ _-].*)?|prob(ability)?|conf(idence)?|score", re.IGNORECASE)
_MOST_GUESSED_BYTES = 16 * 2**20  # of a table that is read in each encoding that there is


class NoLabelColumnError(DatasetError):
    """A table names images, but none of its columns is called like labels."""


class _CommentsError(ValueError):
    """A CSV begins with comments."""


def read_labels_file(
    data: bytes, name: str, stems: Collection[str], again: Callable[[], bytes] | None = None
) -> LabelsTable:
    """Reads the rows of a labels file from its content.

    Args:
        again: reads the content again, for `LabelsTable.attributes`, so that it need not stay in memory.
        name: name of the file; the suffix gives its format.
        stems: names of the images without folder and suffix, to recognise a column of file names without a header.

    Raises:
        DatasetError: the file is damaged, or its columns are not recognised; code `labels_file`.
    """
    if len(data) > MAX_LABELS_BYTES:
        raise refused(
            name, f"it is larger than {MAX_LABELS_BYTES // 2**20} MB", "Keep only the columns of file names and labels."
        )
    suffix, encoding = PurePosixPath(name).suffix.lower(), ""
    with parsing(partial(_refused, name)):
        if suffix == ".parquet":
            table = _from_parquet(name, data)
        elif suffix in _JSON:
            table = _from_json(name, json_value(data, suffix), stems)
        else:
            refuse_foreign(name, data)
            table, encoding = _from_text(name, data, stems)
    table = with_names_of_images(table, stems)
    if again is None or table.used is None:
        return table
    return replace(table, attributes=partial(_read_attributes, again, name, frozenset(table.used), encoding))


def _refused(name: str, error: Exception) -> DatasetError:
    if isinstance(error, UnicodeDecodeError):
        return refused(
            name, f"it is not UTF-8 text ({where_not_utf8(error)}), and its encoding is not known",
            f"Save it as UTF-8. {SAVE_AS_UTF8} In Notepad, choose it at \"Save as\". Or convert it: "
            f"`iconv -f WINDOWS-1252 -t UTF-8 {in_command(PurePosixPath(name).name)} > utf8.csv` for Western Europe.",
        )  # fmt: skip
    if isinstance(error, _CommentsError):
        return refused(name, str(error), "Remove these lines, so that it begins with the names of its columns.")
    if isinstance(error, json.JSONDecodeError):
        why = f"it is not valid JSON ({reason(error)})"
    else:
        why = f"a record in it lacks {error}" if isinstance(error, KeyError) else reason(error)
    return refused(name, why, "Save or export it again.")


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


def csv_columns(cells: pd.DataFrame, used: Collection[int | str]) -> Columns:
    """The columns of `read_csv`, besides those at the positions in use."""
    rows = cells.iloc[1:]
    for i, name in enumerate(cells.iloc[0]):
        if i not in used:
            yield str(name).strip(), partial(_csv_column, rows[i])


def _csv_column(cells: pd.Series) -> pa.ChunkedArray:
    # the way over a table is quick where pandas holds Arrow's strings; pa.array takes them one by one
    [column] = pa.Table.from_pandas(cells.to_frame("cells"), preserve_index=False).columns
    return from_text(column.cast(pa.string()))


def read_csv(data: bytes, encoding: str = "") -> pd.DataFrame:
    """The cells of a CSV as text; a header is the first row. May raise any exception.

    Args:
        encoding: "" for what `decode_text` reads.
    """
    text = data.decode(encoding) if encoding else decode_text(data)
    if said := SEPARATOR_LINE.match(text):
        text = text[said.end() :]
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise ValueError("it is empty")
    import pandas as pd  # workers and commands that read no CSV file do without

    separator = said[1] if said else csv_separator(first)
    try:
        return pd.read_csv(
            io.StringIO(text), sep=separator, header=None, dtype=str, keep_default_na=False, skip_blank_lines=True
        )
    except pd.errors.ParserError as error:
        if first.startswith("#"):
            raise _CommentsError(f"it begins with lines that are not rows ({first[:60]})") from error
        if longer := _LONGER_LINE.search(str(error)):
            raise ValueError(
                f"its line {int(longer[2]) + (said is not None)} has {longer[3]} cells, but its first line has {longer[1]}"
            ) from error
        raise


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


def _from_parquet(name: str, data: bytes) -> LabelsTable:
    parquet = open_parquet(pa.py_buffer(data))
    columns, metadata = parquet.schema_arrow.names, parquet.metadata
    file, label = column_among(columns, FILE_COLUMNS), column_among(columns, LABEL_COLUMNS)
    if file is None or label is None:
        raise _no_columns(name, columns)
    if len(set(columns)) < len(columns):
        raise ValueError("two columns have the same name")
    if metadata.num_rows > MAX_LABELS_ROWS:
        raise ValueError(f"it has {metadata.num_rows:,} rows, more than {MAX_LABELS_ROWS:,}")
    split = column_among(columns, SPLIT_COLUMNS)
    among = [each for each in columns_among(columns, LABEL_COLUMNS) if each not in (file, label, split)]
    others = [each for each in among if not pa.types.is_nested(parquet.schema_arrow.field(each).type)]
    wanted = [file, label, *([split] if split else []), *others]
    flat = [each for each in wanted if not pa.types.is_nested(parquet.schema_arrow.field(each).type)]
    table = read_columns(open_parquet(pa.py_buffer(data), flat), wanted, MAX_LABELS_BYTES)
    if table is None:
        raise ValueError(f"unpacked it has more than {MAX_LABELS_BYTES // 2**20} MB")
    if len(table) != metadata.num_rows:
        raise ValueError(f"it says that it has {metadata.num_rows:,} rows, but has {len(table):,}")
    splits = splits_of(_values(table[split]), split) if split else ()
    labels = _values(table[label])
    notes = about_other_labels(name, label, labels, {each: _values(table[each]) for each in others})
    read = rows_of(name, _values(table[file]), labels, notes, used=_used(columns, file, label))
    return replace(read, splits=splits)


def _used(columns: Sequence[str], *used: int | str) -> Sequence[int | str] | None:
    return used if len(columns) > len(used) else None


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


def _from_json(name: str, value: object, stems: Collection[str]) -> LabelsTable:
    if is_coco(value):
        return coco_rows(name, value)
    if is_labelme(value):
        raise refused(
            name, "it is LabelMe's annotation of one image, and such files are read only beside their images, if "
            "nearly all of several images have one",
            "Put each beside its image, and annotate the other images too, or leave them out; or write a table of file and label.",
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
    file, label = column_among(columns, FILE_COLUMNS), column_among(columns, LABEL_COLUMNS)
    if label is None and {"image", "annotations"} <= {*columns}:
        raise refused(
            name, "it holds annotations in the format of CreateML, which is not read",
            "Save them as COCO's JSON, or write a table of file and label.",
        )  # fmt: skip
    if file is None or label is None:
        raise _no_columns(name, columns)
    files, labels = ([record.get(column) for record in value] for column in (file, label))
    split = column_among(columns, SPLIT_COLUMNS)
    splits = splits_of((record.get(split) for record in value), split) if split else ()
    among = [each for each in columns_among(columns, LABEL_COLUMNS) if each not in (file, label, split)]
    others = {each: [record.get(each) for record in value] for each in among}
    notes = about_other_labels(name, label, labels, others)
    return replace(rows_of(name, files, labels, notes, used=_used(columns, file, label)), splits=splits)


def _files_of_classes(value: dict[str, Any], stems: Collection[str]) -> list[tuple[str, str]]:
    """Pairs of file and class from {"cat": ["a.png", "b.png"], ...}; [] if the JSON has another layout."""
    if not all(isinstance(files, list) and all(isinstance(file, str) for file in files) for files in value.values()):
        return []
    if any(file_stem(key) in stems for key in value):
        return []
    pairs = [(file, label) for label, files in value.items() for file in files]
    return pairs if any(file_stem(file) in stems for file, _ in pairs) else []


def _from_text(name: str, data: bytes, stems: Collection[str]) -> tuple[LabelsTable, str]:
    """The rows of a CSV, and its encoding if it is another one than `decode_text` reads, else "".

    Excel saves in the encoding of the country. It is certain enough where it does not matter for files and labels, or
    where their names are right in one encoding only: in that, they name images.
    """
    try:
        return _from_csv(name, read_csv(data), stems), ""
    except UnicodeDecodeError:
        found = _in_other_encodings(name, data, stems) if len(data) <= _MOST_GUESSED_BYTES else {}
        if not found:
            raise
    encoding, table = next(iter(found.items()))
    note = f"{name} is not UTF-8. It is read as {encoding}, {_why_certain(table)}."
    return replace(table, notes=(*table.notes, note)), encoding


def _in_other_encodings(name: str, data: bytes, stems: Collection[str]) -> dict[str, LabelsTable]:
    """The encodings in which most files name images, the likeliest first; none if files or labels differ among them."""
    from dashboard.core.datasets.encoding_guess import decodings  # only few tables need it

    known = {unicodedata.normalize("NFC", stem) for stem in stems}
    named: dict[str, int] = {}
    tables: dict[str, LabelsTable] = {}
    for encoding in decodings([data]):
        with contextlib.suppress(Exception):  # whatever pandas says about a text in a wrong encoding
            table = _from_csv(name, read_csv(data, encoding), stems)
            beyond = [file_stem(file) for file in table.files if not file.isascii()]
            named[encoding] = sum(unicodedata.normalize("NFC", stem) in known for stem in beyond)
            if named[encoding] or not beyond:
                tables[encoding] = table
    most = max((named[encoding] for encoding in tables), default=0)
    best = {encoding: table for encoding, table in tables.items() if named[encoding] == most}
    return best if len({(table.files, table.labels) for table in best.values()}) == 1 else {}


def _why_certain(table: LabelsTable) -> str:
    if all(text.isascii() for text in (*table.files, *filter(None, table.labels))):
        return "which matters for its other columns only"
    return "in which its file names are those of images"


def _from_csv(name: str, cells: pd.DataFrame, stems: Collection[str]) -> LabelsTable:
    header = [str(cell) for cell in cells.iloc[0]]
    known, label = columns_among(header, FILE_COLUMNS), column_among(header, LABEL_COLUMNS)
    places = [header.index(column) for column in known]
    named = _columns_of_names(cells, stems, places) if label is not None else []
    named = named or _columns_of_names(cells, stems, range(len(header)))
    headless = any(file_stem(header[i]) in stems for i in named)
    rows = cells.iloc[1:]
    file = next((i for i in places if i in named), None)
    if file is None and len(named) == 1 and not headless:
        [file] = named
    elif file is None and places:
        file = places[0]
    if file is not None and label is not None:
        _check_only_one(name, header, rows, label)
        at = header.index(label)
        notes = _about_columns(name, header, rows, label)
        table = rows_of(name, rows[file].tolist(), rows[at].tolist(), notes, used=_used(header, file, at))
        return replace(table, splits=_splits(header, rows))
    if file is not None and (classes := class_columns(rows, header, file)):
        return replace(one_hot_rows(name, rows, header, file, classes), splits=_splits(header, rows))
    # Without a known header, the columns are certain only if exactly one names images, and one other is no split.
    others = [i for i in range(len(header)) if i not in named and not are_splits((cells if headless else rows)[i])]
    if len(others) != 1 or len(named) != 1:
        if file is not None and marks_classes(rows, file):
            raise refused(
                name, "its columns seem to be classes, but their cells are not 0 and 1",
                "In each row, write 1 in the column of the image's class, and 0 in those of the other classes.",
            )  # fmt: skip
        raise _no_columns(name, header, file is not None, bool(named))
    [column], [at] = named, others
    if not headless and _PREDICTED.fullmatch(header[at].strip()):
        raise refused(
            name, f"its column {header[at].strip()} seems to hold predictions, and it has no column of true labels",
            "Give a table with a column `label`; or, if these are the true labels, call the column so.",
        )  # fmt: skip
    what = "no header" if headless else "a header without known names"
    is_label = "the other one" if len(header) == 2 else f"column {at + 1}"
    note = f"{name} has {what}: its {_ORDINALS[column]} column names images, {is_label} is used as the label."
    rows = cells if headless else rows
    splits = [
        found
        for i in range(len(header))
        if i not in (column, at) and (found := splits_of(rows[i], "" if headless else header[i]))
    ]
    table = rows_of(name, rows[column].tolist(), rows[at].tolist(), (note,))
    return replace(table, splits=splits[0]) if splits else table


def _splits(header: Sequence[str], rows: pd.DataFrame) -> tuple[str, ...]:
    column = column_among(header, SPLIT_COLUMNS)
    return splits_of(rows[header.index(column)], column) if column else ()


def _check_only_one(name: str, header: Sequence[str], rows: pd.DataFrame, label: str) -> None:
    """Raises DatasetError if another column is called like the one of the labels, and says something else."""
    first, *others = [i for i, column in enumerate(header) if plain_column(column) == plain_column(label)]
    if any((rows[i] != rows[first]).any() for i in others):
        raise refused(
            name,
            f"two of its columns are called {label.strip()}, and they differ",
            "Keep the one with the true labels.",
        )


def _about_columns(name: str, header: Sequence[str], rows: pd.DataFrame, label: str) -> tuple[str, ...]:
    """What the user has to know about other columns that may hold labels."""
    others = {each: rows[header.index(each)] for each in columns_among(header, LABEL_COLUMNS) if each != label}
    return about_other_labels(name, label, rows[header.index(label)], others)


def _columns_of_names(cells: pd.DataFrame, stems: Collection[str], among: Iterable[int]) -> list[int]:
    """The positions of the columns, among these, with names of images in them."""
    return [i for i in among if any(file_stem(cell) in stems for cell in cells[i])] if stems else []


def _no_columns(name: str, columns: Sequence[str], has_files: bool = False, names_images: bool = False) -> DatasetError:
    found = ", ".join(repr(column[:40]) for column in columns[:8]) or "none"
    if has_files:
        error = refused(
            name, f"it is not certain which of its columns holds the labels (it has {found})",
            "In its first line, call the column of the labels `label`.",
        )  # fmt: skip
        return NoLabelColumnError(error.message, error.advice, error.code) if names_images else error
    return refused(name, f"no columns of file names and labels were recognised (it has {found})", HEADER)
