"""How well confidence matches accuracy: the reliability diagram and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.core.metrics.array_fields import Floats, Integers
from dashboard.core.metrics.wilson import wilson


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy in B bins of confidence. Each array is (B,)."""

    upper: Floats  # upper edge of each bin, inclusive; the lower edge is the upper edge of the bin before
    images: Integers
    confidence: Floats  # mean confidence, NaN in an empty bin
    accuracy: Floats  # NaN in an empty bin

    @property
    def ece(self) -> float:
        """Mean distance between confidence and accuracy, weighted by images (arXiv 1706.04599, eq. 3); in [0, 1]."""
        gap = np.abs(self.confidence - self.accuracy)
        return float(np.nansum(gap * self.images) / self.images.sum())

    @property
    def accuracy_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The lower and upper bounds of the accuracy in each bin (95% Wilson interval), NaN in an empty bin."""
        right = np.where(self.images > 0, np.round(self.accuracy * self.images), 0)
        return wilson(right, self.images)


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> Reliability:
    """Computes the reliability diagram over equal-width bins (Guo et al., arXiv 1706.04599, section 2).

    Args:
        confidence: (N,), probability of the predicted class, in [0, 1].
        correct: (N,) bool, True if the predicted class is the true class.
    """
    return _in_bins(np.arange(1, bins + 1) / bins, equal_width_bin(confidence, bins), confidence, correct)


def equal_mass_reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> Reliability:
    """Computes the reliability diagram over bins of about the same number of images; see `reliability`, N >= 1.

    Its ECE depends less on where the bin edges happen to lie (Nixon et al., arXiv 1904.01685). Images with
    equal confidence share a bin, so there may be fewer bins.
    """
    upper = _equal_mass_edges(confidence, bins)
    return _in_bins(upper, np.searchsorted(upper, confidence), confidence, correct)


def equal_width_bin(confidence: np.ndarray, bins: int) -> np.ndarray:
    """The bin (low, high] of each confidence (N,) in [0, 1], as a number from 0."""
    return np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)


def equal_mass_bin(confidence: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each confidence (N,), N >= 1, as a number from 0, see `equal_mass_reliability`."""
    return np.searchsorted(_equal_mass_edges(confidence, bins), confidence)


def _equal_mass_edges(confidence: np.ndarray, bins: int) -> np.ndarray:
    """The upper edges of the bins, without those that are equal."""
    return np.unique(np.quantile(confidence, np.arange(1, bins + 1) / bins, method="inverted_cdf"))


def _in_bins(upper: np.ndarray, bin_of: np.ndarray, confidence: np.ndarray, correct: np.ndarray) -> Reliability:
    images = np.bincount(bin_of, minlength=len(upper))
    with np.errstate(invalid="ignore"):
        means = [np.bincount(bin_of, weights=values, minlength=len(upper)) / images for values in (confidence, correct)]
    return Reliability(upper, images, *means)


def expected_calibration_error(pred_probs: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """The `Reliability.ece` of probabilities (N, K) and true class ids (N,)."""
    return reliability(pred_probs.max(axis=1), pred_probs.argmax(axis=1) == labels, bins).ece
