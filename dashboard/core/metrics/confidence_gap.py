"""Whether a model is overconfident: the mean confidence against the accuracy, in a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.percent import percent, rounded
from dashboard.core.metrics.scores import Score

_Z = 1.96
_SMALL = 0.01  # an ECE below this is not worth a remark


@dataclass(frozen=True)
class ConfidenceGap:
    """The mean confidence minus the accuracy, with its 95% interval from the normal approximation."""

    confidence: float  # mean, in [0, 1]
    accuracy: float
    low: float
    high: float
    n: int

    @property
    def gap(self) -> float:
        """In [-1, 1]; positive if the model is overconfident."""
        return self.confidence - self.accuracy

    def in_words(self, ece: Score) -> str:
        """One sentence on the calibration.

        Args:
            ece: the expected calibration error of the same images. It tells whether single bins are off although the mean
                is right.
        """
        means = f"the mean confidence is {percent(self.confidence)} and the accuracy {percent(self.accuracy)}"
        if self.low > 0:
            return f"Overconfident: {means}, so the confidence is too high by {_points(self.gap)} on average."
        if self.high < 0:
            return f"Underconfident: {means}, so the confidence is too low by {_points(self.gap)} on average."
        if ece.low > _SMALL:
            note = BY_NAME["ece15"].chance_note(ece.n)
            return (
                "The confidence is too high for some images and too low for others. "
                f"On average it is off by {_points(ece.value)}{f' ({note})' if note else ''}."
            )
        return f"Confidence and accuracy agree, as far as {self.n:,} images can show: {means}."


def confidence_gap(confidence: np.ndarray, correct: np.ndarray) -> ConfidenceGap:
    """The gap of N >= 1 predictions.

    Args:
        confidence: (N,), in [0, 1].
        correct: (N,) bool.
    """
    gaps = confidence - correct
    half = _Z * float(gaps.std()) / math.sqrt(len(gaps))
    mean = float(gaps.mean())
    return ConfidenceGap(float(confidence.mean()), float(np.mean(correct)), mean - half, mean + half, len(gaps))


def _points(value: float) -> str:
    text = f"{rounded(100 * abs(value), 1):f}"
    return f"{text} point{'' if text == '1.0' else 's'}"
