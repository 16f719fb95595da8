"""What the metrics need to know about each image: a few numbers, whatever the number of classes is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Probabilities:
    """What is needed of the probabilities of N images. Each array is (N,)."""

    confidence: np.ndarray  # probability of the predicted class, in [0, 1]
    of_label: np.ndarray  # probability of the label, in [0, 1]
    rank_of_label: np.ndarray  # place of the label among the classes by probability; 1 is the first
    squared_error: np.ndarray  # sum over the classes of (probability - (1 for the label, else 0))^2, in [0, 2]

    def take(self, places: np.ndarray) -> Probabilities:
        """Those at these places."""
        return Probabilities(*(values[places] for values in vars(self).values()))


@dataclass(frozen=True)
class Answers:
    """The predictions for N images with a label."""

    true_ids: np.ndarray  # (N,) int, class ids of the labels, in [0, K)
    predicted_ids: np.ndarray  # (N,) int, class ids, in [0, K)
    n_classes: int
    probabilities: Probabilities | None  # None if only the predicted classes are known
    averaged: np.ndarray | None = None  # (K,) bool, the classes of macro averages; None: all with a recall or an F1

    def __len__(self) -> int:
        return len(self.true_ids)

    @property
    def correct(self) -> np.ndarray:
        """(N,) bool: the predicted class is the label."""
        return self.true_ids == self.predicted_ids

    @property
    def has_one_label(self) -> bool:
        """All images have the same label; False if there are none."""
        return len(self) > 0 and bool((self.true_ids == self.true_ids[0]).all())

    def take(self, places: np.ndarray) -> Answers:
        """Those at these places."""
        probabilities = self.probabilities and self.probabilities.take(places)
        return replace(
            self,
            true_ids=self.true_ids[places],
            predicted_ids=self.predicted_ids[places],
            probabilities=probabilities,
        )


def over_same_classes(*sides: Answers) -> list[Answers]:
    """The answers of evaluations that are compared, with macro averages over the classes that have images in each of them.

    Otherwise the mean F1 of a side that predicts one more class would be a mean over one more class, which counts as 0.
    """
    averaged = _have_images(sides)
    return [replace(side, averaged=averaged) for side in sides]


def note_on_classes(*sides: Answers) -> str:
    """Says over which classes macro averages of compared evaluations are; "" if each alone has them over the same."""
    averaged = _have_images(sides)
    occurring = [np.union1d(side.true_ids, side.predicted_ids) for side in sides]
    if all(averaged[ids].all() for ids in occurring) or any(side.has_one_label for side in sides):
        return ""
    where = "both" if len(sides) == 2 else "all"
    if not averaged.any():
        return f"Balanced accuracy and macro F1 cannot be compared, because no class has images in {where}."
    n = int(averaged.sum())
    return (
        f"Balanced accuracy and macro F1 are means over the {f'{n:,} classes' if n > 1 else 'one class'} with images in {where}, "
        "so that they can be compared. In the macro F1 of a single evaluation, a class that is only predicted counts as 0; here "
        "it does not count."
    )


def _have_images(sides: Sequence[Answers]) -> np.ndarray:
    """(K,) bool: the class is a label on every side."""
    return np.all([np.bincount(side.true_ids, minlength=side.n_classes) > 0 for side in sides], axis=0)


def probabilities_of(pred_probs: np.ndarray, true_ids: np.ndarray) -> Probabilities:
    """What the metrics need of probabilities (N, K) and labels (N,); where a label is negative it is NaN, the rank 0.

    Classes of equal probability are ranked in the order of their ids, as `argmax` does.
    """
    n, k = pred_probs.shape
    known = true_ids >= 0
    ids = np.where(known, true_ids, 0)
    of_label = pred_probs[np.arange(n), ids] if n else np.empty(0)
    before = (pred_probs > of_label[:, None]) | ((pred_probs == of_label[:, None]) & (np.arange(k) < ids[:, None]))
    squared = (pred_probs**2).sum(axis=1) - 2 * of_label + 1
    return Probabilities(
        confidence=pred_probs.max(axis=1),
        of_label=np.where(known, of_label, np.nan),
        rank_of_label=np.where(known, before.sum(axis=1) + 1, 0),
        squared_error=np.where(known, np.maximum(squared, 0), np.nan),
    )
