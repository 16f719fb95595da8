"""Selects the classes to show, since a confusion matrix of a thousand classes is too large to draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def confused_classes(confusion: np.ndarray, most: int, around: int | None = None) -> np.ndarray:
    """Selects at most `most` classes: first those of the most confused pairs, then those with the most images.

    Returns the class ids in ascending order.


    Args:
        confusion: (K, K) counts; rows are true labels, columns predicted.
        around: id of a class. If given, selects this class and the classes that it is confused with most often.
    """
    mistakes = without_diagonal(confusion)
    true, predicted = np.nonzero(mistakes)
    counts = mistakes[true, predicted]
    pairs = np.stack([true, predicted], axis=1)[np.argsort(-counts, kind="stable")]
    if around is None:
        images = confusion.sum(axis=0) + confusion.sum(axis=1)
        by_rank = np.concatenate([pairs.ravel(), np.argsort(-images, kind="stable")[: np.count_nonzero(images)]])
    else:
        by_rank = np.concatenate([[around], pairs[(pairs == around).any(axis=1)].ravel()])
    ids, first_rank = np.unique(by_rank, return_index=True)
    return np.sort(ids[np.argsort(first_rank)][:most])


def without_diagonal(confusion: np.ndarray) -> np.ndarray:
    """A copy of the counts with 0 on the diagonal, so that only mistakes count."""
    mistakes = confusion.copy()
    np.fill_diagonal(mistakes, 0)
    return mistakes


def confusion_table(
    confusion: np.ndarray, class_names: Sequence[str], classes: np.ndarray | None = None
) -> pd.DataFrame:
    """One row per cell: true_label, predicted_label, count, share of the true class in [0, 1].

    Args:
        confusion: (K, K) counts; rows are true labels, columns predicted.
        classes: ids of the classes to include; None for all.
    """
    classes = np.arange(len(confusion)) if classes is None else classes
    totals = confusion.sum(axis=1, keepdims=True)[classes]  # includes predictions of classes that are not shown
    confusion = confusion[np.ix_(classes, classes)]
    shares = np.divide(confusion, totals, out=np.zeros(confusion.shape), where=totals > 0)
    rows, columns = np.indices(confusion.shape)
    names = np.asarray(class_names, dtype=object)[classes]
    return pd.DataFrame(
        {
            "true_label": names[rows.ravel()],
            "predicted_label": names[columns.ravel()],
            "count": confusion.ravel(),
            "share": shares.ravel(),
        }
    )
