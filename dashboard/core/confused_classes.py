"""Which of many classes to look at: a confusion matrix of a thousand classes is too large to be drawn."""

from __future__ import annotations

import numpy as np


def confused_classes(confusion: np.ndarray, most: int, around: int | None = None) -> np.ndarray:
    """Ids of at most `most` classes, ascending: those of the pairs that are confused most often, then of most images.

    Args:
        confusion: (K, K) counts; rows are true labels, columns predicted.
        around: id of a class; then only the pairs that it is part of count.
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
    """The same counts with none for right answers."""
    mistakes = confusion.copy()
    np.fill_diagonal(mistakes, 0)
    return mistakes
