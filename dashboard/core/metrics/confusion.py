"""Selects the classes to show, since a confusion matrix of a thousand classes is too large to draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

Order = Literal["model", "name", "images", "confused"]


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
    """One row per cell: true_label, predicted_label, count, share_of_true and share_of_predicted in [0, 1].

    Args:
        confusion: (K, K) counts; rows are true labels, columns predicted.
        classes: ids of the classes to include, in the order to show them; None for all.
    """
    classes = np.arange(len(confusion)) if classes is None else classes
    of_true = confusion.sum(axis=1, keepdims=True)[classes]  # includes predictions of classes that are not shown
    of_predicted = confusion.sum(axis=0, keepdims=True)[:, classes]
    confusion = confusion[np.ix_(classes, classes)]
    rows, columns = np.indices(confusion.shape)
    names = np.asarray(class_names, dtype=object)[classes]
    return pd.DataFrame(
        {
            "true_label": names[rows.ravel()],
            "predicted_label": names[columns.ravel()],
            "count": confusion.ravel(),
            "share_of_true": _shares(confusion, of_true).ravel(),
            "share_of_predicted": _shares(confusion, of_predicted).ravel(),
        }
    )


def confusion_sums(confusion: np.ndarray, class_names: Sequence[str], classes: np.ndarray) -> pd.DataFrame:
    """The sum of each row and of each column over all classes, for the classes that are shown, where it is above 0.

    The columns are true_label, predicted_label and count. The predicted_label of a row's sum is missing, and so is the
    true_label of a column's sum.

    Args:
        confusion: (K, K) counts; rows are true labels, columns predicted.
        classes: ids of the classes to include.
    """
    names = np.asarray(class_names, dtype=object)[classes]
    rows = pd.DataFrame({"true_label": names, "predicted_label": None, "count": confusion.sum(axis=1)[classes]})
    columns = pd.DataFrame({"true_label": None, "predicted_label": names, "count": confusion.sum(axis=0)[classes]})
    sums = pd.concat([rows, columns], ignore_index=True)
    return sums[sums["count"] > 0]


def _shares(counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    return np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)


def in_order(confusion: np.ndarray, class_names: Sequence[str], classes: np.ndarray, order: Order) -> np.ndarray:
    """The class ids sorted by name, by number of images (the most first), or so that confused classes are neighbours.

    The order "model" leaves them as they are.
    """
    if order == "model":
        return classes
    if order == "name":
        return classes[np.argsort(np.asarray(class_names, dtype=object)[classes].astype(str), kind="stable")]
    if order == "images":
        return classes[np.argsort(-confusion.sum(axis=1)[classes], kind="stable")]
    return classes[_clustered(confusion[np.ix_(classes, classes)])]


def _clustered(confusion: np.ndarray) -> np.ndarray:
    """Positions of the classes such that those that are mistaken for each other lie together: average linkage."""
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering

    if len(confusion) < 3:
        return np.arange(len(confusion))
    shares = _shares(without_diagonal(confusion), confusion.sum(axis=1, keepdims=True))
    mutual = shares + shares.T
    distances = (1 - mutual / max(mutual.max(), 1e-12))[np.triu_indices(len(mutual), 1)]
    return np.asarray(leaves_list(optimal_leaf_ordering(linkage(distances, "average"), distances)))


def largest_cells(confusion: np.ndarray, most: int) -> list[tuple[int, int, int]]:
    """The cells that hold images as (true class id, predicted class id, images): mistakes first, then the largest."""
    true, predicted = np.nonzero(confusion)
    counts = confusion[true, predicted]
    order = np.lexsort((-counts, true == predicted))[:most]
    return [(int(true[i]), int(predicted[i]), int(counts[i])) for i in order]


def confused_pairs(confusion: np.ndarray, class_names: Sequence[str]) -> pd.DataFrame:
    """The cells with mistakes, the largest first: true_label, predicted_label, count, of (images with the label), share."""
    mistakes = without_diagonal(confusion)
    true, predicted = np.nonzero(mistakes)
    counts, of = mistakes[true, predicted], confusion.sum(axis=1)[true]
    order = np.argsort(-counts, kind="stable")
    names = np.asarray(class_names, dtype=object)
    return pd.DataFrame(
        {
            "true_label": names[true], "predicted_label": names[predicted], "count": counts, "of": of,
            "share": counts / of,
        }
    ).iloc[order].reset_index(drop=True)  # fmt: skip
