"""Turns image files into a model's input, in the same way for predictions and for display."""

from __future__ import annotations

import numpy as np

from dashboard.core.images.decoding import decode_image
from dashboard.core.images.preprocessing import Preprocessing, fit_image

SHRINK_MARGIN = 4  # a JPEG may be decoded smaller, down to this many times the size of the model's input


def enough_pixels(recipe: Preprocessing) -> tuple[int, int]:
    """The smallest (width, height) to which decoding may shrink a picture."""
    return (recipe.width * SHRINK_MARGIN, recipe.height * SHRINK_MARGIN)


def read_model_input(data: bytes, recipe: Preprocessing) -> np.ndarray:
    """Decodes an image file and fits it to the model: (height, width, 3) uint8 RGB, not scaled. Raises ImageError."""
    return fit_image(decode_image(data, enough_pixels(recipe)).pixels, recipe)
