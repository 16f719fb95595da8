"""LayerCAM (Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps", IEEE TIP 2021, section III-B)."""

from __future__ import annotations

import numpy as np


def layer_cam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Shows where the features of a layer raise a class's logit; each place of a channel is weighted by its gradient.

    Args:
        activations: (N, h, w, c), A in the paper.
        gradients: (N, h, w, c), the derivative of the class's logit with respect to A.

    Returns:
        (N, h, w) float32, not negative, not normalised.
    """
    weights = np.maximum(gradients, 0)  # eq. 6
    return np.maximum((weights * activations).sum(axis=-1), 0).astype(np.float32)  # eq. 7, 8
