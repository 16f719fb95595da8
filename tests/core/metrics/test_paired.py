from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest
from sklearn.metrics import cohen_kappa_score

from dashboard.core.metrics.paired import SIGNIFICANT, holm, kappa, mcnemar_p, paired_difference


def test_mcnemar_by_hand() -> None:
    assert mcnemar_p(0, 0) == 1.0
    assert mcnemar_p(0, 5) == pytest.approx(2 / 2**5)
    assert mcnemar_p(1, 5) == mcnemar_p(5, 1) == pytest.approx(2 * (1 + 6) / 2**6)
    assert mcnemar_p(3, 3) == 1.0


def test_mcnemar_is_twice_the_smaller_tail() -> None:
    for few, many in ((10, 30), (40, 60), (400, 480)):
        assert mcnemar_p(few, many) == pytest.approx(2 * binom.cdf(few, few + many, 0.5))


def test_of_a_thousand_pairs_of_equally_good_models_at_most_six_percent_differ() -> None:
    rng = np.random.default_rng(7)
    n, p_only_one = 2000, 0.04  # images, share that only one of the two has right: as often A as B
    counts = rng.multinomial(n, [p_only_one / 2, p_only_one / 2, 1 - p_only_one], size=1000)
    p = np.array([mcnemar_p(int(a), int(b)) for a, b, _ in counts])
    assert 0.01 < (p < 0.05).mean() <= 0.06


def test_models_that_do_differ_are_told_apart() -> None:
    rng = np.random.default_rng(8)
    counts = rng.multinomial(2000, [0.01, 0.04, 0.95], size=100)
    assert all(mcnemar_p(int(a), int(b)) < 0.05 for a, b, _ in counts)


def pairs(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether A and B are right about each image, for these numbers of images."""
    counts = (both, only_a, only_b, neither)
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


@pytest.mark.parametrize("counts", [(36, 12, 2, 0), (20, 12, 2, 16), (900, 40, 10, 50), (10, 30, 30, 10)])
def test_the_interval_of_a_paired_difference_is_that_of_newcombe(counts: tuple[int, int, int, int]) -> None:
    """Method 10 with the letters of the paper: e, f, g, h of n pairs."""
    (e, f, g, h), n = counts, sum(counts)
    numerator = e * h - f * g
    numerator = max(numerator - n / 2, 0) if numerator > 0 else numerator
    phi = numerator / math.sqrt((e + f) * (g + h) * (e + g) * (f + h))
    of_a, of_b = (binomtest(k, n).proportion_ci(method="wilson") for k in (e + f, e + g))
    down = (e + g) / n - of_b.low, of_a.high - (e + f) / n
    up = of_b.high - (e + g) / n, (e + f) / n - of_a.low
    reach = [math.sqrt(x**2 - 2 * phi * x * y + y**2) for x, y in (down, up)]
    assert paired_difference(*pairs(*counts)) == pytest.approx(((g - f) / n - reach[0], (g - f) / n + reach[1]))


@pytest.mark.parametrize("n", [5, 40, 2000])
def test_the_interval_of_a_paired_difference_agrees_with_mcnemar(n: int) -> None:
    for only_a in range(min(n, 30) + 1):
        for only_b in range(min(n - only_a, 30) + 1):
            left = n - only_a - only_b
            for both in {0, left // 2, left}:
                low, high = paired_difference(*pairs(both, only_a, only_b, left - both))
                assert -1 <= low <= (only_b - only_a) / n <= high <= 1
                assert (low > 0 or high < 0) == (mcnemar_p(only_a, only_b) < SIGNIFICANT), (only_a, only_b, both)


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    a = rng.integers(0, 4, 300)
    b = np.where(rng.random(300) < 0.6, a, rng.integers(0, 4, 300))
    together = np.bincount(a * 4 + b, minlength=16).reshape(4, 4)
    assert kappa(together) == pytest.approx(cohen_kappa_score(a, b))
    assert kappa(np.diag([2, 3])) == 1
    assert math.isnan(kappa(np.array([[5, 0], [0, 0]])))


def test_holm_by_hand() -> None:
    assert holm([]) == []
    assert holm([0.03]) == [0.03]
    # ascending: 0.01 x 4, then 0.02 x 3, then 0.03 x 2 raised to the one before, then 0.9
    assert holm([0.02, 0.9, 0.01, 0.03]) == pytest.approx([0.06, 0.9, 0.04, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
