"""The Wilson interval of many proportions at once."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

_Z = NormalDist().inv_cdf(0.975)


def wilson(successes: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper bounds, in [0, 1], of the 95% intervals of `successes / n` (Wilson 1927). NaN where n is 0.

    Args:
        successes, n: (M,) counts, or numbers that stand for counts; 0 <= successes <= n.
    """
    n = np.asarray(n, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = successes / n
        centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
        # rounding errors would put these two bounds slightly beside 0 and 1
        return np.where(share == 0, 0.0, centre - half), np.where(share == 1, 1.0, centre + half)
