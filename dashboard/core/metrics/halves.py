"""How labelled rows are divided: one half to fit something, the other half to measure whether it holds."""

from __future__ import annotations

import numpy as np

_SEED = 160_300  # any number that other draws from these rows do not use


def halves(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The positions of n >= 0 rows to fit on, (n + 1) // 2 of them, and those to check on; in ascending order.

    They are drawn at random, the same for each n. Every other row would not do: where originals and their copies, or
    day and night, take turns, each half would be of one kind.
    """
    drawn = np.random.default_rng(_SEED).permutation(n)
    fit = (n + 1) // 2
    return np.sort(drawn[:fit]), np.sort(drawn[fit:])
