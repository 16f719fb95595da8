"""Predictions without probabilities: a table with a column of predicted classes, such as `label,prediction`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from dashboard.core.datasets.columns import column_among

MOST_CLASSES = 1000
_MINUS_AND_PLUS_1 = {"-1", "1"}
NO_PROBABILITIES = (
    "{name} has no probabilities, only predicted classes. So nothing can be said about confidence, calibration and "
    "doubtful labels."
)
CONFIDENCE_UNUSED = "The column {column} is not used as a probability, since those of the other classes are missing."
NUMBERS_UNUSED = (
    "The numbers from 0 to 1 in {columns} are not used as probabilities. If such a column holds the probability of the "
    "class {name}, call it p_{name}, then import the file again."
)
NUMBERS_UNUSED_OF_SEVERAL = (
    "The numbers from 0 to 1 in {columns} are not used as probabilities, since there is no such column for each class."
)
PROBABILITIES_FOUND = "The columns {columns} are used as probabilities: they are called like the classes and sum to 1."
ALL_COLUMNS_USED = "The columns {columns} are used as probabilities: there are no others, and each row sums to 1."
ZEROS_AND_ONES_UNUSED = "All numbers in {columns} are 0 or 1, so they are not used as probabilities."
IF_TRUE_LABELS = (
    " If they are the true labels, write the class of each row into a column label, then import the file again."
)
PROBABILITIES_UNUSED = (
    "The columns {columns} look like probabilities, but are not used. To use them, call each by p_ and its class, such as "
    "p_{name}, and make each row sum to 1."
)
CONFIDENCE_COLUMNS = (
    "confidence", "conf", "confidence_score", "max_prob", "max_probability", "certainty",
    "konfidenz", "sicherheit", "confiance", "confianza", "confidenza", "confian\u00e7a", "confianca",
)  # fmt: skip


def classes_of(predicted: Iterable[str | None], labels: Iterable[str | None]) -> tuple[str, ...]:
    """The classes in the columns of predictions and true labels; () if these are no classes, or have none in common.

    Upper and lower case do not matter; a class is spelled as its label. Numbers are class ids. Between 0 and the
    largest, those that do not occur are classes too, unless most do not. Negative numbers are no classes, except -1
    beside 1 alone, as in support-vector machines and outlier detection.
    """
    spelled = {value.casefold(): value for value in labels if value is not None}
    of_predicted = {value.casefold(): value for value in predicted if value is not None}
    if spelled and spelled.keys().isdisjoint(of_predicted):
        return ()
    found = {**of_predicted, **spelled}.values()
    if not 2 <= len(found) <= MOST_CLASSES:
        return ()
    if {*found} == _MINUS_AND_PLUS_1:
        return tuple(sorted(found))
    if not all(value.isdecimal() for value in found):
        return () if any(map(is_number, found)) else tuple(sorted(found))
    ids = sorted(map(int, found))
    return tuple(map(str, range(ids[-1] + 1) if ids[-1] < 2 * len(ids) else ids))


def are_probabilities(values: Sequence[str]) -> bool:
    """True for numbers in [0, 1] with decimals, which are the probabilities of one of two classes."""
    if not values or not all(map(is_number, values)):
        return False
    numbers = np.array(values, np.float64)
    return bool(_from_0_to_1(numbers).all()) and not np.isin(numbers, (0, 1)).all()


def likely_probabilities(cells: pd.DataFrame) -> list[str]:
    """The columns that may hold probabilities: numbers from 0 to 1, else several of numbers with decimals (percentages)."""
    numbers, filled = _numbers(cells)
    readable = filled.any(axis=0) & ~(filled & np.isnan(numbers)).any(axis=0)
    in_range = (_from_0_to_1(numbers) | ~filled).all(axis=0)
    with np.errstate(invalid="ignore"):  # the rest of infinity
        decimal = (filled & (numbers % 1 != 0)).any(axis=0)
    readable &= np.array([not column_among([str(column)], CONFIDENCE_COLUMNS) for column in cells], np.bool_)
    likely = readable & in_range
    sums = np.nansum(numbers[:, likely], axis=1)
    if np.isin(numbers[:, likely], (0, 1)).all() and (sums != 1).any():
        likely = np.zeros_like(likely)  # the numbers of two classes
    percentages = readable & decimal & ~in_range
    return list(cells.columns[likely if likely.any() or percentages.sum() < 2 else percentages])


def fractions(cells: pd.DataFrame) -> list[str]:
    """The columns of numbers from 0 to 1 that do not only mark classes by 0 and 1."""
    numbers, _ = _numbers(cells)
    missing = np.isnan(numbers)
    found = (_from_0_to_1(numbers) | missing).all(axis=0) & ~(np.isin(numbers, (0, 1)) | missing).all(axis=0)
    return list(cells.columns[found])


def columns_of_classes(columns: Sequence[str], class_names: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """A beginning and an end, and the columns that are called like all classes between them. Case does not matter."""
    by_name = {column.casefold(): column for column in columns}
    names = [name.casefold() for name in class_names]
    for column in by_name:
        for match in re.finditer(re.escape(names[0]), column):
            before, after = column[: match.start()], column[match.end() :]
            called = [f"{before}{name}{after}" for name in names]
            if by_name.keys() >= {*called}:
                yield before, after, [original for name, original in by_name.items() if name in called]


def only_0_and_1(cells: pd.DataFrame) -> bool:
    """Whether all numbers in these cells are 0 or 1, so that they mark classes."""
    numbers, _ = _numbers(cells)
    return bool((np.isin(numbers, (0, 1)) | np.isnan(numbers)).all())


def best_first(cells: pd.DataFrame) -> bool:
    """Whether the numbers fall from left to right in each row, so that they are those of the likeliest classes."""
    numbers, _ = _numbers(cells)
    return not (numbers[:, 1:] > numbers[:, :-1]).any()


def _numbers(cells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The cells as numbers, float64 with NaN for other texts, and whether each holds anything, bool.

    It takes all cells at once, because pandas is slow with thousands of columns.
    """
    flat = cells.to_numpy(object).ravel()
    texts = pd.Series(flat, dtype=object).astype(str).str.strip()
    filled = ~(pd.isna(flat) | texts.isin(("", "nan", "NaN")).to_numpy())
    numbers = pd.to_numeric(texts.str.replace(",", ".", regex=False), errors="coerce").to_numpy(np.float64)
    return numbers.reshape(cells.shape), filled.reshape(cells.shape)


def _from_0_to_1(numbers: np.ndarray) -> np.ndarray:
    return (numbers >= 0) & (numbers <= 1)


def as_probabilities(predicted: Sequence[str | None], class_names: Sequence[str]) -> np.ndarray:
    """(n, K) float64: 1 for the predicted class, else 0. A row without a prediction is NaN."""
    ids = {name.casefold(): i for i, name in enumerate(class_names)}
    probs = np.zeros((len(predicted), len(class_names)))
    for row, value in enumerate(predicted):
        if value is None:
            probs[row] = np.nan
        else:
            probs[row, ids[value.casefold()]] = 1
    return probs


def is_number(text: str) -> bool:
    """Whether a cell holds a number, written with a decimal point."""
    try:
        float(text)
    except ValueError:
        return False
    return True
