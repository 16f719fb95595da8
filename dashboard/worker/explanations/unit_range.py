"""Scales maps to [0, 1]."""

from __future__ import annotations

import numpy as np


def to_unit_range(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Divides each map by its maximum.

    Returns:
        Maps (N, h, w) in [0, 1], and which of them are empty, (N,) bool: all zero, without positive evidence.
    """
    peak = maps.max(axis=(1, 2), keepdims=True)
    empty = peak[:, 0, 0] <= 0
    return np.divide(maps, peak, out=np.zeros_like(maps), where=peak > 0), empty
