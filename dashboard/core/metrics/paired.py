"""Tests and figures for two answers to each of the same questions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SIGNIFICANT = 0.05  # a smaller p-value is significant


def mcnemar_p(only_a_right: int, only_b_right: int) -> float:
    """The p-value of the exact, two-sided McNemar test (McNemar 1947): are A and B right equally often?

    Only images that one of them has right count. If there are none, it is 1.
    """
    from scipy.stats import binomtest

    n = only_a_right + only_b_right
    return float(binomtest(only_a_right, n, 0.5).pvalue) if n else 1.0


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
