"""A threshold of confidence from which on the share of errors stays below a limit, with 95% confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dashboard.core.errors import counted
from dashboard.core.metrics.halves import halves
from dashboard.core.metrics.intervals import Proportion
from dashboard.core.metrics.risk_coverage import RiskCoverage, risk_coverage

_ALPHA = 0.05  # the probability that the guarantee does not hold


@dataclass(frozen=True)
class Guarantee:
    """The least threshold at which the share of errors is shown to be at most `max_error`, and how it does elsewhere."""

    max_error: float
    threshold: float | None  # accept predictions with at least this confidence; None if nothing could be shown
    coverage: Proportion | None  # share of the test images that are accepted
    risk: Proportion | None  # share of errors among the accepted test images; None if none is accepted
    n_calibration: int  # images that the threshold was chosen on
    n_test: int  # images that coverage and risk were measured on
    reason: str = ""  # a sentence that says why there is no threshold

    @property
    def holds(self) -> bool:
        """True if there is a threshold, and the errors on the test images are not significantly above `max_error`."""
        return self.threshold is not None and (self.risk is None or self.risk.low <= self.max_error)

    def in_words(self) -> str:
        """What the threshold gives, or why there is none to rely on."""
        if self.threshold is None or self.coverage is None:
            return self.reason
        if not self.holds:
            return (
                f"No threshold can be relied on for at most {100 * self.max_error:g}% errors. The one that "
                f"{self.n_calibration:,} images lead to, {_rounded_up(self.threshold)}, fails on {self.n_test:,} others: "
                f"{self.risk} of the predictions that it accepts are wrong. The two groups of images differ, by chance or "
                "because they are of different kinds. Evaluate more images, or allow more errors."
            )
        text = (
            f"Accept predictions with a confidence of at least {_rounded_up(self.threshold)}: with 95% confidence, at most "
            f"{100 * self.max_error:g}% of them are wrong. This was chosen on {self.n_calibration:,} images. "
            f"Of {self.n_test:,} other images it accepts {self.coverage}"
        )
        return f"{text}, and {self.risk} of these are wrong." if self.risk else f"{text}."


def _rounded_up(threshold: float) -> str:
    """The threshold with few decimals, never below it: stricter thresholds were tested, and passed, too."""
    for decimals in range(3, 16):
        rounded = math.ceil(threshold * 10**decimals) / 10**decimals
        if rounded - threshold <= 0.1 * (1 - threshold):
            return f"{rounded:.{decimals}f}"
    return repr(threshold)


def guaranteed_threshold(
    confidence_cal: np.ndarray,
    correct_cal: np.ndarray,
    max_error: float,
    confidence_test: np.ndarray,
    correct_test: np.ndarray,
) -> Guarantee:
    """Finds the least threshold at which at most the share `max_error` of the accepted predictions is wrong.

    With 95% confidence this holds for images from the same source as the calibration images. The thresholds are tested
    from the strictest down, until one fails (fixed-sequence testing: Angelopoulos et al., "Learn then Test",
    arXiv 2110.01052). A threshold passes if the upper limit of its errors (one-sided, Clopper and Pearson
    1934) is at most `max_error`. The first threshold to be tested accepts ln(0.05) / ln(1 - max_error) images, because
    fewer could not pass even without an error.

    Args:
        confidence_cal, correct_cal: (N,) and (N,) bool, of the images to choose the threshold on.
        max_error: the largest share of errors that is allowed, in (0, 1).
        confidence_test, correct_test: (M,) and (M,) bool, of the images to measure coverage and risk on.

    Raises:
        ValueError: `max_error` is out of range, or see `counts_at_thresholds`.
    """
    if not 0 < max_error < 1:
        raise ValueError(f"max_error is {max_error}, but it must be between 0 and 1")
    curve, test = risk_coverage(confidence_cal, correct_cal), risk_coverage(confidence_test, correct_test)
    threshold, reason = _least_that_passes(curve, max_error)
    if threshold is None:
        return Guarantee(max_error, None, None, None, curve.n, test.n, reason)
    found = test.at(threshold)
    risk = found.accuracy and Proportion(
        1 - found.accuracy.value, 1 - found.accuracy.high, 1 - found.accuracy.low, found.accuracy.n
    )
    return Guarantee(max_error, threshold, found.coverage, risk, curve.n, test.n)


def guarantee_on_halves(confidence: np.ndarray, correct: np.ndarray, max_error: float) -> Guarantee:
    """`guaranteed_threshold`, chosen on one of the `halves` of the rows and measured on the other; (N,) each."""
    fit, check = halves(len(confidence))
    if len(confidence) < 2:
        found = len(confidence)
        there = f"There {'is' if found == 1 else 'are'} {counted(found, 'labelled image')}"
        reason = f"{there}, but a threshold needs images to choose it on and to test it on."
        return Guarantee(max_error, None, None, None, len(fit), 0, reason)
    return guaranteed_threshold(confidence[fit], correct[fit], max_error, confidence[check], correct[check])


def _least_that_passes(curve: RiskCoverage, max_error: float) -> tuple[float | None, str]:
    """The threshold, or None and the reason."""
    from scipy.special import betainc

    needed = math.ceil(math.log(_ALPHA) / math.log1p(-max_error))
    if curve.n < needed:
        return None, (
            f"At least {needed:,} images are needed to choose a threshold for at most {100 * max_error:g}% errors, "
            f"but there are only {curve.n:,}: half of the labelled images choose it, the others test it."
        )
    first = int(np.searchsorted(curve.accepted, needed))
    n, errors = curve.accepted[first:], curve.errors[first:]
    # the upper limit is the 95% quantile of Beta(errors + 1, n - errors): it is <= max_error where the CDF is >= 95%
    passes = (errors < n) & (betainc(errors + 1, np.maximum(n - errors, 1), max_error) >= 1 - _ALPHA)
    n_passed = len(passes) if passes.all() else int(np.argmin(passes))
    if n_passed == 0:
        return None, (
            f"Of the {curve.n:,} images that serve to choose a threshold, the {n[0]:,} with the highest confidence have "
            f"{counted(int(errors[0]), 'wrong prediction')}. That is too many: for no threshold can it be shown that at "
            f"most {100 * max_error:g}% of the predictions above it are wrong. Evaluate more images, or allow a higher share of "
            "wrong predictions."
        )
    return float(curve.thresholds[first + n_passed - 1]), ""
