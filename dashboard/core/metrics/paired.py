"""Tests and figures for two answers to each of the same questions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dashboard.core.metrics.intervals import difference_limits, proportion

SIGNIFICANT = 0.05  # a smaller p-value is significant


def mcnemar_p(only_a_right: int, only_b_right: int) -> float:
    """The p-value of the exact, two-sided McNemar test (McNemar 1947): are A and B right equally often?

    Only images that one of them has right count. If there are none, it is 1.
    """
    from scipy.stats import binomtest

    n = only_a_right + only_b_right
    return float(binomtest(only_a_right, n, 0.5).pvalue) if n else 1.0


def paired_difference(in_a: np.ndarray, in_b: np.ndarray) -> tuple[float, float]:
    """The 95% interval of the share of B minus that of A; it contains 0 exactly if McNemar's test is not significant.

    It is that of Newcombe (Improved confidence intervals for the difference between binomial proportions based on paired
    data, 1998, method 10). If it disagrees with the test about 0, its end near 0 is that of the test: the Clopper-Pearson
    interval of the share of B among the images that only one of the two has.

    Args:
        in_a, in_b: (N,) bool for each of the same images, such as whether the answer is right; N >= 1.
    """
    n, a, b = len(in_a), proportion(int(in_a.sum()), len(in_a)), proportion(int(in_b.sum()), len(in_b))
    only_a, only_b = int((in_a & ~in_b).sum()), int((~in_a & in_b).sum())
    both = int((in_a & in_b).sum())
    spread = n**2 * math.sqrt(a.value * (1 - a.value) * b.value * (1 - b.value))
    together = float(both * (n - both - only_a - only_b) - only_a * only_b)
    together = max(together - n / 2, 0.0) if together > 0 else together  # corrected for continuity
    difference = (only_b - only_a) / n
    low, high = difference_limits(difference, a, b, together / spread if spread else 0.0)
    if only_a == only_b or (mcnemar_p(only_a, only_b) < SIGNIFICANT) == (low > 0 or high < 0):
        return low, high
    exact_low, exact_high = _of_the_test(only_a, only_b, n)
    return (exact_low, high) if difference > 0 else (low, exact_high)


def _of_the_test(only_a: int, only_b: int, n: int) -> tuple[float, float]:
    """The interval of the share of B minus that of A that inverts McNemar's exact test."""
    from scipy.stats import binomtest

    different = only_a + only_b
    of_b = binomtest(only_b, different).proportion_ci(method="exact")
    return (2 * of_b.low - 1) * different / n, (2 * of_b.high - 1) * different / n


def kappa(together: np.ndarray) -> float:
    """Cohen's kappa (Cohen 1960) of two classifications of the same images: agreement beyond chance, at most 1.

    NaN if both put all images into one and the same class.

    Args:
        together: (K, K) counts; rows are the classes of the first, columns those of the second.
    """
    n = together.sum()
    chance = float((together.sum(axis=0) * together.sum(axis=1)).sum()) / n
    return float(together.trace() - chance) / (n - chance) if n > chance else float("nan")


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number (Holm 1979), in the given order; each in [0, 1]."""
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind="stable")
    raised = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    corrected = np.empty(len(p))
    corrected[order] = raised
    return [float(value) for value in corrected]
