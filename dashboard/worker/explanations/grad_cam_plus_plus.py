"""Grad-CAM++ (Chattopadhyay et al., arXiv 1710.11063, section 3). Arithmetic only."""

from __future__ import annotations

import numpy as np


def grad_cam_plus_plus(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Grad-CAM with channel weights from only the places where a channel raises the class's logit.

    The paper differentiates exp(logit). This adds one factor per image, which cancels when the map is normalised. The
    method assumes activations after a ReLU. A negative sum of a channel, possible with SiLU, counts as zero here,
    because otherwise the denominator could vanish.

    Args:
        activations: (N, h, w, c), A in the paper.
        gradients: (N, h, w, c), the derivative of the class's logit with respect to A.

    Returns:
        (N, h, w) float32, not negative, not normalised.
    """
    sums = np.maximum(activations.sum(axis=(1, 2), keepdims=True), 0)  # (N, 1, 1, c)
    positive = np.maximum(gradients, 0)
    # (N, h, w, c), eq. 19 reduced by the squared gradient; only used where the gradient is positive
    alphas = 1 / (2 + sums * positive)
    weights = (alphas * positive).sum(axis=(1, 2))  # (N, c), eq. 8
    return np.maximum(np.einsum("nhwc,nc->nhw", activations, weights), 0).astype(np.float32)
