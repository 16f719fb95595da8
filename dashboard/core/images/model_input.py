"""From the bytes of an image file to what a model sees: the one way there, for predicting and for showing."""

from __future__ import annotations

import numpy as np

from dashboard.core.images.decoding import decode_image
from dashboard.core.images.preprocessing import Preprocessing, fit_image

SHRINK_MARGIN = 4  # JPEGs are decoded at a scale that leaves at least this many times the model's input


def enough_pixels(recipe: Preprocessing) -> tuple[int, int]:
    """(width, height) that a picture may be shrunk to while it is decoded."""
    return (recipe.width * SHRINK_MARGIN, recipe.height * SHRINK_MARGIN)


def read_model_input(data: bytes, recipe: Preprocessing) -> np.ndarray:
    """(height, width, 3) uint8 RGB, before scaling. Raises ImageError."""
    return fit_image(decode_image(data, enough_pixels(recipe)).pixels, recipe)
