"""Grad-CAM++ (Chattopadhyay et al., arXiv 1710.11063, section 3). Arithmetic only."""

from __future__ import annotations

import numpy as np


def grad_cam_plus_plus(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Where a layer's features speak for a class, each channel weighted by the places where it does.

    The paper derives exp(logit); its factor, one number an image, goes when the map is normalised. It presumes activations
    after a ReLU: a sum below zero, as with SiLU, counts as zero, or the denominator could vanish.

    Args:
        activations: (N, h, w, c), A in the paper.
        gradients: (N, h, w, c), the derivative of the class's logit by A.

    Returns:
        (N, h, w) float32, not negative, not normalised.
    """
    sums = np.maximum(activations.sum(axis=(1, 2), keepdims=True), 0)  # (N, 1, 1, c)
    positive = np.maximum(gradients, 0)
    alphas = 1 / (
        2 + sums * positive
    )  # (N, h, w, c), eq. 19 divided by the squared gradient; used where that is positive
    weights = (alphas * positive).sum(axis=(1, 2))  # (N, c), eq. 8
    return np.maximum(np.einsum("nhwc,nc->nhw", activations, weights), 0).astype(np.float32)
