"""HiResCAM (Draelos and Carin, arXiv 2011.08891, section 3). Arithmetic only."""

from __future__ import annotations

import numpy as np


def hires_cam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Shows what each place of a layer contributes to a class's logit.

    If the network is linear after this layer, the contributions add up to the logit (without its bias).

    Args:
        activations: (N, h, w, c), A in the paper.
        gradients: (N, h, w, c), the derivative of the class's logit with respect to A.

    Returns:
        (N, h, w) float32, not negative (contributions against the class are cut off), not normalised.
    """
    return np.maximum((gradients * activations).sum(axis=-1), 0).astype(np.float32)
