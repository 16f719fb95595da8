"""Models with two classes: what each threshold on the probability of the positive class gives and costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np
import pandas as pd

from dashboard.core.metrics.intervals import Proportion, proportion
from dashboard.core.metrics.thresholds import counts_at_thresholds, thinned


@dataclass(frozen=True)
class BinaryMetrics:
    """What one threshold gives. A proportion is None where it would be a share of nothing."""

    threshold: float
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def precision(self) -> Proportion | None:
        """Share of the images called positive that are positive."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> Proportion | None:
        """Share of the positive images that are called positive (sensitivity)."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> Proportion | None:
        """Share of the negative images that are called negative."""
        return _share(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def false_positive_rate(self) -> Proportion | None:
        """Share of the negative images that are called positive."""
        return _share(self.false_positives, self.true_negatives + self.false_positives)


def _share(part: int, whole: int) -> Proportion | None:
    return proportion(part, whole) if whole else None


@dataclass(frozen=True)
class BinaryCurve:
    """The counts at each threshold. An image is called positive if its score is at least the threshold."""

    thresholds: np.ndarray  # (T,) descending: just above the largest score, then each distinct score
    true_positives: np.ndarray  # (T,)
    false_positives: np.ndarray  # (T,)

    @property
    def positives(self) -> int:
        """Number of positive images."""
        return int(self.true_positives[-1])

    @property
    def negatives(self) -> int:
        """Number of negative images."""
        return int(self.false_positives[-1])

    @property
    def recall(self) -> np.ndarray:
        """(T,) in [0, 1], also called true positive rate; NaN if there is no positive image."""
        return _divided(self.true_positives, self.positives)

    @property
    def false_positive_rate(self) -> np.ndarray:
        """(T,) in [0, 1]; NaN if there is no negative image."""
        return _divided(self.false_positives, self.negatives)

    @property
    def precision(self) -> np.ndarray:
        """(T,) in [0, 1]; NaN where no image is called positive."""
        return _divided(self.true_positives, self.true_positives + self.false_positives)

    @property
    def auroc(self) -> float:
        """Area under the ROC curve, in [0, 1]; NaN if all images are of one class."""
        heights = (self.recall[1:] + self.recall[:-1]) / 2
        return float((np.diff(self.false_positive_rate) * heights).sum())

    @property
    def average_precision(self) -> float:
        """Mean precision, weighted by the rise in recall, in [0, 1]; NaN if there is no positive image."""
        return float((np.diff(self.recall) * self.precision[1:]).sum())

    def at(self, threshold: float) -> BinaryMetrics:
        """The counts at any threshold."""
        position = max(int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1, 0)
        right, wrong = int(self.true_positives[position]), int(self.false_positives[position])
        return BinaryMetrics(threshold, right, wrong, self.positives - right, self.negatives - wrong)

    def cost(self, false_positive: float, false_negative: float) -> np.ndarray:
        """The total cost (T,) of the mistakes at each threshold, given the cost of one mistake of each kind."""
        return false_positive * self.false_positives + false_negative * (self.positives - self.true_positives)

    def cheapest(self, false_positive: float, false_negative: float) -> tuple[float, float]:
        """The threshold with the least total cost, and this cost. Of equally cheap thresholds it is the largest."""
        cost = self.cost(false_positive, false_negative)
        best = int(np.argmin(cost))
        return float(self.thresholds[best]), float(cost[best])

    def in_few_decimals(self, threshold: float) -> str:
        """The threshold rounded down to three decimals, or to as many as it takes to call the same images positive.

        One above all scores is rounded up.
        """
        called = self._called(threshold)
        for decimals in range(3, 17):
            for rounding in (ROUND_FLOOR, ROUND_CEILING):
                short = Decimal(repr(threshold)).quantize(Decimal(1).scaleb(-decimals), rounding)
                if self._called(float(short)) == called:
                    return f"{short:f}"
        return repr(threshold)

    def _called(self, threshold: float) -> int:
        found = self.at(threshold)
        return found.true_positives + found.false_positives

    def table(self, false_positive: float = 1.0, false_negative: float = 1.0, points: int = 500) -> pd.DataFrame:
        """At most `points` points of the curves to draw.

        The columns are threshold, false_positive_rate, recall, precision and cost (see `cost`).
        """
        at = thinned(
            self.true_positives / max(self.positives, 1) + self.false_positives / max(self.negatives, 1), points
        )
        return pd.DataFrame(
            {
                "threshold": self.thresholds[at],
                "false_positive_rate": self.false_positive_rate[at],
                "recall": self.recall[at],
                "precision": self.precision[at],
                "cost": self.cost(false_positive, false_negative)[at],
            }
        )


def binary_curve(scores: np.ndarray, positive: np.ndarray) -> BinaryCurve:
    """Computes the ROC and precision-recall curves.

    Args:
        scores: (N,), probability of the positive class or another score that is higher for positive images; N >= 1.
        positive: (N,) bool, True if the true class is the positive class.

    Raises:
        ValueError: see `counts_at_thresholds`.
    """
    thresholds, called, right = counts_at_thresholds(scores, positive)
    above = np.nextafter(thresholds[0], np.inf)
    return BinaryCurve(np.append(above, thresholds), np.append(0, right), np.append(0, called - right))


def _divided(part: np.ndarray, whole: np.ndarray | int) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=np.asarray(whole) > 0)
