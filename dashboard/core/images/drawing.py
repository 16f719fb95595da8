"""Encodes pixels as PNG, enlarges them and shrinks them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def encode_png(pixels: np.ndarray) -> bytes:
    """Encodes (H, W, 3) uint8 pixels as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def enlarge(pixels: np.ndarray, side: int) -> np.ndarray:
    """Enlarges (H, W, 3) uint8 by a whole factor without smoothing, so that the longer side is about `side`."""
    factor = max(1, round(side / max(pixels.shape[:2])))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def fit_side(pixels: np.ndarray, side: int) -> np.ndarray:
    """Shrinks (H, W, 3) uint8 so that the longer side is at most `side`, or enlarges it as `enlarge` does."""
    if max(pixels.shape[:2]) <= side:
        return enlarge(pixels, side)
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)  # keeps the proportions
    return np.asarray(picture)
