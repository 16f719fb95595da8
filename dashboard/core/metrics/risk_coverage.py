"""Coverage and risk: how many predictions are accepted at a threshold of confidence, and how many of them are wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashboard.core.metrics.intervals import Proportion, proportion
from dashboard.core.metrics.thresholds import counts_at_thresholds, thinned
from dashboard.core.metrics.wilson import wilson


@dataclass(frozen=True)
class Accepted:
    """The predictions that are accepted at one threshold."""

    threshold: float
    coverage: Proportion  # share of the images that are accepted
    accuracy: Proportion | None  # of the accepted; None if none is accepted


@dataclass(frozen=True)
class RiskCoverage:
    """What each threshold accepts: the images whose confidence is at least the threshold. Each array is (T,)."""

    thresholds: np.ndarray  # the distinct confidences, descending
    accepted: np.ndarray  # number of accepted images
    errors: np.ndarray  # number of accepted images with a wrong prediction

    @property
    def n(self) -> int:
        """Number of images."""
        return int(self.accepted[-1])

    @property
    def coverage(self) -> np.ndarray:
        """Share of the images that are accepted, in (0, 1]."""
        return self.accepted / self.n

    @property
    def risk(self) -> np.ndarray:
        """Share of the accepted images with a wrong prediction, in [0, 1]."""
        return self.errors / self.accepted

    def at(self, threshold: float) -> Accepted:
        """Coverage and accuracy at any threshold."""
        position = int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1
        if position < 0:
            return Accepted(threshold, proportion(0, self.n), None)
        accepted, errors = int(self.accepted[position]), int(self.errors[position])
        return Accepted(threshold, proportion(accepted, self.n), proportion(accepted - errors, accepted))

    def table(self, points: int = 500) -> pd.DataFrame:
        """At most `points` points of the curve to draw: threshold, coverage, risk, low, high (95% Wilson interval)."""
        at = thinned(self.accepted, points)
        low, high = wilson(self.errors[at], self.accepted[at])
        return pd.DataFrame(
            {"threshold": self.thresholds[at], "coverage": self.coverage[at], "risk": self.risk[at], "low": low, "high": high}
        )  # fmt: skip


def risk_coverage(confidence: np.ndarray, correct: np.ndarray) -> RiskCoverage:
    """Computes the risk-coverage curve.

    Args:
        confidence: (N,), N >= 1. Any score will do that is higher for predictions that are more certain.
        correct: (N,) bool, True if the predicted class is the true class.

    Raises:
        ValueError: see `counts_at_thresholds`.
    """
    return RiskCoverage(*counts_at_thresholds(confidence, ~np.asarray(correct, bool)))
