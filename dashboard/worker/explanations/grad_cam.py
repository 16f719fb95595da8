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
