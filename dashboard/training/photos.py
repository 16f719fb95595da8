"""Makes training images look like users' photos: enlarged, JPEG-compressed, and shrunk again by the preprocessing."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from itertools import repeat

import numpy as np
from PIL import Image

from dashboard.core.images.model_input import read_model_input
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.training.processes import processes


def as_photo(image: np.ndarray, factor: int, quality: int, recipe: Preprocessing) -> np.ndarray:
    """Enlarges an (S, S, 3) uint8 image `factor` times, saves it as JPEG, and reads that as the served model does."""
    side = image.shape[0] * factor
    buffer = io.BytesIO()
    Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
    return read_model_input(buffer.getvalue(), recipe)


def as_photos(
    images: np.ndarray, recipe: Preprocessing, seed: int, on_progress: Callable[[int], None] = lambda done: None
) -> np.ndarray:
    """Each image as a photo, in the same shape. `seed` draws the factors (2 to 8) and JPEG qualities (50 to 95)."""
    rng = np.random.default_rng(seed)
    factors = rng.integers(2, 9, len(images))
    qualities = rng.integers(50, 96, len(images))
    out = np.empty_like(images)
    with processes(os.cpu_count() or 1) as pool:
        photos = pool.map(as_photo, images, factors.tolist(), qualities.tolist(), repeat(recipe), chunksize=100)
        for done, photo in enumerate(photos, start=1):
            out[done - 1] = photo
            if done % 500 == 0:
                on_progress(done)
    return out
