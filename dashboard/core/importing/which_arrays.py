"""Which arrays of an .npz file hold probabilities and true labels: those that are called so, else the only possible ones."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.core.datasets.arrays import read_labels
from dashboard.core.datasets.columns import (
    FILE_COLUMNS,
    LABEL_COLUMNS,
    LABEL_KEYS,
    PREDICTED_COLUMNS,
    PROBS_NAMES,
    column_among,
    columns_among,
)
from dashboard.core.datasets.label_notes import about_other_labels
from dashboard.core.datasets.npy import StoredArray
from dashboard.core.errors import DatasetError, listed_and
from dashboard.core.importing.array_names import may_name_files
from dashboard.core.importing.predictions_file import Piece
from dashboard.core.importing.rows import SUM_TOLERANCE, check_probabilities

ROWS_LOOKED_AT = 4096


@dataclass(frozen=True)
class Reading:
    """A possible reading of an .npz file."""

    probs: str  # name of the array
    labels: str | None

    @property
    def in_words(self) -> str:
        """What holds what."""
        labels = f"{self.labels} the true labels" if self.labels else "no array true labels"
        return f"{self.probs} holds the probabilities, {labels}"

    @property
    def typed(self) -> str:
        """What to type for it: PROBS or PROBS,LABELS."""
        return ",".join(filter(None, (self.probs, self.labels)))


def chosen_reading(typed: str, arrays: Mapping[str, StoredArray], file: str) -> Reading:
    """The reading that a user typed: the name of the array of probabilities, and after a comma that of the true labels.

    Raises DatasetError if there are no such arrays.
    """
    probs, _, labels = (part.strip() for part in typed.partition(","))
    if missing := [name for name in (probs, labels) if name and name not in arrays]:
        raise DatasetError(
            f"{file} has no array {listed_and(missing)}; it has {', '.join(arrays) or 'none'}.",
            "Name the arrays of the probabilities and of the true labels: `--arrays PROBS,LABELS`.", "predictions",
        )  # fmt: skip
    return Reading(probs, labels or None)


def possible_readings(arrays: Mapping[str, StoredArray]) -> list[Reading]:
    """The readings of the arrays of a file, one if it is certain. Raises DatasetError for a damaged file."""
    named = column_among(list(arrays), PROBS_NAMES)
    if named:
        return _readings_of(named, arrays)
    likely = [name for name, array in arrays.items() if are_probabilities(array)]
    others = [name for name in likely if not only_zeros_and_ones(arrays[name])]  # else they are one-hot labels
    matrices = [name for name in others or likely if len(arrays[name].header.shape) == 2]
    readings = []
    for probs in matrices or others or likely:
        n_rows, n_classes = len(arrays[probs]), max((2, *arrays[probs].header.shape[1:2]))
        labels = [
            name for name in arrays
            if name != probs and _may_be_labels(name, arrays[name], n_rows)
            and not may_name_files(name, arrays[name], n_rows, n_classes)
        ]  # fmt: skip
        labels = different_labels(columns_among(labels, (*LABEL_KEYS, *LABEL_COLUMNS)), arrays) or labels
        readings += [Reading(probs, name) for name in labels] or [Reading(probs, None)]
    return readings


def _readings_of(probs: str, arrays: Mapping[str, StoredArray]) -> list[Reading]:
    """The readings of a file that calls its probabilities so: several if other arrays may hold true labels."""
    shape = arrays[probs].header.shape
    n_classes = max((2, *shape[1:2]))
    others = [name for name in arrays if name != probs]
    names_of_classes = {(), (n_classes,)} - {shape[:1]}
    columns = [name for name in others if arrays[name].header.shape not in names_of_classes]
    if called := [*columns_among(others, LABEL_KEYS), *columns_among(columns, LABEL_COLUMNS)]:
        return [Reading(probs, name) for name in different_labels(called, arrays)]
    possible = [
        name for name in others
        if shape and _may_be_labels(name, arrays[name], shape[0]) and _are_classes(name, arrays[name], n_classes)
    ]  # fmt: skip
    return [*(Reading(probs, name) for name in possible), Reading(probs, None)]


def different_labels(names: Sequence[str], arrays: Mapping[str, StoredArray]) -> list[str]:
    """The first of these arrays, and those of the others that hold as many labels and say something else.

    Names beside the numbers of the same classes say nothing else. Raises DatasetError for a damaged file.
    """
    first, *others = [*names] or [""]
    if not others or not arrays[first].header.shape:
        return list(names[:1])
    count = len(arrays[first])
    labels: dict[str, Sequence[str | None]] = {}
    for name in [first, *(name for name in others if arrays[name].header.shape)]:
        with contextlib.suppress(DatasetError):  # it holds no labels; if it is the first, whoever reads it says why
            labels[name] = read_labels(arrays[name], count)
    used = labels.pop(first, None)
    differ = [name for name, values in labels.items() if used and about_other_labels("", first, used, {name: values})]
    return [first, *differ]


def _are_classes(name: str, array: StoredArray, n_classes: int) -> bool:
    """Whether the values of an array that may be labels can be `n_classes` classes, as far as looked at."""
    if column_among([name], FILE_COLUMNS) or may_name_files(name, array, len(array), n_classes):
        return False
    if array.header.dtype.kind in "US":
        return len(np.unique(_read(array))) <= n_classes
    values = _first_rows(array)
    return bool(((values >= -1) & (values <= n_classes)).all())


def _may_be_labels(name: str, array: StoredArray, count: int) -> bool:
    shape, kind = array.header.shape, array.header.dtype.kind
    if not shape or shape[0] != count or len(shape) > 2 or column_among([name], PREDICTED_COLUMNS):
        return False
    if shape[1:] in ((), (1,)):
        return kind in "iuUS"
    return are_probabilities(array) and only_zeros_and_ones(array)


def are_probabilities(array: StoredArray) -> bool:
    """True for an array (N, K) whose rows sum to 1, or (N,) or (N, 1) of numbers between 0 and 1, as far as looked at."""
    shape = array.header.shape
    if not 1 <= len(shape) <= 2 or not shape[0] or array.header.dtype.kind not in "fiu":
        return False
    rows = _first_rows(array)
    if shape[1:] in ((), (1,)):
        return within_bounds(rows) and not np.isin(rows, (0, 1)).all()  # else they are labels
    return within_bounds(rows) and bool((np.abs(rows.sum(axis=1) - 1) <= SUM_TOLERANCE).all())


def check_likeliest(arrays: Mapping[str, StoredArray]) -> None:
    """Raises DatasetError, code `pred_probs`, if what is likeliest the predictions are other numbers, such as logits."""
    matrices = [
        name for name, array in arrays.items()
        if len(array.header.shape) == 2 and array.header.shape[1] > 1 and array.header.dtype.kind == "f"
    ]  # fmt: skip
    for name in sorted(matrices, key=lambda name: "logit" not in name.casefold())[:1]:
        check_probabilities(Piece(_first_rows(arrays[name]), None, None), 0, arrays[name].name, lambda row: row)


def only_zeros_and_ones(array: StoredArray) -> bool:
    """True if all numbers are 0 or 1, as far as looked at."""
    return bool(np.isin(_first_rows(array), (0, 1)).all())


def within_bounds(probs: np.ndarray) -> bool:
    """True for numbers between 0 and 1."""
    return bool(((probs >= -SUM_TOLERANCE) & (probs <= 1 + SUM_TOLERANCE)).all())


def _first_rows(array: StoredArray) -> np.ndarray:
    return _read(array).astype(np.float64)


def _read(array: StoredArray) -> np.ndarray:
    try:
        return array.rows(0, ROWS_LOOKED_AT)
    except OSError as error:
        raise DatasetError(f"{array.name} cannot be read: {error}.", "Copy the file again.", "array_damaged") from error
