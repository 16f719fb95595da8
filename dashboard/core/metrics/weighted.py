"""The metrics of weighted images. A bootstrap resample is a set of weights: how often each image was drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dashboard.core.metrics.answers import Answers, Probabilities
from dashboard.core.metrics.calibration import equal_mass_bin, equal_width_bin

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SHARES = {"accuracy": 1, "top2": 2, "top3": 3, "top5": 5}  # of images whose label has at most this rank
_TINY = float(np.finfo(np.float64).eps)  # the least probability that log loss assumes, as in scikit-learn


class WeightedMetrics:
    """The metrics of some images as functions of the weights of these images."""

    def __init__(self, answers: Answers) -> None:
        """
        Args:
            answers: at least one.
        """
        k, correct = answers.n_classes, answers.correct
        self._true = _indicators(answers.true_ids, k)
        self._predicted = _indicators(answers.predicted_ids, k)
        self._hits = _indicators(answers.true_ids, k, correct)
        self._correct = correct.astype(float)
        self._recall, self._f1 = _of_each_class(*self._counted(np.ones((1, len(answers)))))
        self._averaged = answers.averaged
        self._probabilities = answers.probabilities
        if answers.probabilities:
            self._prepare(answers.probabilities, k)

    def _prepare(self, given: Probabilities, n_classes: int) -> None:
        """What can be summed, for each image."""
        gap = given.confidence - self._correct
        means = {
            "log_loss": -np.log(np.clip(given.of_label, _TINY, 1)),
            "brier": given.squared_error,
            **{name: given.rank_of_label <= k for name, k in SHARES.items() if 1 < k < n_classes},  # else all are
        }
        self._mean_names, self._means = list(means), np.stack([np.asarray(m, float) for m in means.values()], axis=1)
        self._gaps = {
            "ece15": _indicators(equal_width_bin(given.confidence, 15), 15, gap),
            "ece15_equal_mass": _indicators(equal_mass_bin(given.confidence, 15), 15, gap),
            "ece10": _indicators(equal_width_bin(given.confidence, 10), 10, gap),
        }
        levels, level = np.unique(-given.confidence, return_inverse=True)  # the distinct confidences, the surest first
        self._accepted = _indicators(level, len(levels))
        self._errors = _indicators(level, len(levels), 1 - self._correct)

    def values(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Each metric as (B,), for weights (B, N). A metric that is not defined is NaN.

        Top-k accuracy is left out for k classes or fewer, for which it is always 1. The bins of equal mass keep the images
        that they have with equal weights. A class without weight keeps the recall and the F1 that it has with equal weights.
        """
        total = weights.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            # a class that a resample lacks would make it a metric of fewer classes
            found = class_metrics(*self._counted(weights), self._averaged, self._recall, self._f1)
            if self._probabilities:
                means = (weights @ self._means) / total[:, None]
                found |= dict(zip(self._mean_names, means.T, strict=True))
                found |= {name: np.abs(_sums(gap, weights)).sum(axis=1) / total for name, gap in self._gaps.items()}
                found["aurc"] = self._aurc(weights, total)
        return found

    def _counted(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The weight of each class by label, by prediction and by both, (B, K) each."""
        return _sums(self._true, weights), _sums(self._predicted, weights), _sums(self._hits, weights)

    def _aurc(self, weights: np.ndarray, total: np.ndarray) -> np.ndarray:
        """Area under the risk-coverage curve (Geifman, El-Yaniv, arXiv 1705.08500, section 2), for each resample.

        Images of equal confidence are accepted together, so their order does not matter.
        """
        accepted = _sums(self._accepted, weights)
        covered = np.maximum(np.cumsum(accepted, axis=1), 1)
        risk = np.cumsum(_sums(self._errors, weights), axis=1) / covered
        return np.asarray(np.einsum("ij,ij->i", risk, accepted) / total)


def class_metrics(
    true: np.ndarray,
    predicted: np.ndarray,
    hits: np.ndarray,
    averaged: np.ndarray | None = None,
    recall_without: np.ndarray | float = math.nan,
    f1_without: np.ndarray | float = math.nan,
) -> dict[str, np.ndarray]:
    """The metrics of labels and predicted classes, each as (B,). A metric that is not defined is NaN.

    Args:
        true, predicted, hits: (B, K) the weight of each class by label, by prediction and by both.
        averaged: see `Answers`.
        recall_without, f1_without: (K,) those of classes without weight; NaN: such a class does not count.
    """
    total = true.sum(axis=1)
    recall, f1 = _of_each_class(true, predicted, hits)
    recall, f1 = np.where(np.isnan(recall), recall_without, recall), np.where(np.isnan(f1), f1_without, f1)
    agreed, chance = hits.sum(axis=1), (true * predicted).sum(axis=1)
    spread = np.sqrt((total**2 - (true**2).sum(axis=1)) * (total**2 - (predicted**2).sum(axis=1)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "accuracy": agreed / total,
            "balanced_accuracy": _mean(recall, averaged),
            "macro_f1": _mean(f1, averaged),
            "weighted_f1": np.nansum(true * f1, axis=1) / total,
            "mcc": np.where(spread > 0, (agreed * total - chance) / spread, 0.0),
            "cohen_kappa": (agreed * total - chance) / (total**2 - chance),
        }


def _mean(of_each: np.ndarray, averaged: np.ndarray | None) -> np.ndarray:
    """The mean over these classes, (B,), of what (B, K) has for each; without NaN. Itself NaN if nothing is left."""
    chosen = of_each if averaged is None else of_each[:, averaged]
    return np.asarray(np.nansum(chosen, axis=1) / (~np.isnan(chosen)).sum(axis=1))


def _of_each_class(true: np.ndarray, predicted: np.ndarray, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and F1, (B, K) each; NaN where no image has the class."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return hits / true, 2 * hits / (true + predicted)


def _indicators(group: np.ndarray, groups: int, values: np.ndarray | None = None) -> csr_array:
    """(groups, N): the value of each image in the row of its group, or 1."""
    from scipy.sparse import csr_array

    n = len(group)
    data = np.ones(n) if values is None else values.astype(float)
    return csr_array((data, (group, np.arange(n))), shape=(groups, n))


def _sums(indicators: csr_array, weights: np.ndarray) -> np.ndarray:
    """The weighted sum of each group, (B, groups)."""
    return np.asarray(indicators @ weights.T).T
