from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import cohen_kappa_score

from dashboard.core.metrics.paired import holm, kappa, mcnemar_p


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
