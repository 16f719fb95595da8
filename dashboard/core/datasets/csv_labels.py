"""Reads labels files that are CSV: which column names images, and which holds the labels."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from dashboard.core.datasets.attributes import Columns, from_text
from dashboard.core.datasets.columns import (
    FILE_COLUMNS,
    LABEL_COLUMNS,
    SEPARATOR_LINE,
    SPLIT_COLUMNS,
    check_no_titles,
    column_among,
    columns_among,
    csv_separator,
    plain_column,
)
from dashboard.core.datasets.label_column import (
    NoLabelColumnError,
    about_ids,
    about_names,
    column_of_names,
    is_predicted,
    label_column,
    possible_columns,
    question_about,
)
from dashboard.core.datasets.label_notes import about_other_labels
from dashboard.core.datasets.one_hot import (
    class_columns,
    class_of_each,
    hold_shares,
    marks_classes,
    one_hot_rows,
    share_columns,
)
from dashboard.core.datasets.other_names import file_stem
from dashboard.core.datasets.table_rows import LabelsTable, no_columns, no_label_column, refused, rows_of, used_columns
from dashboard.core.datasets.table_splits import are_splits, splits_of
from dashboard.core.errors import listed
from dashboard.core.labels.text_encoding import decode_text, encoding_of
from dashboard.core.questions import Answer

if TYPE_CHECKING:
    import pandas as pd

_LONGER_LINE = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")  # of pandas
_ORDINALS = ("1st", "2nd", "3rd", *(f"{i}th" for i in range(4, 100)))
_OF_OPEN_IMAGES = ("image_id", "label_name", "source")
_ZERO = re.compile(r"0+([.,]0*)?")
_COMMENT = "# "  # numpy.savetxt begins a header with it
_SEPARATOR = "separator"
_OF_OLD_MACS = "mac_roman"  # Excel for Mac still saves in it; without names of images, it could be any other
_MOST_GUESSED_BYTES = 16 * 2**20  # of a table that is read in each encoding that there is


class CommentsError(ValueError):
    """A CSV begins with comments."""


def csv_labels(
    name: str, data: bytes, stems: Collection[str], column: str = "", folders: Collection[str] = ()
) -> tuple[LabelsTable, str]:
    """The rows of a CSV, and its encoding if it is another one than `decode_text` reads, else "".

    Excel saves in the encoding of the country. It is certain enough where it does not matter for files and labels, or
    where their names are right in one encoding only: in that, they name images.
    """
    try:
        return labels_in_cells(name, read_csv(data), stems, column), ""
    except UnicodeDecodeError:
        found = _in_other_encodings(name, data, stems, column, folders) if len(data) <= _MOST_GUESSED_BYTES else {}
        if not found:
            raise
    encoding, table = next(iter(found.items()))
    note = f"{name} is not UTF-8. It is read as {encoding}, {_why_certain(table)}."
    return replace(table, notes=(*table.notes, note)), encoding


def _in_other_encodings(
    name: str, data: bytes, stems: Collection[str], column: str, folders: Collection[str]
) -> dict[str, LabelsTable]:
    """The encodings in which most files name images, the likeliest first; none if files or labels differ among them.

    Raises what is wrong with the table in all of these.
    """
    from dashboard.core.datasets.encoding_guess import decodings  # only few tables need it

    known = {unicodedata.normalize("NFC", each) for each in (*stems, *folders)}
    named: dict[str, int] = {}
    tables: dict[str, LabelsTable] = {}
    faults: dict[str, Exception] = {}
    for encoding in (*decodings([data]), _OF_OLD_MACS):
        named[encoding] = 0
        try:
            cells = read_csv(data, encoding)
            files = (cell for i in _columns_of_files(cells, stems) for cell in cells[i] if not cell.isascii())
            parts = (part for file in files for part in _parts(file) if not part.isascii())
            named[encoding] = sum(unicodedata.normalize("NFC", part) in known for part in parts)
            tables[encoding] = labels_in_cells(name, cells, stems, column)
        except Exception as error:  # whatever pandas says about a text in a wrong encoding
            faults[encoding] = error.with_traceback(None)  # else it keeps the cells
    most = max(named.values())
    best = {encoding: table for encoding, table in tables.items() if named[encoding] == most}
    if not best and (fault := _common_fault([fault for each, fault in faults.items() if named[each] == most])):
        raise fault
    known_files = most or all(file.isascii() for table in best.values() for file in table.files)
    return best if known_files and len({(table.files, table.labels) for table in best.values()}) == 1 else {}


def _common_fault(faults: Sequence[Exception]) -> Exception | None:
    """What is wrong with a table in whichever of several encodings; None if that differs.

    If no column is called like labels, the answers are those that read alike in all of them.
    """
    if undecided := [fault for fault in faults if isinstance(fault, NoLabelColumnError)]:
        first, *others = undecided
        alike = tuple(each for each in first.answers if all(each in other.answers for other in others))
        first.incomplete = any(len(each.answers) > len(alike) for each in undecided)
        first.answers = alike
        return first if alike or not first.incomplete else None
    return faults[0] if len({str(fault) for fault in faults}) == 1 else None


def _parts(file: str) -> list[str]:
    """The folders of a path, and the name of its file without a suffix."""
    return [*file.replace("\\", "/").split("/")[:-1], file_stem(file)]


def _why_certain(table: LabelsTable) -> str:
    if all(text.isascii() for text in (*table.files, *filter(None, table.labels))):
        return "which matters for its other columns only"
    return "in which its file names are those of images"


def labels_in_cells(name: str, cells: pd.DataFrame, stems: Collection[str], chosen: str) -> LabelsTable:
    """The rows of a table whose cells are text, with the header in the first row. Raises as `read_labels_file` says."""
    header = [str(cell) for cell in cells.iloc[0]]
    known, label = columns_among(header, FILE_COLUMNS), label_column(name, header, chosen)
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
        notes: tuple[str, ...] = ()
        if not chosen:
            single = {each: rows[i] for i, each in enumerate(header) if header.count(each) == 1}
            if names := column_of_names(rows[header.index(label)], single):
                notes, label = (about_names(name, label, names) + about_ids(label),), names
            notes += _about_columns(name, header, rows, label)
        at = header.index(label)
        labels, used = rows[at].tolist(), [at]
        if absent := _absent(header, rows):
            labels = ["" if is_absent else cell for cell, is_absent in zip(labels, absent, strict=True)]
            what = "1 row says" if sum(absent) == 1 else f"{sum(absent):,} rows say"
            notes += (f"{what} by a Confidence of 0 that the image shows no such class, so not used (Open Images).",)
        if not chosen and (classes := [i for i in class_columns(rows, header, file) if i != at]):
            marked = class_of_each(rows, header, classes)
            if marked and column_of_names(labels, {label: marked}):
                notes = (about_names(name, label, listed([header[i].strip() for i in classes])) + about_ids(label),)
                labels, used = marked, classes
        table = rows_of(name, rows[file].tolist(), labels, notes, used_columns(header, file, *used), label)
        question = (
            question_about(name, _possible_columns(header, rows, [file, *named]), label.strip()) if chosen else None
        )
        return replace(table, splits=_splits(header, rows), question=question)
    if file is not None and (classes := class_columns(rows, header, file)):
        return replace(one_hot_rows(name, rows, header, file, classes), splits=_splits(header, rows))
    # Without a known header, the columns are certain only if exactly one names images, and one other is no split.
    others = [i for i in range(len(header)) if i not in named and not are_splits((cells if headless else rows)[i])]
    if len(others) != 1 or len(named) != 1:
        if file is not None and marks_classes(rows, file):
            error = refused(
                name, "its columns seem to be classes, but their cells are not 0 and 1",
                "In each row, write 1 in the column of the image's class, and 0 in those of the other classes.",
            )  # fmt: skip
            raise no_label_column(error) if named else error
        among = others if file is None else [i for i in range(len(header)) if i != file]
        shares = share_columns(rows, among) if named and not headless else []
        possible = _possible_columns(header, rows, [*named, *shares])
        if shares and not possible:
            raise hold_shares(name, [header[i].strip() for i in shares])
        raise no_columns(name, header, file is not None, bool(named), possible)
    [column], [at] = named, others
    if not headless and is_predicted(header[at]):
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


def _absent(header: Sequence[str], rows: pd.DataFrame) -> list[bool]:
    """For each row whether it says that an image does not show a class; [] unless one does.

    Source of the layout: https://storage.googleapis.com/openimages/web/download_v7.html (image-level labels)
    """
    if not all(column_among(header, [name]) for name in _OF_OPEN_IMAGES):
        return []
    confidence = column_among(header, ["confidence"])
    absent = [bool(_ZERO.fullmatch(cell.strip())) for cell in rows[header.index(confidence)]] if confidence else []
    return absent if any(absent) else []


def _possible_columns(header: Sequence[str], rows: pd.DataFrame, of_files: Collection[int]) -> tuple[Answer, ...]:
    """The columns that may hold the labels, besides those at the positions `of_files`."""
    others = [i for i in range(len(header)) if i not in of_files and not are_splits(rows[i])]
    return possible_columns({header[i]: rows[i] for i in others if header.count(header[i]) == 1})


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


def _columns_of_files(cells: pd.DataFrame, stems: Collection[str]) -> list[int]:
    """The positions of the columns that name images, first of those that are called so; else of those called so."""
    header = [str(cell) for cell in cells.iloc[0]]
    places = [header.index(column) for column in columns_among(header, FILE_COLUMNS)]
    named = _columns_of_names(cells, stems, places) or _columns_of_names(cells, stems, range(len(header)))
    return named or places


def names_files(head: bytes) -> bool:
    """True for the beginning of a CSV in UTF-8 whose first line names a column of files among others."""
    line, end, _ = head.partition(b"\n")
    try:
        text = line.decode("utf-8-sig").rstrip("\r")
        columns = next(csv.reader([text], delimiter=csv_separator(text)), []) if end else []
    except (UnicodeDecodeError, csv.Error):
        return False
    return len(columns) > 1 and column_among(columns, FILE_COLUMNS) is not None


def is_text_table(head: bytes) -> bool:
    """True for the beginning of a .txt that is a table: Excel's "Unicode Text", or with columns of files and of labels."""
    encoding = encoding_of(head)
    line, end, _ = head.decode(encoding, "ignore").partition("\n")
    line = line.removeprefix("\ufeff").rstrip("\r")
    if encoding.startswith("utf-16"):
        return bool(end) and "\t" in line
    try:
        columns = next(csv.reader([line], delimiter=csv_separator(line)), []) if end else []
    except csv.Error:
        return False
    return column_among(columns, FILE_COLUMNS) is not None and column_among(columns, LABEL_COLUMNS) is not None


