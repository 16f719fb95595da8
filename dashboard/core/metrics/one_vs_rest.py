"""How well the probability of each class tells its images from all others."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pandas as pd

from dashboard.core.metrics.binary import binary_curve
from dashboard.core.metrics.wilson import wilson

_Z = NormalDist().inv_cdf(0.975)


def one_vs_rest(pred_probs: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """AUROC and average precision of each class, with 95% intervals.

    Args:
        pred_probs: (N, K), N >= 1.
        labels: (N,) true class ids.

    Returns:
        One row per class: `positives` (images of the class), `negatives` (the other images), `auroc`, `auroc_low`,
        `auroc_high`, `average_precision`, `average_precision_low`, `average_precision_high`. The figures are NaN if
        one of the two groups is empty. See `auroc_interval` for the interval of the AUROC. That of the average
        precision is the binomial interval with n = positives (Boyd, Eng, Page, "Area under the precision-recall curve",
        ECML 2013), in Wilson's form.
    """
    rows = []
    for k, scores in enumerate(pred_probs.T):
        of_class = labels == k
        positives = int(of_class.sum())
        negatives = len(labels) - positives
        auroc = precision = (np.nan, np.nan, np.nan)
        if positives and negatives:
            auroc = auroc_interval(scores[of_class], scores[~of_class])
            value = binary_curve(scores, of_class).average_precision
            low, high = wilson(np.float64(value * positives), np.float64(positives))
            precision = (value, float(low), float(high))
        rows.append((positives, negatives, *auroc, *precision))
    names = [name + end for name in ("auroc", "average_precision") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["positives", "negatives", *names])


def auroc_interval(positive: np.ndarray, negative: np.ndarray) -> tuple[float, float, float]:
    """The AUROC of the scores (P,) of positive and (M,) of negative images, and its 95% interval; P, M >= 1.

    The variance is that of DeLong et al. (1988), the interval is symmetric on the logit scale (Qin, Hotilovac 2008).
    Where that variance is zero or not defined, the interval is that of Newcombe (2006, part 2, method 5).
    """
    # the share of the other group that an image beats; equal scores count half
    of_positive, of_negative = _shares_below(positive, negative), 1 - _shares_below(negative, positive)
    value = float(of_positive.mean())
    if 0 < value < 1 and min(len(positive), len(negative)) > 1:
        error = np.sqrt(of_positive.var(ddof=1) / len(positive) + of_negative.var(ddof=1) / len(negative))
        if error > 0:
            half = _Z * error / (value * (1 - value))
            low, high = 1 / (1 + np.exp(-(np.log(value / (1 - value)) + np.array([-half, half]))))
            return value, float(low), float(high)
    return value, *_newcombe(value, len(positive), len(negative))


def _shares_below(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    ordered = np.sort(others)
    return (np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")) / (2 * len(others))


def _newcombe(value: float, n_positive: int, n_negative: int) -> tuple[float, float]:
    """The two AUROCs that lie 1.96 of their own standard errors away from `value`."""
    from scipy.optimize import brentq

    extra = (n_positive + n_negative) / 2 - 1

    def beyond(auroc: float) -> float:
        variance = auroc * (1 - auroc) * (1 + extra * (1 - auroc) / (2 - auroc) + extra * auroc / (1 + auroc))
        return float((auroc - value) ** 2 - _Z**2 * variance / (n_positive * n_negative))

    # at 0 and 1 themselves the error is zero, which is not the solution that is meant
    low = 0.0 if value == 0 else brentq(beyond, 0, min(value, 1 - 1e-9))
    high = 1.0 if value == 1 else brentq(beyond, max(value, 1e-9), 1)
    return float(low), float(high)
