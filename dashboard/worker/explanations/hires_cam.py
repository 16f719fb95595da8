"""HiResCAM (Draelos and Carin, arXiv 2011.08891, section 3). Arithmetic only."""

from __future__ import annotations

import numpy as np


def hires_cam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """What a layer's places contribute to a class's logit; in a network that ends linearly they add up to it.

    Args:
        activations: (N, h, w, c), A in the paper.
        gradients: (N, h, w, c), the derivative of the class's logit by A.

    Returns:
        (N, h, w) float32, not negative (what speaks against the class is cut off), not normalised.
    """
    return np.maximum((gradients * activations).sum(axis=-1), 0).astype(np.float32)
