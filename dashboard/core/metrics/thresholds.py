"""Counts at every possible threshold of a score. Images with equal scores are never separated."""

from __future__ import annotations

import numpy as np


def counts_at_thresholds(scores: np.ndarray, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each distinct score, as the threshold: how many images score at least as much, and how many are hits.

    Args:
        scores: (N,) finite numbers, N >= 1.
        hits: (N,) bool.

    Returns:
        The T thresholds, descending; the numbers of images (T,) int; the numbers of hits (T,) int.

    Raises:
        ValueError: there are no images, the arrays differ in length, or a score is not finite.
    """
    scores, hits = np.asarray(scores, np.float64), np.asarray(hits, bool)
    if scores.ndim != 1 or scores.shape != hits.shape or len(scores) == 0:
        raise ValueError(f"expected two arrays of the same length >= 1, got {scores.shape} and {hits.shape}")
    order = np.argsort(-scores)
    ordered = scores[order]
    if not np.isfinite(ordered).all():
        raise ValueError("a score is not finite")
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # the last image of each distinct score
    return ordered[last], last + 1, np.cumsum(hits[order])[last]


def thinned(ascending: np.ndarray, points: int) -> np.ndarray:
    """Positions of at most `points` values, spread evenly over their range; the first and the last are among them.

    Args:
        ascending: (T,) numbers, each larger than the one before, T >= 1.
    """
    return np.unique(np.searchsorted(ascending, np.linspace(ascending[0], ascending[-1], points)))
