"""A new temperature, fitted on one half of the labelled images and checked on the other half."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dashboard.core.metrics.calibration import expected_calibration_error
from dashboard.core.metrics.halves import halves
from dashboard.core.metrics.percent import rounded
from dashboard.core.metrics.scores import Score, mean_score
from dashboard.core.metrics.temperature import fit_temperature, log_losses, softmax

_SAME = 1e-3  # relative; temperatures are stored with four decimals


@dataclass(frozen=True)
class Calibration:
    """How well probabilities match the truth; lower is better."""

    ece: float  # expected calibration error over 15 equal-width bins, in [0, 1]
    nll: float  # mean -log p of the true class, in nats


@dataclass(frozen=True)
class Refit:
    """A temperature, and what it does on images that it was not fitted on."""

    temperature_before: float
    temperature: float
    before: Calibration  # on the checked half, with `temperature_before`
    after: Calibration  # on the checked half, with `temperature`
    difference: Score  # of the log loss on the checked half, after minus before; paired
    n_fit: int
    n_check: int

    @property
    def is_better(self) -> bool:
        """True if the new temperature is another one, and significantly better on the checked half."""
        return self.difference.high < 0 and not self.stays

    @property
    def stays(self) -> bool:
        """True if the best temperature is the present one, but for the accuracy of the fit."""
        return math.isclose(self.temperature, self.temperature_before, rel_tol=_SAME)

    def in_words(self) -> str:
        """Whether the new temperature is better, in two sentences."""
        d = self.difference
        if self.stays:
            said = "The temperature stays the same: no other fits these images better."
        elif self.is_better:
            said = "The new temperature is better."
        elif d.low > 0:
            said = "The new temperature is worse: keep the present one."
        else:
            said = "No significant difference: these images do not show that a new temperature is better."
        change, low, high = (rounded(each, 4) for each in (d.value, d.low, d.high))
        return (
            f"{said} On the {d.n:,} images on which it was not fitted, the log loss changes by {change:+f} "
            f"(95% interval {low:+f} to {high:+f}; less is better)."
        )


def refit(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> Refit:
    """Fits the temperature on one of the `halves` of the rows and measures it on the other.

    Args:
        logits: (N, K), N >= 2. If there are none, `log_probabilities` serve; the new temperature is then a factor of
            the old one.
        labels: (N,) true class ids.
        temperature: the present one, by which the logits are divided before the softmax.

    Raises:
        ValueError: there are fewer than two images.
        DatasetError: see `fit_temperature`.
    """
    if len(labels) < 2:
        raise ValueError("two halves need at least two images")
    fit, check = halves(len(labels))
    new = fit_temperature(logits[fit], labels[fit])
    others, truth = logits[check], labels[check]
    losses = [log_losses(others, truth, each) for each in (temperature, new)]
    before, after = (
        Calibration(expected_calibration_error(softmax(others, each), truth), float(loss.mean()))
        for each, loss in zip((temperature, new), losses, strict=True)
    )
    difference = mean_score(losses[1] - losses[0])
    return Refit(temperature, new, before, after, difference, len(fit), len(check))


def log_probabilities(pred_probs: np.ndarray) -> np.ndarray:
    """Logits (N, K) whose softmax is `pred_probs` (N, K)."""
    return np.log(np.maximum(pred_probs, np.finfo(np.float64).tiny))
