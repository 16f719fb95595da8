"""The rows of a labels file, whatever its layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

import numpy as np

from dashboard.core.datasets.attributes import Attributes
from dashboard.core.datasets.file_names import folder_of, normal_name
from dashboard.core.datasets.finder import Finder
from dashboard.core.datasets.label_column import NoLabelColumnError
from dashboard.core.datasets.label_value import SeveralLabels, as_label, several_labels
from dashboard.core.datasets.numbers_of_classes import count_of_classes, way_out, what_it_holds
from dashboard.core.datasets.repeated_names import name_before
from dashboard.core.errors import Advice, DatasetError, ImageError
from dashboard.core.questions import Answer, Question

RENAME_UPLOADED = "Rename these images and their rows, then upload them again."
HEADER = "Begin the file with a line of column names, such as `file,label`."


@dataclass(frozen=True)
class LabelsTable:
    """The rows of a labels file."""

    name: str  # of the labels file
    files: tuple[str, ...]
    labels: tuple[str | None, ...]  # None if the row has no label
    notes: tuple[str, ...] = ()
    faults: Mapping[int, ImageError] = field(default_factory=dict)  # row -> why its image has no certain label
    used: Sequence[int | str] | None = None  # columns of files and labels, by name or position; None: it has no others
    attributes: Callable[[], Attributes] | None = None  # reads the other columns
    splits: tuple[str, ...] = ()  # of each row, see `splits_of`; () if the table tells none
    table_of_split: Mapping[str, str] = field(default_factory=dict)  # if each split has a table of its own
    without_labels: Mapping[str, str] = field(default_factory=dict)  # split -> why its own table gives no labels
    question: Question | None = None  # which column holds the labels, if the user has chosen it

    def at(self, rows: Sequence[int]) -> LabelsTable:
        """The table with these rows only, in their order."""
        place = {row: i for i, row in enumerate(rows)}
        read = self.attributes
        return replace(
            self,
            files=tuple(self.files[row] for row in rows),
            labels=tuple(self.labels[row] for row in rows),
            faults={place[row]: fault for row, fault in self.faults.items() if row in place},
            attributes=None if read is None else lambda: _rows_at(self.name, read(), rows),
            splits=(),
        )


def _rows_at(name: str, attributes: Attributes, rows: Sequence[int]) -> Attributes:
    if not attributes.columns.num_columns:
        return attributes
    if max(rows, default=-1) >= len(attributes.columns):
        raise DatasetError(f"{name} was changed meanwhile.", "Evaluate the dataset again.", "dataset_changed")
    return attributes.at(np.array(rows, np.int64))


def rows_of(
    name: str,
    files: Sequence[object],
    values: Sequence[object],
    notes: tuple[str, ...] = (),
    used: Sequence[int | str] | None = None,
    column: str = "",
) -> LabelsTable:
    """The rows with these files and values of labels. Raises DatasetError, or ValueError for what is not a label.

    Args:
        column: the name of the column of the labels, for messages; "" if it has none.
    """
    if count := count_of_classes(values):
        raise refused(name, what_it_holds(column, count), way_out(name, column))
    labels: list[str | None] = []
    faults: dict[int, ImageError] = {}
    for row, value in enumerate(values):
        try:
            labels.append(as_label(value))
        except SeveralLabels as several:
            labels.append(None)
            faults[row] = several_labels(name, several.labels)
    return checked(LabelsTable(name, tuple(map(file_name_of, files)), tuple(labels), notes, faults, used))


def checked(table: LabelsTable) -> LabelsTable:
    """The table itself. Raises DatasetError when it has no rows, or none of them has one certain label."""
    if not table.files:
        raise refused(table.name, "it has no rows", HEADER)
    if table.faults and not any(table.labels):
        first = table.faults[min(table.faults)]
        raise refused(
            table.name,
            f"no image has exactly one label in it; {table.files[min(table.faults)][:80]}: {first.message.rstrip('.')}",
            "Only datasets with one class per image can be evaluated: give each image one label.",
        )
    return table


def refused(name: str, reason: str, fix: str | Advice) -> DatasetError:
    """The error for a file that cannot be used as a labels file."""
    return DatasetError(f"{refusal_of(name)}: {reason}.", fix, "labels_file")


def refusal_of(name: str) -> str:
    """How the message of such an error begins."""
    return f"{name} cannot be used as a labels file"


def names_no_image(table: LabelsTable, names: Sequence[str], find: Finder) -> DatasetError:
    """The error for a table in which no row names exactly one image.

    Args:
        names: of the images.
        find: finds these.
    """
    first = table.files[0]
    message = f"{table.name} names none of the {len(names):,} images"
    if several := len(find(first, folder_of(table.name))):
        return DatasetError(
            f"{message} clearly: its first row is for {first[:80]!r}, and {several} images are called so.",
            RENAME_UPLOADED if were_uploaded_alike(names)
            else "Write the whole path of each image in the table, as it is in the dataset.", "labels_file",
        )  # fmt: skip
    alike = find(normal_name(first).rpartition("/")[2])
    image = names[int(alike[0]) if len(alike) else 0]
    end = _common_end(first, image) if len(alike) == 1 else ""
    message += f"; its first row is for {first[:80]!r}, and an image is called {image[:80]!r}."
    if end:
        fix = f"Both end in {end}: write only this part of each path in the table."
    else:
        fix = f"Write the file names in the table as they are in the dataset, such as {image[:80]}."
    return DatasetError(message, fix, "labels_file")


def were_uploaded_alike(names: Iterable[str]) -> bool:
    """True if some images of this dataset were uploaded with the same name."""
    return any(name_before(name) != name for name in names)


def _common_end(one: str, other: str) -> str:
    """The last parts of two paths that are equal but for case, as the second path spells them."""
    parts = normal_name(other).split("/")
    pairs = zip(reversed(normal_name(one).casefold().split("/")), reversed(other.casefold().split("/")), strict=False)
    alike = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
    return "/".join(parts[len(parts) - alike :])


def file_name_of(value: object) -> str:
    """The name of a file in a cell, as text that can be stored."""
    text = "" if value is None else str(value).strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def no_columns(
    name: str,
    columns: Sequence[str],
    has_files: bool = False,
    names_images: bool = False,
    answers: Sequence[Answer] = (),
) -> DatasetError:
    """The error for a table whose columns of file names and labels are not recognised.

    Args:
        has_files: the column of the file names is known.
        names_images: these are the names of images.
        answers: the columns that may hold the labels, from `possible_columns`.
    """
    found = ", ".join(repr(column[:40]) for column in columns[:8]) or "none"
    if has_files:
        why, fix = (
            (f"it is not certain which of its columns holds the labels (it has {found})", "Call the column of the labels `label`.")
            if len(columns) > 1
            else (f"it has no column of labels (it has only {found})", "Give it a column `label`.")
        )  # fmt: skip
        error = refused(name, why, fix)
        if not names_images:
            return error
        return no_label_column(error, answers)
    fix = HEADER if name.lower().endswith((".csv", ".tsv", ".txt")) else "Call the one `file` and the other `label`."
    return refused(name, f"no columns of file names and labels were recognised (it has {found})", fix)


def no_label_column(error: DatasetError, answers: Sequence[Answer] = ()) -> NoLabelColumnError:
    """This error, for a table that names images but has no column of labels.

    Args:
        answers: the columns that may hold the labels.
    """
    no_label = NoLabelColumnError(error.message, error.advice, error.code)
    no_label.answers = tuple(answers)
    return no_label


def used_columns(columns: Sequence[str], *used: int | str) -> Sequence[int | str] | None:
    """The columns in use, as in `LabelsTable.used`."""
    return used if len(columns) > len(used) else None
