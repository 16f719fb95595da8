"""Tables of labels in formats that are not read: workbooks of spreadsheet programs and files of pandas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from dashboard.core.datasets.table_rows import refused
from dashboard.core.errors import listed
from dashboard.core.labels.text_encoding import SAVE_AS_UTF8

WORKBOOKS = frozenset({".xlsx", ".xls", ".ods"})  # likely hold the labels
_PANDAS_READERS = {".feather": "read_feather", ".pkl": "read_pickle", ".pickle": "read_pickle"}
FOREIGN_SUFFIXES = frozenset(_PANDAS_READERS)  # if called labels, they likely hold the labels
_WORKBOOK_MARKS = (b"PK\3\4", b"\xd0\xcf\x11\xe0")  # a CSV that is an .xlsx or .xls file in truth
_TO_USE_A_WORKBOOK = (
    "and only tables as text are read. To use the labels in a workbook, save its sheet as a CSV file and put that into the dataset in its place. "
    f"{SAVE_AS_UTF8}"
)


def about_workbooks(names: Sequence[str]) -> tuple[str, ...]:
    """The note on the workbooks among these files, which are not used though they may hold the labels."""
    found = [name for name in names if PurePosixPath(name).suffix.lower() in WORKBOOKS]
    what = "is a workbook" if len(found) == 1 else "are workbooks"
    return (f"{listed(found, 4)} {what} of a spreadsheet program, {_TO_USE_A_WORKBOOK}",) if found else ()


def is_about_workbooks(note: str) -> bool:
    """True for a note of `about_workbooks`."""
    return note.endswith(_TO_USE_A_WORKBOOK)


def refuse_foreign(name: str, data: bytes) -> None:
    """Raises DatasetError, with the way to save the table as CSV, if a file has such a name or content."""
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    if suffix in FOREIGN_SUFFIXES:
        stem = path.name[: -len(suffix)]
        raise refused(
            name, "such files are not read, only CSV, JSON and Parquet",
            "Save it as CSV beside it, with pandas in Python: "
            f"`pandas.{_PANDAS_READERS[suffix]}({stem + suffix!r}).to_csv({stem + '.csv'!r}, index=False)`.",
        )  # fmt: skip
    if suffix in WORKBOOKS or data.startswith(_WORKBOOK_MARKS):
        raise refused(
            name, "it is a workbook of a spreadsheet program, and only tables as text are read",
            f"Save its sheet as a CSV file and use that in its place. {SAVE_AS_UTF8}",
        )  # fmt: skip
