"""How well confidence matches accuracy: the reliability diagram and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.core.metrics.array_fields import Floats, Integers


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy in B equal-width bins of confidence. Each array is (B,)."""

    upper: Floats  # upper edge of each bin, inclusive; the lower edge is the upper edge of the bin before
    images: Integers
    confidence: Floats  # mean confidence, NaN in an empty bin
    accuracy: Floats  # NaN in an empty bin

    @property
    def ece(self) -> float:
        """Mean distance between confidence and accuracy, weighted by images (arXiv 1706.04599, eq. 3); in [0, 1]."""
        gap = np.abs(self.confidence - self.accuracy)
        return float(np.nansum(gap * self.images) / self.images.sum())


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> Reliability:
    """Computes the reliability diagram of predictions (Guo et al., arXiv 1706.04599, section 2).

    Args:
        confidence: (N,), probability of the predicted class, in [0, 1].
        correct: (N,) bool, True if the predicted class is the true class.
    """
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # bins are (low, high]
    images = np.bincount(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(bin_of, weights=values, minlength=bins) / images for values in (confidence, correct)]
    return Reliability(np.arange(1, bins + 1) / bins, images, *means)


def expected_calibration_error(pred_probs: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """The `Reliability.ece` of probabilities (N, K) and true class ids (N,)."""
    return reliability(pred_probs.max(axis=1), pred_probs.argmax(axis=1) == labels, bins).ece