def read_csv(data: bytes, encoding: str = "") -> pd.DataFrame:
    """The cells of a CSV as text; a header is the first row. Its `attrs` have the separator. May raise any exception.

    Args:
        encoding: "" for what `decode_text` reads.
    """
    text = data.decode(encoding) if encoding else decode_text(data)
    if said := SEPARATOR_LINE.match(text):
        text = text[said.end() :]
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise ValueError("it is empty")
    check_no_titles(io.StringIO(text), 1 + (said is not None))
    import pandas as pd  # workers and commands that read no CSV file do without

    separator = said[1] if said else csv_separator(first)
    if first.startswith(_COMMENT):
        header = first.removeprefix(_COMMENT)
        if columns_among(next(csv.reader([header], delimiter=separator), []), (*FILE_COLUMNS, *LABEL_COLUMNS)):
            first, text = header, text.replace(_COMMENT, "", 1)
    try:
        cells = pd.read_csv(
            io.StringIO(text), sep=separator, header=None, dtype=str, keep_default_na=False, skip_blank_lines=True
        )
    except pd.errors.ParserError as error:
        if first.startswith("#"):
            raise CommentsError(f"it begins with lines that are not rows ({first[:60]})") from error
        if longer := _LONGER_LINE.search(str(error)):
            raise ValueError(
                f"its line {int(longer[2]) + (said is not None)} has {longer[3]} cells, but its first line has {longer[1]}"
            ) from error
        raise
    cells = _without_blank_rows(cells)
    cells.attrs[_SEPARATOR] = separator
    return cells


def _without_blank_rows(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells without the rows that are all empty, as spreadsheets save them. Raises ValueError if all are."""
    blank = cells.index
    for column in cells:
        blank = blank[cells[column].loc[blank].str.strip() == ""]
        if blank.empty:
            return cells
    if len(blank) == len(cells):
        raise ValueError("it is empty")
    return cells.drop(index=blank).reset_index(drop=True)


def csv_columns(cells: pd.DataFrame, used: Collection[int | str]) -> Columns:
    """The columns of `read_csv`, besides those at the positions in use."""
    rows = cells.iloc[1:]
    for i, name in enumerate(cells.iloc[0]):
        if i not in used:
            yield str(name).strip(), partial(_csv_column, rows[i], cells.attrs.get(_SEPARATOR, ","))


def _csv_column(cells: pd.Series, separator: str) -> pa.ChunkedArray:
    # the way over a table is quick where pandas holds Arrow's strings; pa.array takes them one by one
    [column] = pa.Table.from_pandas(cells.to_frame("cells"), preserve_index=False).columns
    return from_text(column.cast(pa.string()), separator)
