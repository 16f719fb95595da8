"""Calibration of probabilities: the reliability diagram and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.core.metrics.array_fields import Floats, Integers


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy in equal-width bins of confidence; (B,) each."""

    upper: Floats  # upper edge of the bin, inclusive
    images: Integers
    confidence: Floats  # mean; NaN in an empty bin
    accuracy: Floats  # NaN in an empty bin

    @property
    def ece(self) -> float:
        """Mean absolute difference of confidence and accuracy, weighted by bin size (arXiv 1706.04599, eq. 3); in [0, 1]."""
        gap = np.abs(self.confidence - self.accuracy)
        return float(np.nansum(gap * self.images) / self.images.sum())


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> Reliability:
    """The reliability diagram of answers (Guo et al., arXiv 1706.04599, section 2).

    Args:
        confidence: (N,), probability of the predicted class, in [0, 1].
        correct: (N,) bool.
    """
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # bins are (low, high]
    images = np.bincount(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(bin_of, weights=values, minlength=bins) / images for values in (confidence, correct)]
    return Reliability(np.arange(1, bins + 1) / bins, images, *means)


def expected_calibration_error(pred_probs: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """The expected calibration error of probabilities (N, K) with true class ids (N,); see `Reliability.ece`."""
    return reliability(pred_probs.max(axis=1), pred_probs.argmax(axis=1) == labels, bins).ece
