"""Whether a model is overconfident: the mean confidence against the accuracy, in a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from dashboard.core.errors import counted
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.percent import decimals_apart, in_percent, percent, rounded
from dashboard.core.metrics.scores import Score

_Z = 1.96
_SMALL = 0.01  # an ECE below this is not worth a remark


@dataclass(frozen=True)
class ConfidenceGap:
    """The mean confidence minus the accuracy, with its 95% interval.

    The interval is that of the normal approximation, or if all answers are right or all are wrong, Wilson's for the accuracy.
    """

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
        """The verdict on the calibration, with its interval, in one or two sentences.

        Args:
            ece: the expected calibration error of the same images. It tells whether single bins are off although the mean
                is right.
        """
        decimals = decimals_apart(100 * self.confidence, 100 * self.accuracy, 1)
        means = f"the mean confidence is {percent(self.confidence, decimals)} and the accuracy {percent(self.accuracy, decimals)}"
        if self.low > 0 or self.high < 0:
            word, side = ("Over", "high") if self.low > 0 else ("Under", "low")
            difference = abs(
                Decimal(in_percent(self.confidence, decimals)) - Decimal(in_percent(self.accuracy, decimals))
            )
            interval = " to ".join(map(_points, sorted((abs(self.low), abs(self.high)))))
            return (
                f"{word}confident: {means}, so the confidence is too {side} by {_in_points(f'{difference:f}')} on average "
                f"(95% interval {interval})."
            )
        if ece.low > _SMALL and not BY_NAME["ece15"].chance_note(ece.n):
            return (
                "The confidence is too high for some images and too low for others. "
                f"On average it is off by {_in_points(_points(ece.value))} (95% interval {_points(ece.low)} to {_points(ece.high)})."
            )
        agree = f"Confidence and accuracy agree, as far as {counted(self.n, 'image')} can show: {means}."
        return f"{agree} The difference may be chance (95% interval in points: {_points(self.low)} to {_points(self.high)})."


def confidence_gap(confidence: np.ndarray, correct: np.ndarray) -> ConfidenceGap:
    """The gap of N >= 1 predictions.

    Args:
        confidence: (N,), in [0, 1].
        correct: (N,) bool.
    """
    gaps = confidence - correct
    mean, half = float(gaps.mean()), _Z * float(gaps.std()) / math.sqrt(len(gaps))
    low, high = mean - half, mean + half
    sure, accuracy = float(confidence.mean()), proportion(int(np.sum(correct)), len(gaps))
    if accuracy.value in (0, 1):
        low, high = sure - accuracy.high, sure - accuracy.low
    return ConfidenceGap(sure, accuracy.value, low, high, len(gaps))


def _points(share: float) -> str:
    """In points, with as many decimals as it takes to tell it from 0."""
    return f"{rounded(100 * share, decimals_apart(100 * share, 0, 1)):f}"


def _in_points(text: str) -> str:
    return f"{text} point{'' if text == '1.0' else 's'}"
