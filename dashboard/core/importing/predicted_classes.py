"""Predictions without probabilities: a table with a column of predicted classes, such as `label,prediction`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from dashboard.core.datasets.columns import column_among

MOST_CLASSES = 1000
NO_PROBABILITIES = (
    "{name} has no probabilities, only predicted classes. So nothing can be said about confidence, calibration and "
    "doubtful labels."
)
CONFIDENCE_UNUSED = "The column {column} is not used as a probability, since those of the other classes are missing."
CONFIDENCE_COLUMNS = ("confidence", "conf", "confidence_score", "max_prob", "max_probability", "certainty")


def classes_of(predicted: Iterable[str | None], labels: Iterable[str | None]) -> tuple[str, ...]:
    """The classes in the columns of predictions and true labels; () if these are no classes, or have none in common.

    Upper and lower case do not matter; a class is spelled as its label. Numbers are class ids. Between 0 and the
    largest, those that do not occur are classes too, unless most do not.
    """
    spelled = {value.casefold(): value for value in labels if value is not None}
    of_predicted = {value.casefold(): value for value in predicted if value is not None}
    if spelled and spelled.keys().isdisjoint(of_predicted):
        return ()
    found = {**of_predicted, **spelled}.values()
    if not 2 <= len(found) <= MOST_CLASSES:
        return ()
    if not all(value.isdecimal() for value in found):
        return () if any(map(is_number, found)) else tuple(sorted(found))
    ids = sorted(map(int, found))
    return tuple(map(str, range(ids[-1] + 1) if ids[-1] < 2 * len(ids) else ids))


def are_probabilities(values: Sequence[str]) -> bool:
    """True for numbers in [0, 1] with decimals, which are the probabilities of one of two classes."""
    if not values or not all(map(is_number, values)):
        return False
    numbers = np.array(values, np.float64)
    return bool(((numbers >= 0) & (numbers <= 1)).all()) and not np.isin(numbers, (0, 1)).all()


def likely_probabilities(cells: pd.DataFrame) -> list[str]:
    """The columns that may hold probabilities: numbers from 0 to 1, else several of numbers with decimals (percentages)."""
    texts = cells.astype(object).fillna("").astype(str).replace(",", ".", regex=True)
    likely, decimals = [], []
    for column in texts:
        filled = texts[column][~texts[column].str.strip().isin(("", "nan", "NaN"))]
        numbers = pd.to_numeric(filled, errors="coerce")
        if column_among([column], CONFIDENCE_COLUMNS) or not len(numbers) or numbers.isna().any():
            continue
        if numbers.between(0, 1).all():
            likely.append(column)
        elif (numbers % 1 != 0).any():
            decimals.append(column)
    whole = texts[likely].apply(pd.to_numeric, errors="coerce")
    if whole.isin((0, 1)).all(axis=None) and (whole.sum(axis=1) != 1).any():
        likely = []  # the numbers of two classes
    return likely or (decimals if len(decimals) > 1 else [])


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
