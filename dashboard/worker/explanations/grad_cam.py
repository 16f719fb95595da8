"""Grad-CAM (Selvaraju et al., arXiv 1610.02391, section 3). Arithmetic only."""

from __future__ import annotations

import numpy as np


def grad_cam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Shows where the features of a layer raise a class's logit.

    Args:
        activations: (N, h, w, c), A in the paper.
        gradients: (N, h, w, c), the derivative of the class's logit with respect to A.

    Returns:
        (N, h, w) float32, not negative, not normalised.
    """
    weights = gradients.mean(axis=(1, 2))  # (N, c), eq. 1
    return np.maximum(np.einsum("nhwc,nc->nhw", activations, weights), 0).astype(np.float32)  # eq. 2
