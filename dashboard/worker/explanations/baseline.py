"""The colour that replaces removed parts of an image."""

from __future__ import annotations

import numpy as np


def mean_colour(images: np.ndarray) -> np.ndarray:
    """The mean colour of each image: (N, 1, 1, C) for images (N, H, W, C).

    Black, the usual choice, would give no attribution to black pixels (Sturmfels et al., Distill 2020), is very far
    from some images, and has a different value in each preprocessing. The mean colour has none of these problems.
    """
    return images.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(images.dtype)
