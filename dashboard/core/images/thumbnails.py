"""Small copies of a model's input."""

from __future__ import annotations

import numpy as np
from PIL import Image

from dashboard.core.images.preprocessing import Preprocessing

LONGEST_SIDE = 64  # pixels


def thumbnail_shape(recipe: Preprocessing) -> tuple[int, int]:
    """Height and width of a thumbnail: those of the model's input, reduced to at most LONGEST_SIDE."""
    ratio = min(1.0, LONGEST_SIDE / max(recipe.height, recipe.width))
    return max(1, round(recipe.height * ratio)), max(1, round(recipe.width * ratio))


def make_thumbnail(model_input: np.ndarray, recipe: Preprocessing) -> np.ndarray:
    """Reduces a model's input to a thumbnail (height, width, 3) uint8, at most LONGEST_SIDE long."""
    height, width = thumbnail_shape(recipe)
    if model_input.shape[:2] == (height, width):
        return model_input
    return np.asarray(Image.fromarray(model_input).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))
