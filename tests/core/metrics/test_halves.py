from __future__ import annotations

import numpy as np
import pytest

from dashboard.core.metrics.halves import halves


@pytest.mark.parametrize("n", [0, 1, 2, 7, 1000])
def test_each_row_is_in_one_half_and_always_in_the_same(n: int) -> None:
    fit, check = halves(n)
    assert sorted([*fit, *check]) == list(range(n)) and len(fit) - len(check) in (0, 1)
    assert np.all(np.diff(fit) > 0) and np.all(np.diff(check) > 0)
    assert np.array_equal(halves(n)[0], fit)


@pytest.mark.parametrize("period", [2, 3, 10, 500])
def test_what_comes_again_and_again_is_in_both_halves_alike(period: int) -> None:
    fit, _ = halves(6000)
    shares = np.bincount(fit % period, minlength=period) / (6000 / period)
    assert abs(shares - 0.5).max() < 4 * 0.5 / np.sqrt(6000 / period)
