"""What an image is replaced by where something of it is taken away."""

from __future__ import annotations

import numpy as np


def mean_colour(images: np.ndarray) -> np.ndarray:
    """Each image's mean colour, (N, 1, 1, C) for (N, H, W, C).

    Black, the usual choice, would give no attribution to what is black (Sturmfels et al., Distill 2020), is as far from
    some images as can be, and is another number in every preprocessing. The mean is none of these.
    """
    return images.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(images.dtype)
