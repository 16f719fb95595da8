"""Labels as one column per class, with 1 in the column of the class and 0 in the others.

Source of the layout: the ground truth of the ISIC challenges, https://challenge.isic-archive.com/data/
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dashboard.core.datasets.columns import FILE_COLUMNS, SPLIT_COLUMNS, plain_column
from dashboard.core.datasets.label_column import NoLabelColumnError
from dashboard.core.datasets.label_value import OF_THIS_IMAGE, several_labels
from dashboard.core.datasets.table_rows import LabelsTable, checked, no_label_column, refused
from dashboard.core.errors import Advice, Choice, ImageError, listed

if TYPE_CHECKING:
    import pandas as pd

_ZERO_OR_ONE = re.compile(r"[01]([.,]0*)?|true|false", re.IGNORECASE)  # pandas' get_dummies gives True and False
_NUMBER = re.compile(r"[-+]?[0-9]*[.,]?[0-9]+")
_LEAST_CLASSES = 2
_ROUNDING = 0.02  # of a sum of shares
_NOT_MARKED = frozenset({"", "-", "-1", "0", "n", "no"})
_NO_LABELS = frozenset({*FILE_COLUMNS, "split", "set", "subset", "fold", "usage"})


def class_columns(rows: pd.DataFrame, header: list[str], file: int) -> list[int]:
    """The columns in which every cell is 0 or 1; [] if they are too few for classes or have no distinct names.

    Args:
        rows: cells as text, without the header.
        file: position of the column of file names.
    """
    if rows.empty:
        return []
    found = [
        i for i in range(len(header))
        if i != file and plain_column(header[i]) not in SPLIT_COLUMNS and all(map(_is_zero_or_one, rows[i].unique()))
    ]  # fmt: skip
    names = {header[i].strip() for i in found}
    return found if len(found) >= _LEAST_CLASSES and len(names) == len(found) and "" not in names else []


def class_of_each(rows: pd.DataFrame, header: list[str], classes: list[int]) -> list[str] | None:
    """The name of the column, among these positions, that has the only 1 of each row; None if a row has none or several."""
    marked = _marked(rows, classes)
    return [header[classes[i]].strip() for i in marked.argmax(axis=1)] if (marked.sum(axis=1) == 1).all() else None


def marks_classes(rows: pd.DataFrame, file: int) -> bool:
    """True if all columns but the one of file names have the same two values, such as a blank and x, or -1 and 1."""
    values = {str(cell).strip().casefold() for i in range(len(rows.columns)) if i != file for cell in rows[i].unique()}
    return len(values) == 2 and not values.isdisjoint(_NOT_MARKED) and len(rows.columns) > _LEAST_CLASSES


def share_columns(rows: pd.DataFrame, among: Sequence[int]) -> list[int]:
    """The columns, among these positions, with numbers from 0 to 1 whose sum is 1 in each row; [] if there are none."""
    shares = {}
    for i in among:
        with contextlib.suppress(ValueError):
            numbers = rows[i].str.replace(",", ".").astype(float)
            if numbers.between(0, 1).all():
                shares[i] = numbers
    sums = sum(shares.values())
    is_whole = len(shares) >= _LEAST_CLASSES and bool(np.allclose(sums, 1, atol=_ROUNDING))
    return [*shares] if is_whole else []


def hold_shares(name: str, columns: Sequence[str]) -> NoLabelColumnError:
    """The error for a table whose labels are in these `share_columns` only."""
    return no_label_column(refused(
        name, f"its columns seem to be classes ({listed(columns)}), but their cells are shares, not 0 and 1",
        "If these are true labels rather than predictions, add a column `label`. In each row, write the class "
        "with the largest share in it.",
    ))  # fmt: skip


def one_hot_rows(name: str, rows: pd.DataFrame, header: list[str], file: int, classes: list[int]) -> LabelsTable:
    """The label of each row. A row with no 1, or with several, is a fault of its image.

    Raises:
        DatasetError: no image has one label; or a column of text may hold the labels instead, and the columns of 0 and
            1 may be something else: they are only two, such as left_eye and right_eye, or not every row has one 1.
    """
    names = [header[i].strip() for i in classes]
    marked = _marked(rows, classes)
    ones = marked.sum(axis=1)
    if (len(classes) == _LEAST_CLASSES or (ones != 1).any()) and (text := _text_columns(rows, header, file)):
        raise refused(
            name,
            f"its labels may be in {listed(text)}, or it may have a column for each class ({listed(names)})",
            Advice(
                "In a copy of it, call the column of the labels `label`, or keep only the file names and the columns of "
                "the classes; then give the copy with ",
                Choice("labels", "FILE"),
                ".",
            ),
        )
    labels: list[str | None] = [names[first] for first in marked.argmax(axis=1)]
    faults: dict[int, ImageError] = {}
    for row in np.flatnonzero(ones != 1).tolist():
        labels[row] = None
        several = [names[i] for i in np.flatnonzero(marked[row])]
        faults[row] = several_labels(name, several) if several else ImageError(
            f"{name} {OF_THIS_IMAGE}no label: no column has a 1.", "Write 1 in the column of its class.", "label_missing"
        )  # fmt: skip
    other = [header[i].strip() for i in range(len(header)) if i != file and i not in classes]
    notes = [f"{name} has a column for each class: {listed(names)}."]
    if other:
        notes.append(f"Its columns with other values than 0 and 1 are not classes: {listed(other)}.")
    used = (file, *classes) if other else None
    files = tuple(str(cell).strip() for cell in rows[file])
    return checked(LabelsTable(name, files, tuple(labels), tuple(notes), faults, used))


def _marked(rows: pd.DataFrame, classes: list[int]) -> np.ndarray:
    """Where the cells of `class_columns` are 1: (rows, classes) bool."""
    return np.column_stack([rows[i].str.strip().str.lower().str.startswith(("1", "t")).to_numpy(bool) for i in classes])


def _is_zero_or_one(cell: object) -> bool:
    return bool(_ZERO_OR_ONE.fullmatch(str(cell).strip()))


def _text_columns(rows: pd.DataFrame, header: list[str], file: int) -> list[str]:
    """The columns with a few different words, each of them in several rows, as labels would be."""
    found = []
    for i, name in enumerate(header):
        if i == file or plain_column(name) in _NO_LABELS:
            continue
        cells = [cell for each in rows[i] if (cell := str(each).strip())]
        different = set(cells)
        if 1 < len(different) < len(cells) and not any(_NUMBER.fullmatch(c) or _is_zero_or_one(c) for c in different):
            found.append(name.strip())
    return found
