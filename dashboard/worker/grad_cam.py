"""Grad-CAM (Selvaraju et al., arXiv 1610.02391, section 3). Arithmetic only."""

from __future__ import annotations

import numpy as np


def grad_cam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Where a layer's features speak for a class.

    Args:
        activations: (N, h, w, c), A in the paper.
        gradients: (N, h, w, c), the derivative of the class's logit by A.

    Returns:
        (N, h, w) float32, not negative, not normalised.
    """
    weights = gradients.mean(axis=(1, 2))  # (N, c), eq. 1
    return np.maximum(np.einsum("nhwc,nc->nhw", activations, weights), 0).astype(np.float32)  # eq. 2


def to_unit_range(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Divides each map by its maximum.

    Returns:
        Maps (N, h, w) in [0, 1], and which of them are empty, (N,) bool: all zero, "no positive evidence".
    """
    peak = maps.max(axis=(1, 2), keepdims=True)
    empty = peak[:, 0, 0] <= 0
    return np.divide(maps, peak, out=np.zeros_like(maps), where=peak > 0), empty
